// SPDX-License-Identifier: GPL-2.0
/*
 * bulk - many images through the target, some tens a second
 *
 *   bulk cases CASES.TSV CASES.ALL [both]
 *					what mkvhdx.py expects of its images; both: of
 *					each read-only as well
 *   bulk fuzz SEEDS.ALL SEED COUNT [ONE]
 *					COUNT images made from the seeds with the
 *					random seed SEED, or only number ONE: the
 *					target and the shared code agree
 *
 * Runs in the VM, as root.  An image is refused with the right errno and the
 * right sentence in the kernel log, or mapped and serves the right contents.
 * What was refused or mapped read-only has not changed by a byte afterwards;
 * what was written to passes 'vhdx check' and has what was written.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <poll.h>
#include <unistd.h>

#include "archive.h"
#include "audit.h"
#include "device.h"
#include "model.h"
#include "mutate.h"
#include "sha256.h"

#define BULK_HANGS_MS	(300 * 1000)	/* for one image; slow is no hang */
#define BULK_SAMPLES	8		/* sectors to read of a disk */
#define BULK_MAX_BYTES	(1ULL << 44)	/* larger ones only take longer */
#define BULK_MAX_ZEROED	(64ULL << 20)	/* by a replay */
#define BULK_MAX_BAD	10		/* wrong ones, then it is enough */
#define BULK_COMPARE	(8U << 20)

/**
 * struct bulk - the run
 * @device: where the images go
 * @name: of the image at work
 * @image: the image at work
 * @writable: how it is mapped
 * @bad: how many reacted in a wrong way
 * @mapped: how many could be mapped
 * @refused: how many could not
 * @heartbeat: tells the watchdog that there is progress
 */
struct bulk {
	struct device device;
	char name[320];
	const struct sparse *image;
	bool writable;
	u32 bad;
	u32 mapped;
	u32 refused;
	int heartbeat;
};

static void __attribute__((format(printf, 2, 3)))
wrong(struct bulk *bulk, const char *fmt, ...)
{
	static u8 packed[16384];
	size_t size;
	va_list args;

	printf("%s, %s: ", bulk->name, bulk->writable ? "rw" : "ro");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	/* One will do; those with much payload are files that are there. */
	size = bulk->bad++ ? 0 :
	       sparse_pack(bulk->image, packed, sizeof(packed));
	if (size) {
		puts("packed, for \"xxd -r -p\" and \"pack image\":");
		sparse_dump(packed, size, stdout);
	}
	fflush(stdout);
	if (bulk->bad >= BULK_MAX_BAD) {
		puts("and so on");
		exit(1);
	}
}

static void die(const char *what, int r)
{
	fprintf(stderr, "bulk: %s: %s\n", what, strerror(-r));
	exit(2);
}

/* A process that ends this one when an image takes too long. */
static void watch(struct bulk *bulk)
{
	struct pollfd poll_fd = { .events = POLLIN };
	pid_t parent = getpid();
	char name[320] = "the start";
	int ends[2];

	if (pipe(ends))
		die("pipe", -errno);
	fflush(NULL);
	if (fork()) {
		close(ends[0]);
		bulk->heartbeat = ends[1];
		return;
	}
	close(ends[1]);
	poll_fd.fd = ends[0];
	while (poll(&poll_fd, 1, BULK_HANGS_MS) > 0)
		if (read(ends[0], name, sizeof(name)) <= 0)
			_exit(0);
	printf("%s: hangs\n", name);
	fflush(stdout);
	kill(parent, SIGKILL);
	_exit(1);
}

static void begin(struct bulk *bulk, const char *name,
		  const struct sparse *image, bool writable)
{
	int r;

	snprintf(bulk->name, sizeof(bulk->name), "%s", name);
	bulk->image = image;
	bulk->writable = writable;
	if (write(bulk->heartbeat, bulk->name, sizeof(bulk->name)) < 0)
		die("watchdog", -errno);
	r = device_put(&bulk->device, image);
	if (r)
		die(name, r);
}

/* After whatever was refused or only read. */
static void check_unchanged(struct bulk *bulk)
{
	if (!sparse_equals_fd(bulk->image, bulk->device.fd))
		wrong(bulk, "was written to");
}

