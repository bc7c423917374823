// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aio.h"
#include "stamp.h"
#include "workload.h"

#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))

#define WORKLOAD_LOG_BYTES	(4ULL << 30)	/* sparse */
#define WORKLOAD_SITE_SECTORS	64
#define WORKLOAD_BURST		160

/**
 * workload_mark() - note in the log that something is durable now
 * @workload: the workload
 * @kind: what
 * @value: see enum mark_kind
 */
void workload_mark(struct workload *workload, enum mark_kind kind, u32 value)
{
	/* libdevmapper knows no threads. */
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	char message[32];

	pthread_mutex_lock(&lock);
	snprintf(message, sizeof(message), "mark m%u",
		 ledger_mark(&workload->ledger, kind, value));
	stack_message(WORKLOAD_LOGGER, message);
	pthread_mutex_unlock(&lock);
}

/* ------------------------------------------------------------------------
 * Sites
 */

static int workload_block_cmp(const void *a, const void *b)
{
	return (int)(*(const u32 *)a - *(const u32 *)b);
}

/* Different blocks, some of them neighbours.  Spread over the whole BAT. */
static u32 workload_blocks(const struct kind *kind, struct dice *dice,
			   u32 *blocks)
{
	u32 i, nr = 0;

	for (i = 0; i < kind->blocks; i++) {
		blocks[i] = dice_below(dice, kind->disk_mib);
		if (i && dice_percent(dice, 15))
			blocks[i] = (blocks[i - 1] + 1) % kind->disk_mib;
	}
	qsort(blocks, kind->blocks, sizeof(*blocks), workload_block_cmp);
	for (i = 0; i < kind->blocks; i++)
		if (!nr || blocks[nr - 1] != blocks[i])
			blocks[nr++] = blocks[i];
	return nr;
}

static u32 workload_site_sectors(const struct kind *kind, struct dice *dice)
{
	if (dice_percent(dice, kind->whole))
		return BLOCK_SECTORS;
	if (dice_percent(dice, 50))
		return 1 + dice_below(dice, 8);
	return 1 + dice_below(dice, WORKLOAD_SITE_SECTORS);
}

/*
 * Sites of one block; the last one may reach into the next block, whose first
 * sectors are then @taken.
 */
static u32 workload_block_sites(const struct kind *kind, struct dice *dice,
				u32 block, bool taken, bool next_too,
				struct site *sites)
{
	u64 lba = (u64)block * BLOCK_SECTORS, end = lba + BLOCK_SECTORS;
	u32 nr = 0, want = 1 + dice_below(dice, kind->sites);
	u32 count = workload_site_sectors(kind, dice);

	if (count == BLOCK_SECTORS && !taken) {
		sites[0] = (struct site){ .lba = lba, .count = count };
		return 1;
	}
	lba += WORKLOAD_SITE_SECTORS;
	while (nr < want) {
		count = min_t(u32, count, WORKLOAD_SITE_SECTORS);
		lba += dice_below(dice, BLOCK_SECTORS / want - 2 * WORKLOAD_SITE_SECTORS);
		if (next_too && nr + 1 == want && dice_percent(dice, 25))
			lba = end - count / 2;
		else if (lba + count > end)
			break;
		sites[nr++] = (struct site){ .lba = lba, .count = count };
		lba += count;
		count = workload_site_sectors(kind, dice);
	}
	return nr;
}

static void workload_sites(struct workload *workload, struct dice *dice)
{
	const struct kind *kind = workload->kind;
	u32 *blocks = calloc(kind->blocks + 1, sizeof(*blocks));
	struct site *sites = calloc(kind->blocks * kind->sites + 1,
				    sizeof(*sites));
	u32 nr = 0, i, n = kind->blocks ? workload_blocks(kind, dice, blocks) : 0;
	u64 end = 0;

	for (i = 0; i < n; i++) {
		nr += workload_block_sites(kind, dice, blocks[i],
			end > (u64)blocks[i] * BLOCK_SECTORS,
			i + 1 < n && blocks[i + 1] == blocks[i] + 1,
			sites + nr);
		if (nr)
			end = sites[nr - 1].lba + sites[nr - 1].count;
	}
	for (i = 0; i < nr; i++)
		sites[i].writer = dice_below(dice, kind->writers);
	ledger_init(&workload->ledger, sites, nr);
	free(sites);
	free(blocks);
}

/* ------------------------------------------------------------------------
 * Writers
 */

