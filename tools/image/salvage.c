// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: an image that has lost a part of itself
 *
 * The file ends too early, or entries of the BAT are garbage.  What is gone is
 * gone; but one block of a thousand must not keep the others from being read.
 * Blocks of which nothing is left become "undefined", which is what the format
 * has for them: 'vhdx map' shows them as such ever after.  Of one that the end
 * has cut the first part is kept, the rest is to read as zeros.
 *
 * The order of writes, each step durable before the next:
 *
 * 1. the header, with new GUIDs, as before any change;
 * 2. the log's changes, as far as they concern what is there, then the header
 *    without a LogGuid;
 * 3. the entries of lost blocks.  That goes past the log: an entry lies within
 *    one sector of any device, and each is right by itself, so an image with
 *    some of them written is one that has lost a part of itself still;
 * 4. the size of the file.
 *
 * The file grows last.  As long as it is too short it can be seen what is lost,
 * so a crash before the end of 4 leaves an image that can be salvaged again.
 * Blocks that are undefined by then count as lost once more: whoever asks again
 * may not have seen the first answer.
 */
#include <stdlib.h>

#include "edit.h"
#include "guid.h"
#include "message.h"
#include "salvage.h"
#include "size.h"

/**
 * salvage_lose() - note what is lost
 * @salvage: where to
 * @lost: a part of the disk; they come in order, so that there are only as many
 *        as there are gaps
 *
 * Return: 0 or -ENOMEM.
 */
int salvage_lose(struct salvage *salvage, const struct salvage_range *lost)
{
	struct salvage_range *range;

	salvage->lost_bytes += lost->bytes;
	if (lost->undefined)
		salvage->undefined_bytes += lost->bytes;
	range = salvage->count ? &salvage->lost[salvage->count - 1] : NULL;
	if (range && range->start + range->bytes == lost->start &&
	    range->undefined == lost->undefined &&
	    range->shared == lost->shared) {
		range->bytes += lost->bytes;
		return 0;
	}
	if (salvage->count == salvage->room) {
		salvage->room = 2 * salvage->room + 64;
		range = realloc(salvage->lost, salvage->room * sizeof(*range));
		if (!range)
			return -ENOMEM;
		salvage->lost = range;
	}
	salvage->lost[salvage->count++] = *lost;
	return 0;
}

/* A block but for its first @kept bytes, as far as it belongs to the disk. */
static int salvage_lose_block(struct salvage *salvage, const struct image *image,
			      u32 block, u64 kept, bool undefined)
{
	const struct vhdx_geometry *geo = &image->layout.geo;
	u64 start = ((u64)block << geo->block_shift) + kept;
	u64 end = min_t(u64, (block + 1ULL) << geo->block_shift,
			geo->disk_bytes);
	struct salvage_range lost = {
		.start = start, .bytes = end - start, .undefined = undefined,
	};

	return start < end ? salvage_lose(salvage, &lost) : 0;
}

/**
 * enum salvage_fate - what becomes of a BAT entry
 * @SALVAGE_KEEP: it is good, or nothing can be done about it
 * @SALVAGE_EXTEND: a block that is cut
 * @SALVAGE_UNDEFINED: a block of which nothing is left
 * @SALVAGE_UNANCHOR: an absent block, whose space is not its own
 * @SALVAGE_CLEAR: a sector bitmap entry that is garbage
 */
enum salvage_fate {
	SALVAGE_KEEP,
	SALVAGE_EXTEND,
	SALVAGE_UNDEFINED,
	SALVAGE_UNANCHOR,
	SALVAGE_CLEAR,
};

static enum salvage_fate salvage_fate(const struct salvage *salvage,
				      const struct image *image, bool bitmap,
				      const struct vhdx_bat_entry *entry,
				      int result)
{
	u64 off = entry->mib * SZ_1M;
	u64 end = off + (1ULL << image->layout.geo.block_shift);

	if (bitmap)
		return result == VHDX_FAULT_BAT_RESERVED ? SALVAGE_CLEAR :
							   SALVAGE_KEEP;
	if (result == VHDX_FAULT_BAT_ANCHOR)
		return SALVAGE_UNANCHOR;
	if (result && result != VHDX_FAULT_BAT_OVERLAP)
		return SALVAGE_UNDEFINED;
	if (!entry->mib || end <= salvage->cut)
		return SALVAGE_KEEP;
	if (entry->state != VHDX_BLOCK_FULL)
		return SALVAGE_UNANCHOR;
	return off < salvage->cut ? SALVAGE_EXTEND : SALVAGE_UNDEFINED;
}