static void check_refused(struct bulk *bulk, int r, int expected,
			  const char *sentence)
{
	bulk->refused++;
	if (!r) {
		wrong(bulk, "is mapped, but should fail: %s", sentence);
		device_unmap(&bulk->device);
		return;
	}
	if (r != expected)
		wrong(bulk, "fails with %s, but should fail with %s: %s",
		      strerror(-r), strerror(-expected), sentence);
	else if (!device_said(&bulk->device, sentence))
		wrong(bulk, "the kernel log lacks \"%s\"", sentence);
	check_unchanged(bulk);
}

/* What 'vhdx check' says of the file. */
static void check_clean(struct bulk *bulk, bool written)
{
	struct audit *audit = malloc(sizeof(*audit));
	struct image image;
	char path[64];
	int r, kind;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", bulk->device.fd);
	r = image_open(&image, path, IMAGE_READ);
	if (!r)
		r = audit_image(audit, &image);
	if (r)
		wrong(bulk, "cannot be checked afterwards: %s", strerror(-r));
	for (kind = 1; !r && kind < AUDIT_NR; kind++) {
		/* Without a session nothing has mended headers and tables. */
		if (kind >= (int)VHDX_NR_FAULTS && !written)
			continue;
		if (audit->problem[kind].count &&
		    audit->problem[kind].level == AUDIT_ERROR)
			wrong(bulk, "is not clean afterwards: %s",
			      audit_text(kind));
	}
	image_close(&image);
	free(audit);
}

/**
 * struct sample - a sector of the disk
 * @off: bytes from its start
 * @data: what it has to be
 */
struct sample {
	u64 off;
	u8 data[4096];
};

/* Sectors of the disk: the first, the last, some that are in blocks. */
static u32 sample_disk(const struct model *model, struct sample *samples,
		       u64 random)
{
	u64 bytes = model->layout.geo.disk_bytes;
	u32 sector = model->layout.meta.logical_bytes, block, i;
	struct mutator m = { .random = random };

	for (i = 0; i < BULK_SAMPLES; i++) {
		u64 off = mutate_random(&m) % bytes;

		if (i == 0)
			off = 0;
		else if (i == 1)
			off = bytes - sector;
		else if (i < 6)		/* where images have their blocks */
			off %= min_t(u64, bytes, 8ULL <<
				     model->layout.geo.block_shift);
		block = off >> model->layout.geo.block_shift;
		if (i == 5)
			off = (u64)block << model->layout.geo.block_shift;
		samples[i].off = off - off % sector;
		model_disk(model, samples[i].off, samples[i].data, sector);
	}
	return sector;
}

static void check_samples(struct bulk *bulk, const struct sample *samples,
			  u32 sector, int disk)
{
	static u8 buf[4096] __attribute__((aligned(4096)));
	u32 i;

	for (i = 0; i < BULK_SAMPLES; i++) {
		ssize_t n = pread(disk, buf, sector, samples[i].off);

		if (n != (ssize_t)sector)
			wrong(bulk, "byte %llu cannot be read: %s",
			      (unsigned long long)samples[i].off,
			      n < 0 ? strerror(errno) : "short");
		else if (memcmp(buf, samples[i].data, sector))
			wrong(bulk, "reads something else at byte %llu",
			      (unsigned long long)samples[i].off);
	}
}

/* Write one sector; false if there is no space for it. */
static bool write_sample(struct bulk *bulk, const struct model *model,
			 struct sample *sample, u32 sector, int disk)
{
	static u8 buf[4096] __attribute__((aligned(4096)));
	u32 block = sample->off >> model->layout.geo.block_shift;

	memset(buf, 0x5a, sector);
	if (pwrite(disk, buf, sector, sample->off) == (ssize_t)sector &&
	    !fsync(disk)) {
		memcpy(sample->data, buf, sector);
		return true;
	}
	if (model->mibs[block] ||
	    vhdx_space_find(&model->space, 1, vhdx_block_mib(&model->layout.geo)))
		wrong(bulk, "byte %llu cannot be written: %s",
		      (unsigned long long)sample->off, strerror(errno));
	return false;
}

