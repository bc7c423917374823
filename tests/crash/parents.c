// SPDX-License-Identifier: GPL-2.0
/*
 * A parent, and its parent.  Each has some of what the leaf is going to be
 * written: all of a block, parts of it, or nothing.  To the ledger these are
 * writes as any other, which were durable before the leaf's first one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inspect.h"
#include "stamp.h"
#include "workload.h"

#define PARENTS_WRITTEN	45	/* percentage of the sites, for each of them */
#define PARENTS_WHOLE	60	/* of these, so many as a whole */

/* What a child of those that there are needs in its table line. */
static void parents_table(struct parents *parents)
{
	u32 i, at = 0;

	/* The nearest first. */
	for (i = parents->nr; i-- > 0;)
		at += snprintf(parents->table + at, sizeof(parents->table) - at,
			       " parent %s", parents->disk[i].loop.path);
}

/**
 * parents_map() - map an image over the parents
 * @workload: whose
 * @name: of the mapped device
 * @read_only: it cannot be written
 * @device: which has the image
 *
 * Return: 0 or a negative errno.
 */
int parents_map(const struct workload *workload, const char *name,
		bool read_only, const char *device)
{
	const struct parents *parents = &workload->parents;

	if (!parents->nr)
		return stack_map(name, workload_target(workload),
				 workload->disk_sectors, read_only, "%s", device);
	return stack_map(name, workload_target(workload), workload->disk_sectors, read_only,
			 "%s %u%s", device, PARENTS_ARGS * parents->nr,
			 parents->table);
}

static void parents_map_disk(const struct workload *workload,
			     const struct ramdisk *disk)
{
	int r = parents_map(workload, WORKLOAD_NAME, false, disk->loop.path);

	if (r)
		die("%s cannot be mapped: %s", disk->path, strerror(-r));
}

static void parents_pwrite(int fd, const u8 *buf, u64 lba, u32 count)
{
	u64 bytes = (u64)count * SECTOR;

	if (pwrite(fd, buf, bytes, lba * SECTOR) != (ssize_t)bytes)
		die("sector %llu of a parent cannot be written: %s",
		    (unsigned long long)lba, strerror(errno));
}

static void parents_fill_site(struct ledger *ledger, const struct site *site,
			      int fd, u8 *buf, struct dice *dice)
{
	u32 count = site->count, skip, gen, i;

	if (!dice_percent(dice, PARENTS_WHOLE))
		count = 1 + dice_below(dice, count);
	skip = dice_below(dice, site->count - count + 1);
	gen = ledger_inherit(ledger, site, skip, count);
	for (i = 0; i < count; i++)
		stamp_fill(buf + i * SECTOR, site->lba + skip + i, gen,
			   LEDGER_PARENTS);
	parents_pwrite(fd, buf, site->lba + skip, count);
}

static void parents_fill(struct workload *workload, struct dice *dice)
{
	struct ledger *ledger = &workload->ledger;
	u8 *buf = aligned_alloc(PAGE, BLOCK_SECTORS * SECTOR);
	int fd = stack_open(WORKLOAD_NAME, O_RDWR | O_DIRECT);
	u32 i;

	for (i = 0; i < ledger->nr_sites; i++)
		if (dice_percent(dice, PARENTS_WRITTEN))
			parents_fill_site(ledger, &ledger->sites[i], fd, buf,
					  dice);
	if (fdatasync(fd))
		die("a parent cannot be flushed: %s", strerror(errno));
	close(fd);
	free(buf);
}

static void parents_add(struct workload *workload, const char *tool,
			struct dice *dice)
{
	struct parents *parents = &workload->parents;
	struct ramdisk *disk = &parents->disk[parents->nr];
	u64 mib = workload->kind->blocks + 8, bytes;
	char name[16];

	snprintf(name, sizeof(name), "parent%u", parents->nr);
	bytes = workload_image(workload, tool, name);
	ramdisk_init(disk, workload->dir, name, bytes + (mib << 20));
	stamp_foreign(disk->map + bytes, bytes, mib << 20);
	ramdisk_attach(disk);
	parents_map_disk(workload, disk);
	parents_fill(workload, dice);
	stack_unmap(WORKLOAD_NAME);
	/* As its child has it from here on. */
	ramdisk_freeze(disk);
	parents->nr++;
	parents_table(parents);
}

/**
 * parents_create() - make parents with some content
 * @workload: takes them; its ledger has the sites
 * @tool: the tool vhdx
 */
void parents_create(struct workload *workload, const char *tool)
{
	struct dice dice;
	u32 i;

	dice_init(&dice, workload->seed, 6);
	for (i = 0; i < PARENTS; i++)
		parents_add(workload, tool, &dice);
}

/* A sector that parents have, in the first chunk. */
static u64 parents_sector(const struct ledger *ledger, u32 *gen)
{
	u32 i, k;

	for (i = 0; i < ledger->nr_sites; i++) {
		const struct site *site = &ledger->sites[i];

		for (k = 0; k < site->count; k++) {
			*gen = ledger->inherited[site->first + k];
			if (*gen)
				return site->lba + k;
		}
	}
	die("parents have nothing");
}

/**
 * parents_prepare_leaf() - give the leaf a sector bitmap, with stale bits
 * @workload: the leaf is its initial image
 *
 * What it takes to have the target make one is a write to a block that parents have:
 * of what is there anyway.
 */
void parents_prepare_leaf(struct workload *workload)
{
	struct ramdisk *leaf = &workload->initial;
	u8 *buf = aligned_alloc(PAGE, PAGE);
	struct dice dice;
	u32 gen;
	u64 lba;
	int fd;

	lba = parents_sector(&workload->ledger, &gen);
	ramdisk_attach(leaf);
	parents_map_disk(workload, leaf);
	fd = stack_open(WORKLOAD_NAME, O_RDWR | O_DIRECT);
	stamp_fill(buf, lba, gen, LEDGER_PARENTS);
	parents_pwrite(fd, buf, lba, 1);
	close(fd);
	free(buf);
	stack_unmap(WORKLOAD_NAME);
	dice_init(&dice, workload->seed, 7);
	workload->parents.stale_mib = inspect_spoil(leaf, &dice);
	loop_close(&leaf->loop);
}

/**
 * parents_find_bitmaps() - see where the leaf's sector bitmaps are
 * @workload: has run
 *
 * They stay where they are.
 */
void parents_find_bitmaps(struct workload *workload)
{
	struct parents *parents = &workload->parents;

	parents->nr_bitmaps = inspect_bitmaps(&workload->device, parents->bitmap,
					      PARENTS_BITMAPS);
}

/**
 * parents_exit() - give their memory back
 * @parents: the parents, none of them is mapped
 */
void parents_exit(struct parents *parents)
{
	while (parents->nr)
		ramdisk_exit(&parents->disk[--parents->nr]);
}
