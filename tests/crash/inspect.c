// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "inspect.h"
#include "vhdx-bitmap.h"

/**
 * inspect_is_dirty() - is there a log to replay?
 * @disk: the image
 * @dirty: result
 *
 * Return: false if there is no valid header.
 */
bool inspect_is_dirty(const struct ramdisk *disk, bool *dirty)
{
	struct image image;
	int r;

	r = image_open(&image, disk->loop.path, IMAGE_READ);
	if (!r)
		r = vhdx_load_header(&image.reader, &image.layout,
				     image.scratch);
	*dirty = !r && !guid_is_null(&image.layout.header.log_guid);
	image_close(&image);
	if (r)
		printf("  the tool finds no header: %d\n", r);
	return !r;
}

/* Does 'vhdx check' have nothing to say? */
static bool inspect_audit(struct image *image)
{
	struct audit audit;
	bool good = true;
	int r, kind;

	image->reader.parents = true;
	r = audit_image(&audit, image);
	if (r) {
		printf("  the check failed: %d\n", r);
		return false;
	}
	if (image->dirty) {
		printf("  the log is still dirty\n");
		return false;
	}
	for (kind = 0; kind < AUDIT_NR; kind++) {
		if (!audit.problem[kind].count)
			continue;
		printf("  vhdx check: %s: %s\n", audit_name(kind),
		       audit_text(kind));
		good = false;
	}
	return good;
}

/* Bits of a block, in the sector bitmap of its chunk. */
#define INSPECT_BITS_BYTES	(BLOCK_SECTORS / 8)

/**
 * struct inspect_bat - where blocks are
 * @chunk_shift: log2 of the blocks in a chunk
 * @blocks: of the disk
 * @chunks: likewise
 * @block: entry of each block
 * @bitmap: MiB of each chunk's sector bitmap; 0: it has none
 */
struct inspect_bat {
	u8 chunk_shift;
	u32 blocks;
	u32 chunks;
	struct vhdx_bat_entry *block;
	u32 *bitmap;
};

static int inspect_visit(void *arg, u64 index, u32 block, bool bitmap,
			 const struct vhdx_bat_entry *entry, int result)
{
	struct inspect_bat *bat = arg;

	(void)index;
	if (!result && bitmap)
		bat->bitmap[block] = entry->mib;
	else if (!result)
		bat->block[block] = *entry;
	return result;
}

/* The image is clean. */
static int inspect_bat(struct image *image, struct inspect_bat *bat)
{
	const struct vhdx_geometry *geo = &image->layout.geo;
	int r;

	image_forget(image);
	image->reader.parents = true;
	r = image_load(image);
	if (r)
		return r;
	bat->chunk_shift = geo->chunk_shift;
	bat->blocks = geo->blocks;
	bat->chunks = geo->chunks;
	bat->block = calloc(geo->blocks, sizeof(*bat->block));
	bat->bitmap = calloc(geo->chunks, sizeof(*bat->bitmap));
	return image_load_bat(image, inspect_visit, bat);
}

static void inspect_bat_free(struct inspect_bat *bat)
{
	free(bat->block);
	free(bat->bitmap);
}

/* The bits of a block, whose chunk has a sector bitmap. */
static u8 *inspect_bits(const struct ramdisk *disk,
			const struct inspect_bat *bat, u32 block)
{
	u64 off = (u64)bat->bitmap[block >> bat->chunk_shift] << 20;

	return disk->map + off + (block & ((1U << bat->chunk_shift) - 1)) *
	       INSPECT_BITS_BYTES;
}

/*
 * One sector, by the book.  The audit has seen to it that a block in parts has a
 * sector bitmap.
 */
static void inspect_sector(const struct ramdisk *disk,
			   const struct inspect_bat *bat, u64 lba,
			   const void *inherited, void *to)
{
	const struct vhdx_bat_entry *entry = &bat->block[lba / BLOCK_SECTORS];
	u32 skip = lba % BLOCK_SECTORS;
	u8 state = entry->state;

	if (state == VHDX_BLOCK_PARTIAL)
		state = vhdx_bitmap_test(inspect_bits(disk, bat, lba / BLOCK_SECTORS),
					 skip) ?
			VHDX_BLOCK_FULL : VHDX_BLOCK_NOT_PRESENT;
	if (state == VHDX_BLOCK_FULL)
		memcpy(to, disk->map + (entry->mib << 20) + skip * SECTOR,
		       SECTOR);
	else if (state == VHDX_BLOCK_NOT_PRESENT && inherited)
		memcpy(to, inherited, SECTOR);
	else
		memset(to, 0, SECTOR);
}

