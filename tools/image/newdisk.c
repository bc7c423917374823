// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: a disk that nobody knows yet
 *
 * It is written from its start to its end, so its blocks come in the disk's
 * order, and of the BAT one sector at a time is in memory.  A file has no name by
 * then.  On a device, what makes it an image is kept back until all else is
 * durable.
 *
 * The data of a VHD's blocks begins at multiples of 4 KiB, with a gap before the
 * bitmap where it has to: so file systems can share it, and disks need not read
 * what they are to write.
 */
#include <stdlib.h>
#include <unistd.h>

#include "edit.h"
#include "hostfs.h"
#include "message.h"
#include "newdisk.h"
#include "size.h"
#include "vhd-load.h"

#define NEWDISK_VHD_ALIGN	4096	/* of a block's data */
#define NEWDISK_NO_BLOCK	(~0U)
#define NEWDISK_FORGET_BYTES	SZ_64K	/* of the BAT, at a time */

static bool newdisk_has_blocks(const struct newdisk *disk)
{
	return !disk->fixed &&
	       (disk->format == DISK_VHDX || disk->format == DISK_VHD);
}

static int newdisk_hide(struct newdisk *disk, int index, u64 off, u32 bytes)
{
	static const u8 zeros[VHDX_SECTOR];
	int r;

	disk->hidden[index].off = off;
	r = image_pread(disk->image, off, disk->hidden[index].data, bytes);
	return r ? r : edit_write(disk->image, off, zeros, bytes);
}

static int newdisk_show(struct newdisk *disk, int index, u32 bytes)
{
	return edit_write(disk->image, disk->hidden[index].off,
			  disk->hidden[index].data, bytes);
}

static int newdisk_begin_vhdx(struct newdisk *disk)
{
	struct image *image = disk->image;
	struct format_place place;
	struct vhdx_geometry geo;
	int r;

	vhdx_geometry_init(&geo, &disk->vhdx.meta);
	disk->block_shift = geo.block_shift;
	format_find_place(&disk->vhdx, &place);
	disk->end = place.end;
	if (!image->block_device)
		return format_file(&disk->vhdx, image->fd, image->path);
	r = format_device(&disk->vhdx, image);
	return r ? r : newdisk_hide(disk, 0, VHDX_IDENT_OFF, VHDX_SECTOR);
}

static int newdisk_begin_vhd(struct newdisk *disk)
{
	struct image *image = disk->image;
	struct vhd_geometry geo;
	u64 blocks;
	int r;

	vhd_geometry_init(&geo, disk->bytes, disk->vhd.block_bytes);
	disk->block_shift = geo.block_shift;
	blocks = (disk->bytes + disk->vhd.block_bytes - 1) >> geo.block_shift;
	disk->end = VHD_FOOTER_BYTES + VHD_HEADER_BYTES +
		    round_up_u64(blocks * sizeof(__be32), VHD_SECTOR);
	if (!image->block_device) {
		r = vhd_format_file(&disk->vhd, image->fd, image->path);
		/* Its footer comes at the end. */
		return r || disk->fixed ? r : edit_resize(image, disk->end);
	}
	r = vhd_format_device(&disk->vhd, image);
	if (!r)
		r = newdisk_hide(disk, 0, image->file_bytes - VHD_FOOTER_BYTES,
				 VHD_FOOTER_BYTES);
	return r || disk->fixed ? r : newdisk_hide(disk, 1, 0, VHD_FOOTER_BYTES);
}

static int newdisk_begin_raw(struct newdisk *disk)
{
	struct image *image = disk->image;

	if (image->block_device)
		return disk->bytes <= image->file_bytes ? 0 : -ENOSPC;
	return disk->preallocate ?
	       format_take_space(image->fd, image->path, disk->bytes) :
	       edit_resize(image, disk->bytes);
}

/**
 * newdisk_begin() - write what comes before the disk's data
 * @disk: the disk, all else zeros; @image is an empty file, or a device; of a
 *        qcow2 image @qemu has it open
 *
 * Return: 0 or a negative errno.
 */
int newdisk_begin(struct newdisk *disk)
{
	int r = 0;

	disk->sector = ~0ULL;
	disk->block = NEWDISK_NO_BLOCK;
	if (disk->format == DISK_VHDX)
		r = newdisk_begin_vhdx(disk);
	else if (disk->format == DISK_VHD)
		r = newdisk_begin_vhd(disk);
	else if (disk->format == DISK_RAW)
		r = newdisk_begin_raw(disk);
	if (r || disk->image->block_device || disk->format == DISK_QCOW2)
		return r;
	disk->image->file_bytes = lseek(disk->image->fd, 0, SEEK_END);
	return 0;
}

/* Where the BAT entry of a block is: sector, and offset in it. */
static u64 newdisk_bat_off(const struct newdisk *disk, u32 block)
{
	struct format_place place;
	struct vhdx_geometry geo;

	if (disk->format == DISK_VHD)
		return VHD_FOOTER_BYTES + VHD_HEADER_BYTES +
		       (u64)block * sizeof(__be32);
	vhdx_geometry_init(&geo, &disk->vhdx.meta);
	format_find_place(&disk->vhdx, &place);
	return place.bat_off + vhdx_bat_index(&geo, block) * sizeof(__le64);
}

