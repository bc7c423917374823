// SPDX-License-Identifier: GPL-2.0
/*
 * The images of tests/images/mkvhdx.py through the whole of the format code, in
 * the order of module and tool: each fault is the one in cases.tsv, and what an
 * image reads as has the checksum there.  The directory is $VHDX_IMAGES.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"
#include "cases.h"
#include "vhdx-load.h"

#define BAT_BYTES	65536

/**
 * struct change - a sector or range that the log changes
 * @off: bytes from the start of the image
 * @bytes: how many
 * @data: 4 KiB, or NULL for zeros
 */
struct change {
	u64 off;
	u64 bytes;
	u8 *data;
};

/**
 * struct image - an image on a backing device of a given size
 * @reader: for the tested code
 * @source: its log
 * @sink: takes the log's changes
 * @fd: the file, which may be shorter than the device
 * @file_bytes: its size
 * @changes: the log's changes, oldest first
 * @nr_changes: how many
 * @sector: what source.sector() hands out
 * @layout: result
 * @space: result
 * @mibs: where each block is, 0 if nowhere
 */
struct image {
	struct vhdx_reader reader;
	struct vhdx_log_source source;
	struct vhdx_log_sink sink;
	int fd;
	u64 file_bytes;
	struct change *changes;
	u32 nr_changes;
	u8 sector[VHDX_SECTOR];
	struct vhdx_layout layout;
	struct vhdx_space space;
	u64 *mibs;
};

static u8 scratch[VHDX_LOAD_SCRATCH];

static void image_pread(const struct image *image, u64 off, void *buf, u32 bytes)
{
	ssize_t n;

	assert_true(off <= image->reader.image_bytes);
	assert_true(bytes <= image->reader.image_bytes - off);
	memset(buf, 0, bytes);
	n = pread(image->fd, buf, bytes, off);
	assert_true(n >= 0);
	assert_true(n == bytes || off + n == image->file_bytes || !n);
}

static int image_read(struct vhdx_reader *reader, u64 off, void *buf, u32 bytes)
{
	struct image *image = container_of(reader, struct image, reader);
	u32 i;

	image_pread(image, off, buf, bytes);
	for (i = 0; i < image->nr_changes; i++) {
		const struct change *c = &image->changes[i];
		u64 from = max_t(u64, off, c->off);
		u64 to = min_t(u64, off + bytes, c->off + c->bytes);

		if (from >= to)
			continue;
		if (c->data)
			memcpy((u8 *)buf + (from - off), c->data + (from - c->off),
			       to - from);
		else
			memset((u8 *)buf + (from - off), 0, to - from);
	}
	return 0;
}

static int image_log_sector(struct vhdx_log_source *source, u32 off,
			    const void **data)
{
	struct image *image = container_of(source, struct image, source);

	image_pread(image, source->log_off + off, image->sector, VHDX_SECTOR);
	*data = image->sector;
	return 0;
}

static struct change *image_change(struct image *image, u64 off, u64 bytes)
{
	struct change *c;

	assert_true(bytes && off <= image->reader.image_bytes);
	assert_true(bytes <= image->reader.image_bytes - off);
	image->changes = realloc(image->changes,
				 (image->nr_changes + 1) * sizeof(*c));
	c = &image->changes[image->nr_changes++];
	c->off = off;
	c->bytes = bytes;
	c->data = NULL;
	return c;
}

static int image_sink_data(struct vhdx_log_sink *sink, u64 off, const void *data)
{
	struct image *image = container_of(sink, struct image, sink);
	struct change *c = image_change(image, off, VHDX_SECTOR);

	c->data = malloc(VHDX_SECTOR);
	memcpy(c->data, data, VHDX_SECTOR);
	return 0;
}

static int image_sink_zero(struct vhdx_log_sink *sink, u64 off, u64 bytes)
{
	image_change(container_of(sink, struct image, sink), off, bytes);
	return 0;
}

