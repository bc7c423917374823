// SPDX-License-Identifier: GPL-2.0
/*
 * The images of tests/images/mkvhd.py through the whole of the format code: each
 * fault is the one in cases.tsv, and what an image reads as has the checksum
 * there.  The directory is $VHD_IMAGES.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"
#include "vhd-load.h"

#define BAT_BYTES	65536

/**
 * struct image - an image
 * @reader: for the tested code
 * @fd: its file
 * @layout: result
 * @sectors: where each block is; 0 if nowhere
 */
struct image {
	struct vhdx_reader reader;
	int fd;
	struct vhd_layout layout;
	u32 *sectors;
};

static int image_read(struct vhdx_reader *reader, u64 off, void *buf, u32 bytes)
{
	struct image *image = container_of(reader, struct image, reader);

	assert_true(off <= reader->image_bytes);
	assert_true(bytes <= reader->image_bytes - off);
	assert_int_equal(pread(image->fd, buf, bytes, off), bytes);
	return 0;
}

static int image_visit(void *arg, u32 block, u32 sector, int result)
{
	struct image *image = arg;

	image->sectors[block] = sector;
	return result;
}

static int image_load_bat(struct image *image)
{
	const struct vhd_geometry *geo = &image->layout.geo;
	struct vhd_space space = {
		.pieces = vhd_space_pieces(geo, image->layout.end),
		.block_sectors = vhd_block_sectors(geo),
	};
	void *buf = malloc(BAT_BYTES);
	int r;

	space.start = calloc(space.pieces, sizeof(u32));
	image->sectors = calloc(geo->blocks, sizeof(u32));
	r = vhd_load_bat(&image->reader, &image->layout, &space, buf, BAT_BYTES,
			 image_visit, image);
	free(space.start);
	free(buf);
	return r;
}

static int image_load(struct image *image)
{
	u8 scratch[VHD_LOAD_SCRATCH];
	int r;

	r = vhd_load_footer(&image->reader, &image->layout, scratch);
	if (!r)
		r = vhd_load_layout(&image->reader, &image->layout,
				    VHD_SIZE_AUTO, scratch);
	if (!r && image->layout.geo.blocks)
		r = image_load_bat(image);
	return r;
}

/* One sector of the disk: there if its bit says so. */
static void image_sector(struct image *image, u64 off, u8 *to)
{
	const struct vhd_geometry *geo = &image->layout.geo;
	u32 block = off >> geo->block_shift;
	u32 sector = (off & ((1ULL << geo->block_shift) - 1)) / 512;
	u8 bits;

	memset(to, 0, 512);
	if (!geo->blocks) {
		image_read(&image->reader, off, to, 512);
		return;
	}
	if (!image->sectors[block])
		return;
	image_read(&image->reader, image->sectors[block] * 512ULL + sector / 8,
		   &bits, 1);
	if (bits & 0x80 >> sector % 8)
		image_read(&image->reader, vhd_block_data(geo,
			   image->sectors[block]) + sector * 512ULL, to, 512);
}

static void check(const struct expectation *e)
{
	struct image image = {};
	char path[4096];
	struct stat st;
	u8 *disk;
	u64 off;
	int r;

	snprintf(path, sizeof(path), "%s/%s", e->directory, e->file);
	image.fd = open(path, O_RDONLY);
	assert_true(image.fd >= 0);
	assert_int_equal(fstat(image.fd, &st), 0);
	image.reader = (struct vhdx_reader){
		.read = image_read, .image_bytes = st.st_size,
		.logical_bytes = 512, .writable = e->writable };
	r = image_load(&image);
	cases_check_result(e, r);
	if (!r && strcmp(e->sha256, "-")) {
		assert_true(e->length == image.layout.geo.disk_bytes);
		disk = malloc(e->length);
		for (off = 0; off < e->length; off += 512)
			image_sector(&image, off, disk + off);
		cases_check_disk(e, disk);
		free(disk);
	}
	free(image.sectors);
	close(image.fd);
}

int main(void)
{
	return cases_run("vhd_images", "VHD_IMAGES", check);
}
