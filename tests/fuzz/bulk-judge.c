// SPDX-License-Identifier: GPL-2.0
/* What the target does with an image, compared with what it has to do. */
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit.h"
#include "bulk.h"
#include "mutate.h"

#define BULK_SAMPLES	8		/* sectors to read of a disk */
#define BULK_MAX_BAD	10		/* wrong ones, then it is enough */

/**
 * bulk_wrong() - the image at work reacts in a wrong way
 * @bulk: the run
 * @fmt: how
 */
void bulk_wrong(struct bulk *bulk, const char *fmt, ...)
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

/**
 * bulk_die() - the run cannot go on
 * @what: failed
 * @r: a negative errno
 */
void bulk_die(const char *what, int r)
{
	fprintf(stderr, "bulk: %s: %s\n", what, strerror(-r));
	exit(2);
}

/**
 * bulk_begin() - put an image on the device
 * @bulk: the run
 * @name: of the image
 * @image: the image
 * @writable: how it is to be mapped
 */
void bulk_begin(struct bulk *bulk, const char *name,
		const struct sparse *image, bool writable)
{
	int r;

	snprintf(bulk->name, sizeof(bulk->name), "%s", name);
	bulk->image = image;
	bulk->writable = writable;
	if (write(bulk->heartbeat, bulk->name, sizeof(bulk->name)) < 0)
		bulk_die("watchdog", -errno);
	r = device_put(&bulk->device, image);
	if (r)
		bulk_die(name, r);
}

/* After whatever was refused or only read. */
static void check_unchanged(struct bulk *bulk)
{
	if (!sparse_equals_fd(bulk->image, bulk->device.fd))
		bulk_wrong(bulk, "was written to");
}

/**
 * bulk_refused() - judge one that has to be refused
 * @bulk: the run
 * @r: what mapping it gave
 * @expected: what it has to give
 * @sentence: which the kernel log must have
 */
void bulk_refused(struct bulk *bulk, int r, int expected,
		  const char *sentence)
{
	bulk->refused++;
	if (!r) {
		bulk_wrong(bulk, "is mapped, but should fail: %s", sentence);
		device_unmap(&bulk->device);
		return;
	}
	if (r != expected)
		bulk_wrong(bulk, "fails with %s, but should fail with %s: %s",
			   strerror(-r), strerror(-expected), sentence);
	else if (!device_said(&bulk->device, sentence))
		bulk_wrong(bulk, "the kernel log lacks \"%s\"", sentence);
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
		bulk_wrong(bulk, "cannot be checked afterwards: %s", strerror(-r));
	for (kind = 1; !r && kind < AUDIT_NR; kind++) {
		/* Without a session nothing has mended headers and tables. */
		if (kind >= (int)VHDX_NR_FAULTS && !written)
			continue;
		if (audit->problem[kind].count &&
		    audit->problem[kind].level == AUDIT_ERROR)
			bulk_wrong(bulk, "is not clean afterwards: %s",
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
			bulk_wrong(bulk, "byte %llu cannot be read: %s",
				   (unsigned long long)samples[i].off,
				   n < 0 ? strerror(errno) : "short");
		else if (memcmp(buf, samples[i].data, sector))
			bulk_wrong(bulk, "reads something else at byte %llu",
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
		bulk_wrong(bulk, "byte %llu cannot be written: %s",
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
		bulk_die("cannot read the image", r);
	is->flags = bulk->image->flags;
	model_init(&model, is, false);
	r = model_load(&model);
	if (r)
		bulk_wrong(bulk, "cannot be loaded afterwards: %s",
			   vhdx_fault_text(r));
	else if (!guid_is_null(&model.layout.header.log_guid))
		bulk_wrong(bulk, "has a log to replay afterwards");
	for (i = 0; !r && i < BULK_SAMPLES; i++) {
		model_disk(&model, samples[i].off, buf, sector);
		if (memcmp(buf, samples[i].data, sector))
			bulk_wrong(bulk, "has something else at byte %llu afterwards",
				   (unsigned long long)samples[i].off);
	}
	model_exit(&model);
	sparse_free(is);
}

/**
 * bulk_large() - judge one too large for a model
 * @bulk: the run
 * @r: what mapping it gave
 *
 * That it can be mapped and is clean is all.
 */
void bulk_large(struct bulk *bulk, int r)
{
	bulk->mapped++;
	if (r)
		bulk_wrong(bulk, "cannot be mapped: %s", strerror(-r));
	r = device_unmap(&bulk->device);
	if (r)
		bulk_die("cannot unmap", r);
	if (bulk->writable)
		check_clean(bulk, false);
	else
		check_unchanged(bulk);
}

/**
 * bulk_served() - judge one that has to be mapped, and unmap it
 * @bulk: the run
 * @r: what mapping it gave
 * @model: what the disk has to be
 * @random: chooses sectors
 */
void bulk_served(struct bulk *bulk, int r, const struct model *model,
		 u64 random)
{
	struct sample samples[BULK_SAMPLES];
	bool written = false;
	u32 sector;
	int disk;

	bulk->mapped++;
	if (r) {
		bulk_wrong(bulk, "cannot be mapped: %s", strerror(-r));
		check_unchanged(bulk);
		return;
	}
	disk = device_disk(bulk->writable);
	if (disk < 0)
		bulk_die("cannot open the disk", disk);
	sector = sample_disk(model, samples, random);
	check_samples(bulk, samples, sector, disk);
	if (bulk->writable)
		/* Not where another sample is. */
		written = write_sample(bulk, model, &samples[BULK_SAMPLES - 1],
				       sector, disk);
	close(disk);
	r = device_unmap(&bulk->device);
	if (r)
		bulk_die("cannot unmap", r);
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