/* What the file has to say after the mapping is gone. */
static void check_afterwards(struct bulk *bulk, const struct sample *samples,
			     u32 sector)
{
	struct sparse *is = sparse_new();
	struct model model;
	u8 buf[4096];
	u32 i;
	int r;

	r = sparse_from_fd(is, bulk->device.fd);
	if (r)
		die("cannot read the image", r);
	is->flags = bulk->image->flags;
	model_init(&model, is, false);
	r = model_load(&model);
	if (r)
		wrong(bulk, "cannot be loaded afterwards: %s",
		      vhdx_fault_text(r));
	else if (!guid_is_null(&model.layout.header.log_guid))
		wrong(bulk, "has a log to replay afterwards");
	for (i = 0; !r && i < BULK_SAMPLES; i++) {
		model_disk(&model, samples[i].off, buf, sector);
		if (memcmp(buf, samples[i].data, sector))
			wrong(bulk, "has something else at byte %llu afterwards",
			      (unsigned long long)samples[i].off);
	}
	model_exit(&model);
	sparse_free(is);
}

/* One too large for a model: that it can be mapped and is clean is all. */
static void check_large(struct bulk *bulk, int r)
{
	bulk->mapped++;
	if (r)
		wrong(bulk, "cannot be mapped: %s", strerror(-r));
	r = device_unmap(&bulk->device);
	if (r)
		die("cannot unmap", r);
	if (bulk->writable)
		check_clean(bulk, false);
	else
		check_unchanged(bulk);
}

static void check_served(struct bulk *bulk, int r, const struct model *model,
			 u64 random)
{
	struct sample samples[BULK_SAMPLES];
	bool written = false;
	u32 sector;
	int disk;

	bulk->mapped++;
	if (r) {
		wrong(bulk, "cannot be mapped: %s", strerror(-r));
		check_unchanged(bulk);
		return;
	}
	disk = device_disk(bulk->writable);
	if (disk < 0)
		die("cannot open the disk", disk);
	sector = sample_disk(model, samples, random);
	check_samples(bulk, samples, sector, disk);
	if (bulk->writable)
		/* Not where another sample is. */
		written = write_sample(bulk, model, &samples[BULK_SAMPLES - 1],
				       sector, disk);
	close(disk);
	r = device_unmap(&bulk->device);
	if (r)
		die("cannot unmap", r);
	if (!bulk->writable) {
		check_unchanged(bulk);
		return;
	}
	for (r = 0; r < BULK_SAMPLES - 1; r++)
		if (samples[r].off == samples[BULK_SAMPLES - 1].off)
			samples[r] = samples[BULK_SAMPLES - 1];
	check_afterwards(bulk, samples, sector);
	check_clean(bulk, written);
}

/* ------------------------------------------------------------------------
 * The cases of mkvhdx.py
 */

static int errno_of(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {
		{ "ok", 0 }, { "EINVAL", EINVAL }, { "EOPNOTSUPP", EOPNOTSUPP },
		{ "EFBIG", EFBIG }, { "ENOSPC", ENOSPC }, { "EIO", EIO },
		{ "ENOMEM", ENOMEM },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i].name, name))
			return -names[i].number;
	die(name, -EINVAL);
	return 0;
}

static const char *text_of(const char *fault)
{
	int i;

	for (i = 1; i < VHDX_NR_FAULTS; i++)
		if (!strcmp(vhdx_fault_name(i), fault))
			return vhdx_fault_text(i);
	die(fault, -EINVAL);
	return NULL;
}

/* Checksum of a disk; most are like one before, which saves much time. */
static const char *disk_sha256(const u8 *disk, size_t bytes)
{
	static struct {
		u8 *disk;
		size_t bytes;
		char hex[65];
	} known[16];
	static u32 next;
	struct sha256 sha;
	u32 i;

	for (i = 0; i < 16; i++)
		if (known[i].disk && known[i].bytes == bytes &&
		    !memcmp(known[i].disk, disk, bytes))
			return known[i].hex;
	i = next++ % 16;
	known[i].disk = realloc(known[i].disk, bytes + 1);
	known[i].bytes = bytes;
	memcpy(known[i].disk, disk, bytes);
	sha256_init(&sha);
	sha256_update(&sha, disk, bytes);
	sha256_hex(&sha, known[i].hex);
	return known[i].hex;
}