static int image_visit(void *arg, u64 index, u32 block, bool bitmap,
		       const struct vhdx_bat_entry *entry, int result)
{
	struct image *image = arg;

	if (!result && !bitmap && entry->state == VHDX_BLOCK_FULL)
		image->mibs[block] = entry->mib;
	return result;
}

static void image_open(struct image *image, const char *directory,
		       const char *file, u64 device_bytes, bool writable)
{
	char path[4096];
	struct stat st;

	memset(image, 0, sizeof(*image));
	snprintf(path, sizeof(path), "%s/%s", directory, file);
	image->fd = open(path, O_RDONLY);
	assert_true(image->fd >= 0);
	assert_int_equal(fstat(image->fd, &st), 0);
	image->file_bytes = st.st_size;
	image->reader.read = image_read;
	image->reader.image_bytes = device_bytes ? device_bytes : image->file_bytes;
	image->reader.logical_bytes = 512;
	image->reader.writable = writable;
	image->source.sector = image_log_sector;
	image->source.scratch = scratch;
	image->source.image_bytes = image->reader.image_bytes;
	image->sink.data = image_sink_data;
	image->sink.zero = image_sink_zero;
}

static void image_close(struct image *image)
{
	u32 i;

	for (i = 0; i < image->nr_changes; i++)
		free(image->changes[i].data);
	free(image->changes);
	free(image->space.map);
	free(image->mibs);
	close(image->fd);
}

static int image_load_log(struct image *image)
{
	const struct vhdx_header *header = &image->layout.header;
	struct vhdx_log_sequence seq;
	int r;

	if (guid_is_null(&header->log_guid))
		return 0;
	image->source.guid = header->log_guid;
	image->source.log_off = header->log_off;
	image->source.length = header->log_length;
	r = vhdx_log_find(&image->source, &seq);
	if (!r)
		r = vhdx_log_check_end(&seq, image->reader.image_bytes,
				       image->reader.writable);
	if (!r)
		r = vhdx_log_replay(&image->source, &seq, &image->sink);
	return r;
}

static int image_load_bat(struct image *image)
{
	u8 *buf;
	int r;

	image->space.size = DIV_ROUND_UP_ULL(image->reader.image_bytes, SZ_1M);
	image->space.map = calloc(BITS_TO_LONGS(image->space.size), sizeof(long));
	image->mibs = calloc(image->layout.geo.blocks, sizeof(u64));
	buf = malloc(BAT_BYTES);
	r = vhdx_load_space(&image->reader, &image->layout, &image->space, scratch);
	if (!r)
		r = vhdx_load_bat(&image->reader, &image->layout, &image->space,
				  buf, BAT_BYTES, image_visit, image);
	free(buf);
	return r;
}

static int image_load(struct image *image)
{
	int r;

	r = vhdx_load_header(&image->reader, &image->layout, scratch);
	if (!r)
		r = image_load_log(image);
	if (!r)
		r = vhdx_load_layout(&image->reader, &image->layout, scratch);
	return r ? r : image_load_bat(image);
}

/* The first bytes of the disk. */
static void image_disk(struct image *image, u64 length, u8 *disk)
{
	u64 block_bytes = 1ULL << image->layout.geo.block_shift, off;
	u32 part;

	for (off = 0; off < length; off += part) {
		u64 mib = image->mibs[off / block_bytes];

		part = min_t(u64, MIB(1) - off % MIB(1), length - off);
		if (mib)
			image_read(&image->reader, MIB(mib) + off % block_bytes,
				   disk + off, part);
		else
			memset(disk + off, 0, part);
	}
}

static void check(const struct expectation *e)
{
	struct image image;
	u8 *disk;
	int r;

	image_open(&image, e->directory, e->file, e->device_bytes, e->writable);
	r = image_load(&image);
	cases_check_result(e, r);
	if (!r && strcmp(e->sha256, "-")) {
		assert_true(e->length <= image.layout.geo.disk_bytes);
		disk = malloc(e->length);
		image_disk(&image, e->length, disk);
		cases_check_disk(e, disk);
		free(disk);
	}
	image_close(&image);
}

int main(void)
{
	return cases_run("images", "VHDX_IMAGES", check);
}