/* What salvage_look() and salvage_write() are at. */
struct salvage_scan {
	struct salvage *salvage;
	struct image *image;
	u64 sector;		/* of the BAT, that is in entry; ~0: none */
	bool changed;
	__le64 entry[VHDX_BAT_PER_SECTOR];
};

static int salvage_visit(void *arg, u64 index, u32 block, bool bitmap,
			 const struct vhdx_bat_entry *entry, int result)
{
	struct salvage_scan *scan = arg;
	struct salvage *salvage = scan->salvage;
	u64 off = entry->mib * SZ_1M;

	progress("Looking for what is lost", index,
		 scan->image->layout.geo.bat_entries);
	switch (salvage_fate(salvage, scan->image, bitmap, entry, result)) {
	case SALVAGE_EXTEND:
		salvage->end = max_t(u64, salvage->end, off +
			(1ULL << scan->image->layout.geo.block_shift));
		return salvage_lose_block(salvage, scan->image, block,
				    salvage->cut - off, false);
	case SALVAGE_UNDEFINED:
		salvage->blocks++;
		return salvage_lose_block(salvage, scan->image, block, 0, false);
	case SALVAGE_UNANCHOR:
		salvage->anchors++;
		break;
	case SALVAGE_CLEAR:
		salvage->slots++;
		break;
	default:
		break;
	}
	return bitmap || entry->state != VHDX_BLOCK_UNDEFINED ? 0 :
	       salvage_lose_block(salvage, scan->image, block, 0, true);
}

/*
 * A log of which a part is gone would replay to whatever the rest happens to
 * look like, so it counts as lost.
 */
static int salvage_load_log(struct salvage *salvage, struct image *image)
{
	const struct vhdx_header *header = &image->layout.header;
	u64 end = header->log_off + header->log_length;
	int r = 0;

	salvage->log_moves = end > salvage->cut;
	if (guid_is_null(&header->log_guid))
		return 0;
	if (!salvage->log_moves)
		r = image_load_log(image);
	/* Or one that asks for more than any file can have. */
	if (salvage->log_moves || r == VHDX_FAULT_LOG_LOST ||
	    r == VHDX_FAULT_FILE_CUT) {
		image->dirty = false;
		salvage->log_dropped = true;
		r = 0;
	}
	return r;
}

/* Without BAT and metadata there is nothing to be salvaged. */
static int salvage_check_tables(const struct salvage *salvage,
				const struct image *image)
{
	const struct vhdx_regions *regions = &image->layout.regions;
	u64 bat_end = regions->bat.off + image->layout.geo.bat_entries *
					 sizeof(__le64);

	if (regions->metadata.off + regions->metadata.length > salvage->cut ||
	    bat_end > salvage->cut)
		return VHDX_FAULT_REGION_RANGE;
	return 0;
}

/* All but the BAT, of a file that seems to be long enough. */
static int salvage_load(struct salvage *salvage, struct image *image)
{
	int r;

	image_forget(image);
	salvage->cut = image->file_bytes;
	salvage->end = salvage->cut;
	image->file_bytes = IMAGE_MAX_BYTES;
	image->reader.image_bytes = IMAGE_MAX_BYTES;
	r = vhdx_load_header(&image->reader, &image->layout, image->scratch);
	if (r == VHDX_FAULT_LOG_RANGE) {
		/* No file ends there: as good as any place behind the end. */
		image->layout.header.log_off = IMAGE_MAX_BYTES;
		r = vhdx_header_check_writable(&image->layout.header);
	}
	if (!r)
		r = salvage_load_log(salvage, image);
	if (!r)
		r = vhdx_load_layout(&image->reader, &image->layout,
				     image->scratch);
	image->file_bytes = salvage->cut;
	if (!r)
		r = salvage_check_tables(salvage, image);
	return r ? r : image_load_space(image);
}

/**
 * salvage_look() - find out what is lost
 * @salvage: result, all zeros; salvage_free() it, also after a failure
 * @image: the image, open for writing
 *
 * Changes nothing.  Afterwards @image is loaded, with its log's changes.
 *
 * Return: 0, a fault that nothing can be done about, or a negative errno.
 */
