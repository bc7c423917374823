// SPDX-License-Identifier: GPL-2.0
/* What is to be known of either format; the writes are in resize.c and vhd-resize.c. */
#include "edit.h"
#include "hostfs.h"
#include "newsize.h"
#include "size.h"

static struct image *newsize_image(const struct newsize *size)
{
	return chain_leaf(&size->disk->chain);
}

/* Behind the last block of a VHDX image, and behind all else. */
static u64 newsize_vhdx_end(const struct disk *disk)
{
	const struct image *image = chain_leaf(&disk->chain);
	const struct vhdx_geometry *geo = &image->layout.geo;
	u64 end = image_end(image);
	u32 block, e;

	for (block = 0; block < geo->blocks; block++) {
		e = disk->chain.layer[0]->bat[block];
		if (vhdx_block_present(VHDX_CORE_STATE(e)))
			end = max_t(u64, end, ((u64)VHDX_CORE_MIB(e) +
					       vhdx_block_mib(geo)) * SZ_1M);
	}
	return end;
}

/* Of a device; the footer of a file tells where that ends. */
static u64 newsize_vhd_end(const struct vhd_layer *layer)
{
	const struct vhd_geometry *geo = &layer->vhd.layout.geo;
	u64 end = vhd_tables_end(&layer->vhd.layout.tables);
	u32 block;

	for (block = 0; block < geo->blocks; block++)
		end = max_t(u64, end, ((u64)layer->bat[block] +
				       vhd_block_sectors(geo)) <<
				      VHD_SECTOR_SHIFT);
	return end;
}

/**
 * newsize_init() - begin with an image
 * @size: result
 * @disk: a VHDX or VHD image, open
 * @bytes: the size that it is to have
 */
void newsize_init(struct newsize *size, struct disk *disk, u64 bytes)
{
	memset(size, 0, sizeof(*size));
	size->disk = disk;
	if (disk->format == DISK_VHDX) {
		size->vhdx.chain = &disk->chain;
		size->vhdx.end = newsize_vhdx_end(disk);
	} else {
		size->vhd.layer = &disk->vhd[0];
		size->vhd.end = chain_leaf(&disk->chain)->block_device ?
				newsize_vhd_end(&disk->vhd[0]) :
				disk->vhd[0].vhd.layout.end;
	}
	newsize_set(size, bytes);
}

/**
 * newsize_set() - choose another size
 * @size: from newsize_init()
 * @bytes: the size that the disk is to have
 */
void newsize_set(struct newsize *size, u64 bytes)
{
	size->vhdx.bytes = bytes;
	size->vhd.bytes = bytes;
}

/**
 * newsize_fits() - can the image be what it is to become?
 * @size: from newsize_init()
 *
 * Return: false if it is a VHD image which would have too many blocks, or become too
 * long.
 */
bool newsize_fits(const struct newsize *size)
{
	return size->disk->format != DISK_VHD || vhd_resize_fits(&size->vhd);
}

/**
 * newsize_lacks() - is there too little space for what the image takes at once?
 * @size: from newsize_init()
 * @bytes: takes how much it takes
 * @room: takes how much there is
 *
 * Return: true if so.
 */
bool newsize_lacks(const struct newsize *size, u64 *bytes, u64 *room)
{
	const struct image *image = newsize_image(size);

	if (size->disk->format != DISK_VHDX ||
	    size->vhdx.bytes <= size->disk->bytes)
		return false;
	*bytes = resize_space(&size->vhdx);
	*room = image->block_device ? image->file_bytes -
		min_t(u64, image->file_bytes, size->vhdx.end) :
		hostfs_free_bytes(image->fd);
	return *bytes > *room;
}

/**
 * newsize_begin() - cut off what is behind the image
 * @size: from newsize_init()
 *
 * That is nobody's, and may be no zeros.
 *
 * Return: 0 or a negative errno.
 */
int newsize_begin(struct newsize *size)
{
	struct image *image = newsize_image(size);

	if (size->disk->format == DISK_VHDX && !image->block_device &&
	    image->file_bytes > size->vhdx.end)
		return edit_resize(image, size->vhdx.end);
	return 0;
}

/**
 * newsize_write() - give the disk its new size
 * @size: from newsize_init(); the disk has another one, and newsize_fits() has passed
 *
 * Afterwards the image has to be opened again.
 *
 * Return: 0; -EOPNOTSUPP if something that cannot move is behind the BAT of a VHD; or
 * another negative errno.
 */
int newsize_write(struct newsize *size)
{
	return size->disk->format == DISK_VHD ? vhd_resize_write(&size->vhd) :
						resize_write(&size->vhdx);
}

/**
 * newsize_put() - write to the disk
 * @size: from newsize_init()
 * @at: bytes from its start
 * @buf: what
 * @bytes: how much, whole sectors
 *
 * Durable on return.
 *
 * Return: 0 or a negative errno.
 */
int newsize_put(struct newsize *size, u64 at, const void *buf, u32 bytes)
{
	bool vhd = size->disk->format == DISK_VHD;
	u32 shift = vhd ? size->vhd.layer->vhd.layout.geo.block_shift :
			  newsize_image(size)->layout.geo.block_shift;
	const u8 *from = buf;
	u32 part;
	int r = 0;

	if (vhd && !size->vhd.layer->vhd.layout.geo.blocks)
		shift = 30;
	for (; !r && bytes; at += part, from += part, bytes -= part) {
		part = min_t(u64, bytes,
			     (1ULL << shift) - (at & ((1ULL << shift) - 1)));
		r = vhd ? vhd_resize_put(&size->vhd, at, from, part) :
			  resize_put(&size->vhdx, at, from, part);
	}
	return r;
}