/**
 * struct writer - a thread
 * @workload: whose
 * @number: its number
 * @fd: the mapped device
 * @dice: its choices
 * @aio: its queue
 * @sites: its sites, in the order of their first use
 * @nr_sites: how many
 * @used: how many were used
 * @thread: the thread
 * @slots: writes under way
 */
struct writer {
	struct workload *workload;
	u32 number;
	int fd;
	struct dice dice;
	struct aio aio;
	const struct site **sites;
	u32 nr_sites;
	u32 used;
	pthread_t thread;
	struct slot {
		struct aio_op op;
		const struct site *site;
		u32 skip;
		u32 count;
		u32 gen;
		bool fua;
		u8 *buf;
	} slots[WORKLOAD_BURST];
};

static void writer_init(struct writer *writer, struct workload *workload,
			u32 number)
{
	const struct ledger *ledger = &workload->ledger;
	const struct kind *kind = workload->kind;
	u32 i, j;

	writer->workload = workload;
	writer->number = number;
	writer->fd = stack_open(WORKLOAD_NAME, O_RDWR | O_DIRECT);
	dice_init(&writer->dice, workload->seed, 1000 + number);
	aio_init(&writer->aio, WORKLOAD_BURST);
	writer->sites = calloc(ledger->nr_sites + 1, sizeof(*writer->sites));
	for (i = 0; i < ledger->nr_sites; i++)
		if (ledger->sites[i].writer == number)
			writer->sites[writer->nr_sites++] = &ledger->sites[i];
	for (i = writer->nr_sites; i > 1; i--) {
		const struct site *site = writer->sites[i - 1];

		j = dice_below(&writer->dice, i);
		writer->sites[i - 1] = writer->sites[j];
		writer->sites[j] = site;
	}
	for (i = 0; i < kind->burst; i++)
		writer->slots[i].buf = aligned_alloc(PAGE, kind->whole ?
						     BLOCK_SECTORS * SECTOR :
						     WORKLOAD_SITE_SECTORS *
						     SECTOR);
}

static void writer_exit(struct writer *writer)
{
	u32 i;

	aio_exit(&writer->aio);
	close(writer->fd);
	free(writer->sites);
	for (i = 0; i < WORKLOAD_BURST; i++)
		free(writer->slots[i].buf);
}

/* A site that none of the first @nr slots is using. */
static const struct site *writer_choose(struct writer *writer, u32 nr)
{
	const struct kind *kind = writer->workload->kind;
	const struct site *site;
	u32 i, fresh;

	/* At such a rate that new sites last until the end. */
	fresh = 100 * writer->nr_sites / (kind->rounds * (kind->least + kind->burst + 1) / 2);
	if (writer->used < writer->nr_sites &&
	    (!writer->used || dice_percent(&writer->dice, fresh)))
		return writer->sites[writer->used++];
	site = writer->sites[dice_below(&writer->dice, writer->used)];
	for (i = 0; i < nr; i++)
		if (writer->slots[i].site == site)
			return NULL;
	return site;
}

static void writer_send(struct writer *writer, struct slot *slot,
			const struct site *site)
{
	struct workload *workload = writer->workload;
	u32 i;

	slot->site = site;
	slot->count = site->count;
	if (site->count != BLOCK_SECTORS || dice_percent(&writer->dice, 70))
		slot->count = 1 + dice_below(&writer->dice, site->count);
	slot->skip = dice_below(&writer->dice, site->count - slot->count + 1);
	slot->fua = dice_percent(&writer->dice, workload->kind->fua);
	slot->gen = ledger_issue(&workload->ledger, site, slot->skip,
				 slot->count, false);
	for (i = 0; i < slot->count; i++)
		stamp_fill(slot->buf + i * SECTOR, site->lba + slot->skip + i,
			   slot->gen, writer->number);
	aio_write(&writer->aio, &slot->op, writer->fd, slot->buf,
		  slot->count * SECTOR, (site->lba + slot->skip) * SECTOR,
		  slot->fua);
}

static void writer_complete(struct writer *writer)
{
	struct aio_op *op = aio_wait(&writer->aio);
	struct slot *slot = container_of(op, struct slot, op);
	u32 event;

	if (op->result != slot->count * SECTOR)
		die("a write to sector %llu failed: %lld",
		    (unsigned long long)slot->site->lba + slot->skip,
		    op->result);
	event = ledger_acknowledge(&writer->workload->ledger, slot->site,
				   slot->skip, slot->count, slot->gen);
	if (slot->fua)
		workload_mark(writer->workload, MARK_FUA, event);
}