int salvage_look(struct salvage *salvage, struct image *image)
{
	struct salvage_scan scan = { .salvage = salvage, .image = image };
	int r = salvage_load(salvage, image);

	if (!r)
		r = image_load_bat(image, salvage_visit, &scan);
	progress_end();
	/* MS-VHDX 2.6.2.1: a fixed image has room for all its blocks. */
	if (!r && salvage->blocks && image->layout.meta.leave_allocated)
		salvage->end = max_t(u64, salvage->end,
			round_up_u64(salvage->cut, SZ_1M) +
			(salvage->blocks << image->layout.geo.block_shift));
	if (salvage->log_moves) {
		image->layout.header.log_off = round_up_u64(salvage->end, SZ_1M);
		salvage->end = image->layout.header.log_off +
			       image->layout.header.log_length;
	}
	return r;
}

static int salvage_flush(struct salvage_scan *scan)
{
	if (!scan->changed)
		return 0;
	scan->changed = false;
	return edit_write(scan->image, scan->image->layout.regions.bat.off +
			  scan->sector * VHDX_SECTOR, scan->entry, VHDX_SECTOR);
}

/* Change one entry of the BAT. */
static int salvage_put(struct salvage_scan *scan, u64 index, u64 raw)
{
	u64 sector = index / VHDX_BAT_PER_SECTOR;
	int r;

	if (sector != scan->sector) {
		r = salvage_flush(scan);
		if (!r)
			r = image_pread(scan->image,
					scan->image->layout.regions.bat.off +
					sector * VHDX_SECTOR, scan->entry,
					VHDX_SECTOR);
		if (r)
			return r;
		scan->sector = sector;
	}
	scan->entry[index % VHDX_BAT_PER_SECTOR] = cpu_to_le64(raw);
	scan->changed = true;
	return 0;
}

static int salvage_mark(void *arg, u64 index, u32 block, bool bitmap,
			const struct vhdx_bat_entry *entry, int result)
{
	struct salvage_scan *scan = arg;

	(void)block;
	progress("Writing the BAT", index, scan->image->layout.geo.bat_entries);
	switch (salvage_fate(scan->salvage, scan->image, bitmap, entry, result)) {
	case SALVAGE_UNDEFINED:
		return salvage_put(scan, index,
				   VHDX_BAT_RAW(VHDX_BLOCK_UNDEFINED, 0));
	case SALVAGE_UNANCHOR:
		return salvage_put(scan, index, VHDX_BAT_RAW(entry->state, 0));
	case SALVAGE_CLEAR:
		return salvage_put(scan, index, 0);
	default:
		return 0;
	}
}

static int salvage_write_bat(const struct salvage *salvage, struct image *image)
{
	struct salvage_scan scan = { .salvage = (struct salvage *)salvage,
				     .image = image, .sector = ~0ULL };
	int r;

	r = image_rescan_bat(image, salvage_mark, &scan);
	if (!r)
		r = salvage_flush(&scan);
	progress_end();
	return r ? r : edit_sync(image);
}

/**
 * salvage_write() - do what can be done
 * @salvage: from salvage_look()
 * @image: likewise
 *
 * See the essay above for the order.  Afterwards the image has to be loaded
 * again.
 *
 * Return: 0, a fault or a negative errno: -ENOSPC for a device that has to be
 * larger; then nothing has changed.
 */
int salvage_write(const struct salvage *salvage, struct image *image)
{
	int r;

	if (image->block_device && salvage->end > salvage->cut)
		return -ENOSPC;
	/* What somebody reads has changed, so whoever relies on it has to know. */
	if (salvage->lost_bytes > salvage->undefined_bytes ||
	    salvage->log_dropped)
		guid_random(&image->layout.header.data_write_guid);
	if (salvage->log_dropped)
		memset(&image->layout.header.log_guid, 0, sizeof(guid_t));
	r = image->dirty ? edit_apply_log(image, salvage->cut) :
			   edit_header(image);
	if (!r)
		r = salvage_write_bat(salvage, image);
	if (!r && salvage->end > salvage->cut) {
		r = edit_resize(image, salvage->end);
		if (!r)
			r = edit_sync(image);
	}
	return r;
}

/**
 * salvage_free() - free memory
 * @salvage: need not be filled in
 */
void salvage_free(struct salvage *salvage)
{
	free(salvage->lost);
	memset(salvage, 0, sizeof(*salvage));
}