static u32 newdisk_sector_bytes(const struct newdisk *disk)
{
	return disk->format == DISK_VHD ? VHD_SECTOR : VHDX_SECTOR;
}

static int newdisk_write_sector(struct newdisk *disk)
{
	u32 bytes = newdisk_sector_bytes(disk);

	if (disk->sector == ~0ULL)
		return 0;
	return edit_write(disk->image, disk->sector * bytes, disk->entry,
			  bytes);
}

static int newdisk_set_entry(struct newdisk *disk, u32 block, u64 off)
{
	u64 place = newdisk_bat_off(disk, block);
	u32 bytes = newdisk_sector_bytes(disk);
	u64 sector = place / bytes;
	int r = 0;

	if (sector != disk->sector) {
		r = newdisk_write_sector(disk);
		/* It may hold part of the header, or entries of before. */
		if (!r)
			r = image_pread(disk->image, sector * bytes,
					disk->entry, bytes);
		disk->sector = sector;
	}
	if (disk->format == DISK_VHD) {
		__be32 entry = cpu_to_be32(off / VHD_SECTOR);

		memcpy(disk->entry + place % bytes, &entry, sizeof(entry));
	} else {
		__le64 entry = cpu_to_le64(VHDX_BAT_RAW(VHDX_BLOCK_FULL,
							off / SZ_1M));

		memcpy(disk->entry + place % bytes, &entry, sizeof(entry));
	}
	return r;
}

/* All sectors of a block of a VHD are there, as everybody has it. */
static int newdisk_write_bitmap(struct newdisk *disk, u64 off, u32 bytes)
{
	void *bits = malloc(bytes);
	int r;

	if (!bits)
		return -ENOMEM;
	memset(bits, 0xff, bytes);
	r = edit_write(disk->image, off, bits, bytes);
	free(bits);
	return r;
}

/* Give a block space at the end. */
static int newdisk_add_block(struct newdisk *disk, u32 block)
{
	u64 block_bytes = 1ULL << disk->block_shift, entry = disk->end;
	u32 bitmap_bytes = 0;
	struct vhd_geometry geo;
	u64 limit;
	int r;

	if (disk->format == DISK_VHD) {
		vhd_geometry_init(&geo, disk->bytes, disk->vhd.block_bytes);
		bitmap_bytes = geo.bitmap_sectors * VHD_SECTOR;
		entry = round_up_u64(disk->end + bitmap_bytes,
				     NEWDISK_VHD_ALIGN) - bitmap_bytes;
		/* Small blocks have much beside them: not all may be full. */
		if (entry / VHD_SECTOR >= VHD_BAT_UNALLOCATED)
			return -EOVERFLOW;
	}
	/* The footer's place on a device is no place for a block. */
	limit = disk->image->file_bytes -
		(disk->format == DISK_VHD ? VHD_FOOTER_BYTES : 0);
	if (disk->image->block_device &&
	    entry + bitmap_bytes + block_bytes > limit)
		return -ENOSPC;
	r = edit_resize(disk->image, entry + bitmap_bytes + block_bytes);
	if (!r && bitmap_bytes)
		r = newdisk_write_bitmap(disk, entry, bitmap_bytes);
	if (!r)
		r = newdisk_set_entry(disk, block, entry);
	if (r)
		return r;
	disk->block = block;
	disk->block_off = entry + bitmap_bytes;
	disk->end = disk->block_off + block_bytes;
	disk->placed++;
	return 0;
}

/* What has a place from the start. */
static bool newdisk_fixed_place(const struct newdisk *disk, u64 at, u64 *off,
				u64 *end)
{
	struct format_place place;
	u64 blocks;

	if (newdisk_has_blocks(disk))
		return false;
	*end = disk->bytes;
	*off = at;
	if (disk->format != DISK_VHDX)
		return true;
	format_find_place(&disk->vhdx, &place);
	blocks = (disk->bytes + (1ULL << disk->block_shift) - 1) >>
		 disk->block_shift;
	*off += place.end - (blocks << disk->block_shift);
	return true;
}

/**
 * newdisk_find() - where a part of the disk is, if it is anywhere yet
 * @disk: the disk
 * @at: bytes from its start
 * @off: takes the place in the file
 * @end: takes how far, in bytes from the start of the disk, the answer holds
 *
 * Return: false if its block has no place.
 */
bool newdisk_find(struct newdisk *disk, u64 at, u64 *off, u64 *end)
{
	u32 block = at >> disk->block_shift;
	u64 start = (u64)block << disk->block_shift;

	if (newdisk_fixed_place(disk, at, off, end))
		return true;
	*end = min_t(u64, start + (1ULL << disk->block_shift), disk->bytes);
	*off = disk->block_off + at - start;
	return block == disk->block;
}