static void writer_flush(struct writer *writer)
{
	u32 events = ledger_events(&writer->workload->ledger);

	if (fdatasync(writer->fd))
		die("a flush failed: %s", strerror(errno));
	workload_mark(writer->workload, MARK_FLUSH, events);
}

/* A block of the writer's, who has nothing else under way. */
static void writer_discard(struct writer *writer)
{
	struct ledger *ledger = &writer->workload->ledger;
	const struct site *site = writer_choose(writer, 0);
	unsigned long what = dice_percent(&writer->dice, 75) ? BLKDISCARD :
							       BLKZEROOUT;
	u32 gen, skip = 0, count = site ? site->count : 0;
	u64 range[2];

	if (!count || (count != BLOCK_SECTORS && !writer->workload->kind->parents))
		return;
	/* Only whole blocks are freed. */
	if (count != BLOCK_SECTORS || (what == BLKZEROOUT && dice_percent(&writer->dice, 50))) {
		what = BLKZEROOUT;
		skip = dice_below(&writer->dice, count);
		count = 1 + dice_below(&writer->dice, count - skip);
	}
	range[0] = (site->lba + skip) * SECTOR;
	range[1] = (u64)count * SECTOR;
	gen = ledger_issue(ledger, site, skip, count, true);
	if (ioctl(writer->fd, what, range))
		die("a discard failed: %s", strerror(errno));
	ledger_acknowledge(ledger, site, skip, count, gen);
}

static void *writer_run(void *arg)
{
	struct writer *writer = arg;
	const struct kind *kind = writer->workload->kind;
	u32 round, i, nr, want;

	for (round = 0; round < kind->rounds && writer->nr_sites; round++) {
		want = kind->least + 1 +
		       dice_below(&writer->dice, kind->burst - kind->least);
		for (i = nr = 0; i < want; i++) {
			const struct site *site = writer_choose(writer, nr);

			if (site)
				writer_send(writer, &writer->slots[nr++], site);
		}
		for (i = 0; i < nr; i++)
			writer_complete(writer);
		if (dice_percent(&writer->dice, kind->discard))
			writer_discard(writer);
		if (kind->pause)
			usleep(dice_below(&writer->dice, kind->pause * 1000));
		if (dice_percent(&writer->dice, kind->flush))
			writer_flush(writer);
	}
	return NULL;
}

/* Have the session closed beside the writers. */
static void workload_close(struct workload *workload)
{
	u32 i, events;

	for (i = 0; i < workload->kind->closes; i++) {
		usleep(40000);
		events = ledger_events(&workload->ledger);
		stack_message(WORKLOAD_NAME, "close");
		workload_mark(workload, MARK_FLUSH, events);
	}
}

static void workload_write(struct workload *workload)
{
	u32 i, nr = workload->kind->writers;
	struct writer *writers = calloc(nr, sizeof(*writers));

	for (i = 0; i < nr; i++)
		writer_init(&writers[i], workload, i);
	for (i = 0; i < nr; i++)
		pthread_create(&writers[i].thread, NULL, writer_run, &writers[i]);
	disturb_suspend(workload);
	workload_close(workload);
	disturb_move(workload);
	for (i = 0; i < nr; i++)
		pthread_join(writers[i].thread, NULL);
	for (i = 0; i < nr; i++)
		writer_exit(&writers[i]);
	free(writers);
}

/* ------------------------------------------------------------------------
 * All of it
 */

/**
 * workload_image() - create an image, over the parents that there are
 * @workload: whose
 * @tool: the tool vhdx
 * @name: of the file
 *
 * Return: its size in bytes, whole MiB.
 */
u64 workload_image(const struct workload *workload, const char *tool,
		   const char *name)
{
	const struct parents *parents = &workload->parents;
	char command[512], parent[128] = "";
	struct stat st;

	if (parents->nr)
		snprintf(parent, sizeof(parent), "--parent '%s'",
			 parents->disk[parents->nr - 1].path);
	snprintf(command, sizeof(command),
		 "'%s' create --size %uM --block-size 1M %s %s '%s/%s' >/dev/null",
		 tool, workload->kind->disk_mib, workload->kind->vhd ?
		 "--format vhd" : "--log-size 1M", parent, workload->dir, name);
	if (system(command))
		die("failed: %s", command);
	snprintf(command, sizeof(command), "%s/%s", workload->dir, name);
	if (stat(command, &st))
		die("%s: %s", command, strerror(errno));
	return (st.st_size + (1ULL << 20) - 1) >> 20 << 20;
}