static void inspect_read(const struct ramdisk *disk, const struct view *view,
			 const struct inspect_bat *bat, const u8 *inherited,
			 u8 *buf)
{
	u32 i, k;

	for (i = 0; i < view->nr; i++) {
		const struct window *w = &view->windows[i];

		for (k = 0; k < w->count; k++) {
			u64 at = (u64)(w->at + k) * SECTOR;

			inspect_sector(disk, bat, w->lba + k,
				       inherited ? inherited + at : NULL,
				       buf + at);
		}
	}
}

/*
 * Whoever writes this image next may take it that a sector bitmap says nothing of
 * blocks that were never written, unless somebody else has left something there.
 */
static bool inspect_unwritten(const struct ramdisk *disk,
			      const struct inspect_bat *bat, u32 stale_mib)
{
	static const u8 clear[INSPECT_BITS_BYTES];
	u32 i, mib;

	for (i = 0; i < bat->blocks; i++) {
		mib = bat->bitmap[i >> bat->chunk_shift];
		if (!mib || mib == stale_mib ||
		    bat->block[i].state != VHDX_BLOCK_NOT_PRESENT ||
		    !memcmp(inspect_bits(disk, bat, i), clear, sizeof(clear)))
			continue;
		printf("  the bits of block %u are set, which was never written\n",
		       i);
		return false;
	}
	return true;
}

/**
 * inspect_clean() - check an image that was closed, and read it
 * @disk: the image
 * @view: what to read
 * @heritage: what comes from parents
 * @buf: takes it
 *
 * Prints what is wrong.
 *
 * Return: true if nothing is.
 */
bool inspect_clean(const struct ramdisk *disk, const struct view *view,
		   const struct heritage *heritage, void *buf)
{
	struct inspect_bat bat = {};
	struct image image;
	bool good;
	int r;

	if (heritage->vhd)
		return inspect_vhd(disk, view, heritage, buf);
	r = image_open(&image, disk->loop.path, IMAGE_READ);
	good = !r && inspect_audit(&image);
	if (good) {
		r = inspect_bat(&image, &bat);
		if (!r)
			inspect_read(disk, view, &bat, heritage->content, buf);
		good = !r && inspect_unwritten(disk, &bat, heritage->stale_mib);
		inspect_bat_free(&bat);
	}
	image_close(&image);
	if (r)
		printf("  the tool cannot read it: %d\n", r);
	return good && !r;
}

/**
 * inspect_bitmaps() - where are an image's sector bitmaps?
 * @disk: the image, clean
 * @mib: takes them
 * @max: room for so many
 *
 * Return: how many there are.
 */
u32 inspect_bitmaps(const struct ramdisk *disk, u32 *mib, u32 max)
{
	struct inspect_bat bat = {};
	struct image image;
	u32 i, nr = 0;
	int r;

	r = image_open(&image, disk->loop.path, IMAGE_READ);
	if (!r)
		r = inspect_bat(&image, &bat);
	for (i = 0; !r && i < bat.chunks && nr < max; i++)
		if (bat.bitmap[i])
			mib[nr++] = bat.bitmap[i];
	inspect_bat_free(&bat);
	image_close(&image);
	if (r)
		die("%s: the tool cannot read it: %d", disk->path, r);
	return nr;
}

/**
 * inspect_spoil() - leave set bits where they mean nothing
 * @disk: the image, clean
 * @dice: chooses them
 *
 * As any writer of the format may: nobody is to look at bits of blocks that are
 * not in parts.
 *
 * Return: a sector bitmap that has some, in MiB.
 */
u32 inspect_spoil(struct ramdisk *disk, struct dice *dice)
{
	struct inspect_bat bat = {};
	struct image image;
	u32 i, mib = 0;
	int r;

	r = image_open(&image, disk->loop.path, IMAGE_READ);
	if (!r)
		r = inspect_bat(&image, &bat);
	for (i = 0; !r && i < bat.blocks; i++) {
		if (!bat.bitmap[i >> bat.chunk_shift] ||
		    bat.block[i].state == VHDX_BLOCK_PARTIAL)
			continue;
		mib = bat.bitmap[i >> bat.chunk_shift];
		memset(inspect_bits(disk, &bat, i), 1 + dice_below(dice, 255),
		       INSPECT_BITS_BYTES);
	}
	inspect_bat_free(&bat);
	image_close(&image);
	if (r || !mib)
		die("%s: no sector bitmap: %d", disk->path, r);
	return mib;
}