/**
 * newdisk_place() - give a part of the disk a place
 * @disk: the disk
 * @at: bytes from its start, in the block of the last call or behind
 * @off: takes the place in the file
 * @end: takes how far, in bytes from the start of the disk, this holds
 * @fresh: takes whether that is a block that had none
 *
 * What is there reads as zeros in a file.
 *
 * Return: 0; -EOVERFLOW if no entry of a VHD can name its place; or another negative
 * errno.
 */
int newdisk_place(struct newdisk *disk, u64 at, u64 *off, u64 *end, bool *fresh)
{
	int r;

	*fresh = false;
	if (newdisk_find(disk, at, off, end))
		return 0;
	*fresh = true;
	r = newdisk_add_block(disk, at >> disk->block_shift);
	newdisk_find(disk, at, off, end);
	return r;
}

/**
 * newdisk_settle() - let the image be what it is so far, durably
 * @disk: the disk
 *
 * Return: 0 or a negative errno.
 */
int newdisk_settle(struct newdisk *disk)
{
	int r = newdisk_write_sector(disk);

	return r ? r : edit_sync(disk->image);
}

/*
 * Entries of blocks that are going to be placed again.  Which those are need not be
 * what it was: it depends on options, and on what the file system calls a hole.
 */
static int newdisk_forget(struct newdisk *disk)
{
	u32 blocks = (disk->bytes + (1ULL << disk->block_shift) - 1) >>
		     disk->block_shift, part;
	u8 *buf = malloc(2 * NEWDISK_FORGET_BYTES), *empty;
	u64 from, end;
	int r = buf ? 0 : -ENOMEM;

	if (r || disk->block + 1 >= blocks) {
		free(buf);
		return r;
	}
	empty = buf + NEWDISK_FORGET_BYTES;
	memset(empty, disk->format == DISK_VHD ? 0xff : 0, NEWDISK_FORGET_BYTES);
	from = newdisk_bat_off(disk, disk->block + 1);
	end = newdisk_bat_off(disk, blocks - 1) +
	      (disk->format == DISK_VHD ? sizeof(__be32) : sizeof(__le64));
	for (; !r && from < end; from += part) {
		part = min_t(u64, end - from, NEWDISK_FORGET_BYTES);
		r = image_pread(disk->image, from, buf, part);
		if (!r && memcmp(buf, empty, part))
			r = edit_write(disk->image, from, empty, part);
	}
	free(buf);
	return r;
}

/**
 * newdisk_again() - go on with an image that was not finished
 * @disk: as for newdisk_begin(), with the file as it was then
 * @end: what @disk->end was
 * @placed: what @disk->placed was
 * @block: what @disk->block was
 * @block_off: what @disk->block_off was
 *
 * Return: 0 or a negative errno.
 */
int newdisk_again(struct newdisk *disk, u64 end, u64 placed, u32 block,
		  u64 block_off)
{
	struct vhdx_geometry geo;
	struct vhd_geometry vhd;
	int r;

	disk->sector = ~0ULL;
	disk->end = end;
	disk->placed = placed;
	disk->block = block;
	disk->block_off = block_off;
	if (disk->format == DISK_VHDX) {
		vhdx_geometry_init(&geo, &disk->vhdx.meta);
		disk->block_shift = geo.block_shift;
	} else if (disk->format == DISK_VHD) {
		vhd_geometry_init(&vhd, disk->bytes, disk->vhd.block_bytes);
		disk->block_shift = vhd.block_shift;
	}
	if (!newdisk_has_blocks(disk))
		return 0;
	/* What is behind may be there in part. */
	r = edit_resize(disk->image, end);
	return r ? r : newdisk_forget(disk);
}

static int newdisk_finish_vhd(struct newdisk *disk)
{
	u8 footer[VHD_FOOTER_BYTES];
	int r;

	if (disk->image->block_device || disk->fixed)
		return 0;
	r = image_pread(disk->image, 0, footer, sizeof(footer));
	return r ? r : edit_write_end(disk->image, disk->end, footer,
				      sizeof(footer));
}

static int newdisk_reserve(struct newdisk *disk)
{
	struct hostfs host;
	int r = hostfs_look(&host, disk->image->fd);

	return r ? r : hostfs_reserve(&host, disk->image->fd, 0,
				      disk->image->file_bytes);
}

/**
 * newdisk_finish() - write what comes after the disk's data
 * @disk: the disk
 *
 * Return: 0 or a negative errno.
 */
int newdisk_finish(struct newdisk *disk)
{
	u32 hidden_bytes = newdisk_sector_bytes(disk);
	int r;

	if (disk->format == DISK_QCOW2)
		return nbd_flush(&disk->qemu.nbd);
	r = newdisk_write_sector(disk);
	if (!r && disk->format == DISK_VHD)
		r = newdisk_finish_vhd(disk);
	if (!r && disk->preallocate && !disk->image->block_device)
		r = newdisk_reserve(disk);
	if (!r)
		r = edit_sync(disk->image);
	if (r || !disk->image->block_device || disk->format == DISK_RAW)
		return r;
	r = newdisk_show(disk, 0, hidden_bytes);
	if (!r && disk->format == DISK_VHD && !disk->fixed)
		r = newdisk_show(disk, 1, hidden_bytes);
	return r ? r : edit_sync(disk->image);
}