static void workload_create(struct workload *workload, const char *tool)
{
	const struct kind *kind = workload->kind;
	u32 mib = kind->blocks ? kind->blocks + 16 : kind->disk_mib + 16;
	u64 bytes, off;

	workload->disk_sectors = (u64)kind->disk_mib * BLOCK_SECTORS;
	if (kind->parents)
		parents_create(workload, tool);
	bytes = workload_image(workload, tool, "initial");
	workload->meta_bytes = bytes;
	ramdisk_init(&workload->initial, workload->dir, "initial",
		     bytes + mib * (1ULL << 20));
	if (kind->exposed)
		stamp_foreign(workload->initial.map + bytes, bytes,
			      mib * (1ULL << 20));
	if (kind->parents && !kind->vhd)
		parents_prepare_leaf(workload);
	ramdisk_init(&workload->device, workload->dir, "device",
		     workload->initial.bytes);
	for (off = 0; off < (kind->exposed ? workload->initial.bytes :
			     workload->meta_bytes); off += 1 << 20)
		memcpy(workload->device.map + off, workload->initial.map + off,
		       1 << 20);
	ramdisk_init(&workload->log, workload->dir, "log", WORKLOAD_LOG_BYTES);
	ramdisk_attach(&workload->device);
	ramdisk_attach(&workload->log);
}

static void workload_map(struct workload *workload)
{
	const struct kind *kind = workload->kind;
	char zeroed[40] = "";
	int r;

	r = stack_map(WORKLOAD_LOGGER, "log-writes",
		      workload->device.bytes / SECTOR, false, "%s %s",
		      workload->device.loop.path, workload->log.loop.path);
	if (r)
		die("no dm-log-writes: %s", strerror(-r));
	r = stack_map(WORKLOAD_BELOW, "one-flush",
		      workload->device.bytes / SECTOR, false, "/dev/mapper/%s",
		      WORKLOAD_LOGGER);
	if (r)
		die("no dm-one-flush: %s", strerror(-r));
	if (!kind->exposed)
		snprintf(zeroed, sizeof(zeroed), " zeroed_from %llu",
			 (unsigned long long)workload->meta_bytes / SECTOR);
	r = stack_map(WORKLOAD_NAME, workload_target(workload),
		      workload->disk_sectors, false,
		      "/dev/mapper/%s %u commit_interval %u idle_close %u%s%s",
		      WORKLOAD_BELOW,
		      (*zeroed ? 6 : 4) + PARENTS_ARGS * workload->parents.nr,
		      kind->commit_interval, kind->idle_close, zeroed,
		      workload->parents.table);
	if (r)
		die("the image cannot be mapped: %s", strerror(-r));
}

/**
 * workload_run() - run a workload
 * @workload: result
 * @kind: which
 * @seed: of its random choices
 * @dir: empty directory in a tmpfs
 * @tool: the tool vhdx
 */
void workload_run(struct workload *workload, const struct kind *kind, u64 seed,
		  const char *dir, const char *tool)
{
	struct dice dice;

	memset(workload, 0, sizeof(*workload));
	workload->kind = kind;
	workload->seed = seed;
	workload->dir = dir;
	dice_init(&dice, seed, 1);
	workload_sites(workload, &dice);
	workload_create(workload, tool);
	workload_map(workload);
	if (kind->files)
		files_write(workload);
	else
		workload_write(workload);
	stack_unmap(WORKLOAD_NAME);
	stack_unmap(WORKLOAD_BELOW);
	stack_unmap(WORKLOAD_LOGGER);
	if (kind->parents && !kind->vhd)
		parents_find_bitmaps(workload);
	trace_init(&workload->trace, workload->log.map, workload->log.bytes);
}

/**
 * workload_exit() - free it
 * @workload: the workload
 */
void workload_exit(struct workload *workload)
{
	trace_exit(&workload->trace);
	ledger_exit(&workload->ledger);
	ramdisk_exit(&workload->initial);
	ramdisk_exit(&workload->device);
	ramdisk_exit(&workload->log);
	parents_exit(&workload->parents);
}