static void check_contents(struct bulk *bulk, u32 bytes, const char *sha)
{
	static u8 *buf;
	int disk = device_disk(false);
	ssize_t n = 0, part;

	if (!buf)
		buf = aligned_alloc(4096, BULK_COMPARE);
	if (disk < 0)
		die("cannot open the disk", disk);
	if (bytes > BULK_COMPARE)
		die("disk", -EFBIG);
	do {
		part = pread(disk, buf + n, bytes - n, n);
		n += part > 0 ? part : 0;
	} while (part > 0 && n < bytes);
	if (n < bytes)
		wrong(bulk, "reads %zd bytes of %u: %s", n, bytes,
		      part < 0 ? strerror(errno) : "the end");
	else if (strcmp(disk_sha256(buf, bytes), sha))
		wrong(bulk, "reads as %s", disk_sha256(buf, bytes));
	close(disk);
}

/**
 * struct expectation - a line of cases.tsv
 * @file: image
 * @writable: mode rw
 * @result: ok or the name of an errno
 * @fault: its name, or -
 * @length: of the disk to compare
 * @sha: of that, or -
 */
struct expectation {
	char file[200];
	bool writable;
	char result[32];
	char fault[64];
	char length[32];
	char sha[65];
};

static void run_case(struct bulk *bulk, const struct expectation *e,
		     const struct archive_item *item)
{
	struct sparse *image = sparse_unpack(item->packed, item->size);
	bool ok = !strcmp(e->result, "ok");
	struct model model;
	int r, loaded = 0;

	begin(bulk, e->file, image, e->writable);
	model_init(&model, image, bulk->writable);
	if (ok)
		loaded = model_load(&model);
	r = device_map(&bulk->device, (model.layout.geo.disk_bytes ?: SZ_1M) >> 9,
		       bulk->writable);
	if (!ok) {
		check_refused(bulk, r, errno_of(e->result), text_of(e->fault));
	} else {
		if (!r && strcmp(e->sha, "-"))
			check_contents(bulk, strtoul(e->length, NULL, 10), e->sha);
		if (loaded == MODEL_TOO_LARGE)
			check_large(bulk, r);
		else if (loaded)
			wrong(bulk, "does not load: %s", vhdx_fault_text(loaded));
		else
			check_served(bulk, r, &model, item->size);
	}
	model_exit(&model);
	sparse_free(image);
}

static bool next_case(FILE *file, struct expectation *e)
{
	char line[1024], number[16], mode[8];
	unsigned long long device;

	memset(e, 0, sizeof(*e));
	if (!fgets(line, sizeof(line), file))
		return false;
	if (sscanf(line, "%15[^\t]\t%199[^\t]\t%llu\t%7[^\t]\t%31[^\t]\t%63[^\t]\t%31[^\t]\t%64s",
		   number, e->file, &device, mode, e->result, e->fault,
		   e->length, e->sha) != 8)
		die(line, -EINVAL);
	e->writable = !strcmp(mode, "rw");
	return true;
}

static void run_cases(struct bulk *bulk, const char *tsv, const char *archive,
		      bool both)
{
	FILE *file = fopen(tsv, "re");
	struct expectation e, next;
	const struct archive_item *item;
	struct archive all;
	char name[256];
	bool more;

	if (!file || !archive_read(&all, archive))
		die(file ? archive : tsv, -errno);
	for (more = next_case(file, &next); more; ) {
		e = next;
		more = next_case(file, &next);
		snprintf(name, sizeof(name), "%s.%s", e.file,
			 e.writable ? "rw" : "ro");
		item = archive_find(&all, name);
		if (!item)
			die(name, -ENOENT);
		run_case(bulk, &e, item);
		/* The rw line holds for ro, too, unless there is one for that. */
		if (both && e.writable && strcmp(e.file, next.file)) {
			e.writable = false;
			run_case(bulk, &e, item);
		}
	}
	fclose(file);
	archive_free(&all);
}

/* ------------------------------------------------------------------------
 * Images that nobody has thought of
 */

static struct sparse *make_image(const struct archive *seeds, u64 seed, u32 number)
{
	static const mutate_focus focus = {
		[MUTATE_HEADER] = 2, [MUTATE_REGION] = 2, [MUTATE_META] = 3,
		[MUTATE_BAT] = 4, [MUTATE_LOG] = 5, [MUTATE_SIZE] = 2,
		[MUTATE_RAW] = 2,
	};
	struct mutator m = { .random = seed + number * 0x51ab3ff17c1ULL };
	const struct archive_item *item;
	struct sparse *image, *other;

	item = &seeds->items[mutate_below(&m, seeds->nr)];
	image = sparse_unpack(item->packed, item->size);
	if (!mutate_below(&m, 6)) {
		item = &seeds->items[mutate_below(&m, seeds->nr)];
		other = sparse_unpack(item->packed, item->size);
		mutate_cross(image, other, mutate_random(&m));
		sparse_free(other);
	}
	mutate(image, mutate_random(&m), focus);
	image->trouble = SPARSE_FINE;
	image->bytes &= ~(image->flags & SPARSE_LOGICAL_4K ? 4095ULL : 511ULL);
	return image;
}

/* False if the image is too large to be tried. */
static bool run_one(struct bulk *bulk, const char *name,
		    const struct sparse *image, bool writable, u64 random)
{
	struct model model;
	int expected, r;

	model_init(&model, image, writable);
	expected = model_load(&model);
	if (expected == MODEL_TOO_LARGE || image->bytes > BULK_MAX_BYTES ||
	    model.zeroed > BULK_MAX_ZEROED) {
		model_exit(&model);
		return false;
	}
	begin(bulk, name, image, writable);
	r = device_map(&bulk->device, (model.layout.geo.disk_bytes ?: SZ_1M) >> 9,
		       writable);
	if (expected)
		check_refused(bulk, r, vhdx_fault_errno(expected),
			      vhdx_fault_text(expected));
	else
		check_served(bulk, r, &model, random);
	model_exit(&model);
	return true;
}

static void run_fuzz(struct bulk *bulk, const char *archive, u64 seed, u32 count,
		     u32 one)
{
	struct archive seeds;
	char name[320];
	u32 number, left_out = 0;

	if (!archive_read(&seeds, archive) || !seeds.nr)
		die(archive, -errno);
	for (number = 1; number <= count; number++) {
		struct sparse *image;

		if (one && number != one)
			continue;
		image = make_image(&seeds, seed, number);
		snprintf(name, sizeof(name), "seed %llu, image %u",
			 (unsigned long long)seed, number);
		if (!run_one(bulk, name, image, false, number) ||
		    !run_one(bulk, name, image, true, number))
			left_out++;
		sparse_free(image);
	}
	printf("%u images were left out, being too large\n", left_out);
	archive_free(&seeds);
}

int main(int argc, char **argv)
{
	struct bulk bulk = {};
	bool cases = (argc == 4 || argc == 5) && !strcmp(argv[1], "cases");
	bool fuzz = (argc == 5 || argc == 6) && !strcmp(argv[1], "fuzz");
	int r;

	if (!cases && !fuzz) {
		fputs("usage: bulk cases CASES.TSV CASES.ALL [both] | bulk fuzz SEEDS.ALL SEED COUNT [ONE]\n",
		      stderr);
		return 2;
	}
	watch(&bulk);
	r = device_open(&bulk.device);
	if (r)
		die("cannot set up the devices", r);
	if (cases)
		run_cases(&bulk, argv[2], argv[3], argc == 5);
	else
		run_fuzz(&bulk, argv[2], strtoull(argv[3], NULL, 0),
			 strtoul(argv[4], NULL, 0),
			 argc == 6 ? strtoul(argv[5], NULL, 0) : 0);
	device_close(&bulk.device);
	printf("%u mapped, %u refused, %u wrong\n", bulk.mapped, bulk.refused,
	       bulk.bad);
	return !!bulk.bad;
}
