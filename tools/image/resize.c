// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the disk gets another size
 *
 * The BAT is indexed by blocks and chunks, whose sizes stay: it gets longer, or more
 * of it is padding.  Each step is durable before the next; the log is empty at
 * first:
 *
 * 1. the header, with new GUIDs: readers of the disk, and children, are told;
 * 2. what the last block holds behind the end of the disk becomes zeros;
 * 3. if it grows: the entries of the new blocks.  They are padding until step 4.
 *    Where the BAT's region is too short, all of it is copied, to space behind the
 *    image or, if that suffices, the region gets longer where it is;
 * 4. in one transaction of the log: the size of the disk and, if the region moves,
 *    both region tables.  This is the moment;
 * 5. if it shrank: the entries of blocks that are gone become zeros, by way of the
 *    log.
 *
 * A crash before 4 leaves the disk as it was, and space that nothing owns at most.  A
 * crash in 5 leaves entries that count for nothing; growing makes them zeros first.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "edit.h"
#include "guid.h"
#include "hostfs.h"
#include "journal.h"
#include "message.h"
#include "resize.h"
#include "size.h"

#define RESIZE_BYTES	SZ_1M	/* copied at a time */
#define RESIZE_TABLES	2

static struct image *resize_image(const struct resize *resize)
{
	return chain_leaf(resize->chain);
}

/* Geometry of the disk with its new size. */
static void resize_geometry(const struct resize *resize,
			    struct vhdx_geometry *geo)
{
	struct vhdx_meta meta = resize_image(resize)->layout.meta;

	meta.disk_bytes = resize->bytes;
	vhdx_geometry_init(geo, &meta);
}

/* Length that the BAT's region has to have; never less than it is. */
static u32 resize_bat_bytes(const struct resize *resize)
{
	u32 now = resize_image(resize)->layout.regions.bat.length;
	struct vhdx_geometry geo;

	resize_geometry(resize, &geo);
	return max_t(u64, now, round_up_u64(geo.bat_entries * sizeof(__le64),
					    SZ_1M));
}

static bool resize_is_fixed(const struct resize *resize)
{
	const struct vhdx_meta *meta = &resize_image(resize)->layout.meta;

	return meta->leave_allocated && !meta->has_parent;
}

/* Is the space right behind the BAT free, so that it can grow into it? */
static bool resize_bat_stays(const struct resize *resize, u32 bytes)
{
	const struct image *image = resize_image(resize);
	const struct vhdx_region *bat = &image->layout.regions.bat;
	u64 from = (bat->off + bat->length) / SZ_1M;
	u64 to = (bat->off + bytes) / SZ_1M;

	return to <= image->space.size &&
	       find_next_bit(image->space.map, to, from) >= to;
}

/**
 * resize_space() - how much the file has to grow
 * @resize: with all but @end
 *
 * Return: bytes behind the end of the image.
 */
u64 resize_space(const struct resize *resize)
{
	const struct image *image = resize_image(resize);
	u32 bat_bytes = resize_bat_bytes(resize);
	struct vhdx_geometry geo;
	u64 bytes = 0;

	resize_geometry(resize, &geo);
	if (bat_bytes > image->layout.regions.bat.length &&
	    !resize_bat_stays(resize, bat_bytes))
		bytes = bat_bytes;
	if (resize_is_fixed(resize) && geo.blocks > image->layout.geo.blocks)
		bytes += (u64)(geo.blocks - image->layout.geo.blocks) <<
			 geo.block_shift;
	return bytes;
}

/* Is there anything behind the image? */
static bool resize_is_littered(const struct resize *resize)
{
	return resize->littered || resize_image(resize)->block_device;
}

/* Space behind the image, which reads as zeros in a file without litter. */
static int resize_extend(struct resize *resize, u64 bytes, u64 *off)
{
	struct image *image = resize_image(resize);

	*off = resize->end;
	resize->end += bytes;
	return resize->end > image->file_bytes ?
	       edit_resize(image, resize->end) : 0;
}

/* Step 2: what is behind the old end is nothing that the disk is to show. */
static int resize_zero_tail(struct resize *resize)
{
	struct image *image = resize_image(resize);
	const struct vhdx_geometry *geo = &image->layout.geo;
	u64 old = geo->disk_bytes, block_bytes = 1ULL << geo->block_shift;
	u64 inside = old & (block_bytes - 1);
	u32 e = resize->chain->layer[0]->bat[geo->blocks - 1];
	u64 off = (u64)VHDX_CORE_MIB(e) * SZ_1M, from, part, at;
	u8 *buf = calloc(1, RESIZE_BYTES);
	int r = buf ? 0 : -ENOMEM;

	if (!inside || resize->bytes <= old ||
	    !vhdx_block_present(VHDX_CORE_STATE(e))) {
		free(buf);
		return r;
	}
	from = inside;
	/* A file that ends in the block has zeros there, but not for long. */
	if (!r && !image->block_device && off + block_bytes > image->file_bytes)
		r = edit_resize(image, off + block_bytes);
	for (at = from; !r && at < block_bytes; at += part) {
		part = min_t(u64, block_bytes - at,
			     RESIZE_BYTES - at % RESIZE_BYTES);
		r = edit_write(image, off + at, buf, part);
	}
	free(buf);
	return r;
}

/* Step 3: the entries from @from to @to, in a BAT that begins at @off. */
static int resize_fill(struct resize *resize, const struct vhdx_geometry *geo,
		       u64 off, u64 from, u64 to, u64 first_block)
{
	u32 first = resize_image(resize)->layout.geo.blocks, i, count;
	__le64 *buf = malloc(RESIZE_BYTES);
	bool fixed = resize_is_fixed(resize);
	int r = buf ? 0 : -ENOMEM;
	u64 index, block;

	for (index = from; !r && index < to; index += count) {
		count = min_t(u64, to - index, RESIZE_BYTES / sizeof(*buf));
		memset(buf, 0, count * sizeof(*buf));
		for (i = 0; fixed && i < count; i++) {
			block = vhdx_bat_blocks_before(geo, index + i);
			if (vhdx_bat_is_bitmap(geo, index + i) ||
			    block < first || block >= geo->blocks)
				continue;
			buf[i] = cpu_to_le64(VHDX_BAT_RAW(VHDX_BLOCK_FULL,
				first_block / SZ_1M + (block - first) *
				vhdx_block_mib(geo)));
		}
		r = edit_write(resize_image(resize), off + index * sizeof(*buf),
			       buf, count * sizeof(*buf));
	}
	free(buf);
	return r;
}

static bool resize_is_zero(const u8 *buf, u32 bytes)
{
	return !buf[0] && !memcmp(buf, buf + 1, bytes - 1);
}

/* Copy the entries that count to @off. */
static int resize_copy_bat(struct resize *resize, u64 off)
{
	struct image *image = resize_image(resize);
	u64 bytes = image->layout.geo.bat_entries * sizeof(__le64), at;
	u64 old = image->layout.regions.bat.off;
	u8 *buf = malloc(RESIZE_BYTES);
	int r = buf ? 0 : -ENOMEM;
	u32 part;

	for (at = 0; !r && at < bytes; at += part) {
		part = min_t(u64, bytes - at, RESIZE_BYTES);
		progress("Moving the BAT", at, bytes);
		r = image_pread(image, old + at, buf, part);
		if (!r && (resize_is_littered(resize) ||
			   !resize_is_zero(buf, part)))
			r = edit_write(image, off + at, buf, part);
	}
	progress_end();
	free(buf);
	return r;
}

/* Its tables are no holes: there has to be space when they are written. */
static int resize_reserve(struct image *image, u64 off, u64 bytes)
{
	struct hostfs host;
	int r;

	if (image->block_device)
		return 0;
	r = hostfs_look(&host, image->fd);
	return r ? r : hostfs_reserve(&host, image->fd, off, off + bytes);
}

/* Step 3.  @bat: what the region becomes. */
static int resize_grow(struct resize *resize, struct vhdx_region *bat)
{
	struct image *image = resize_image(resize);
	u32 bat_bytes = resize_bat_bytes(resize);
	u64 from = image->layout.geo.bat_entries, blocks_off = 0;
	struct vhdx_geometry geo;
	bool moves;
	int r = 0;

	resize_geometry(resize, &geo);
	moves = bat_bytes > bat->length && !resize_bat_stays(resize, bat_bytes);
	bat->length = bat_bytes;
	if (moves)
		r = resize_extend(resize, bat_bytes, &bat->off);
	if (!r)
		r = resize_reserve(image, bat->off, bat_bytes);
	if (!r && moves)
		r = resize_copy_bat(resize, bat->off);
	if (!r && resize_is_fixed(resize) && geo.blocks > image->layout.geo.blocks) {
		u64 bytes = (u64)(geo.blocks - image->layout.geo.blocks) <<
			    geo.block_shift;

		r = resize_extend(resize, bytes, &blocks_off);
		if (!r && resize_is_littered(resize))
			r = edit_zero(image, blocks_off, bytes);
		if (!r)
			r = resize_reserve(image, blocks_off, bytes);
	}
	/* All that the region holds: what was padding may be anything. */
	if (!r)
		r = resize_fill(resize, &geo, bat->off, from,
				bat_bytes / sizeof(__le64), blocks_off);
	return r ? r : edit_sync(image);
}

/* Both region tables, with the BAT's region as it is going to be. */
static int resize_set_regions(struct journal *journal,
			      const struct vhdx_region *bat)
{
	struct image *image = journal->image;
	u32 count = image->layout.regions.count, i, at;
	struct vhdx_region *region = calloc(count + 1, sizeof(*region));
	u8 *table = malloc(VHDX_REGION_BYTES);
	int r = region && table ? 0 : -ENOMEM, slot;

	if (!r)
		r = image_pread(image,
				VHDX_REGION_OFF(image->layout.region_slot),
				table, VHDX_REGION_BYTES);
	for (i = 0; !r && i < count; i++) {
		vhdx_region_decode(table, i, &region[i]);
		if (guid_equal(&region[i].guid, &bat->guid)) {
			region[i].off = bat->off;
			region[i].length = bat->length;
		}
	}
	if (!r)
		vhdx_region_table_encode(table, region, count);
	for (slot = 0; slot < RESIZE_TABLES; slot++)
		for (at = 0; !r && at < VHDX_REGION_BYTES; at += VHDX_SECTOR)
			r = journal_set(journal, VHDX_REGION_OFF(slot) + at,
					table + at, VHDX_SECTOR);
	free(table);
	free(region);
	return r;
}

/* Where the size of the disk is, in bytes from the start of the image. */
static int resize_find_size(struct image *image, u64 *off)
{
	const struct vhdx_region *region = &image->layout.regions.metadata;
	struct vhdx_meta_item known[VHDX_META_NR_KINDS];
	int r = image_pread(image, region->off, image->scratch,
			    VHDX_META_TABLE_BYTES);

	if (!r)
		r = vhdx_meta_table_check(image->scratch, region->length, known);
	*off = region->off + known[VHDX_META_DISK_SIZE].off;
	return r > 0 ? -EIO : r;
}

/* Step 4. */
static int resize_switch(struct resize *resize, struct journal *journal,
			 const struct vhdx_region *bat)
{
	const struct vhdx_region *old = &journal->image->layout.regions.bat;
	__le64 size = cpu_to_le64(resize->bytes);
	u64 off = 0;
	u32 first;
	int r = resize_find_size(journal->image, &off);

	/* It is not aligned, and may be in two sectors. */
	first = min_t(u64, sizeof(size), VHDX_SECTOR - off % VHDX_SECTOR);
	if (!r)
		r = journal_set(journal, off, &size, first);
	if (!r && first < sizeof(size))
		r = journal_set(journal, off + first, (u8 *)&size + first,
				sizeof(size) - first);
	if (!r && (bat->off != old->off || bat->length != old->length))
		r = resize_set_regions(journal, bat);
	return r ? r : journal_commit(journal);
}

/* Does an entry of the BAT as it was count for nothing any more? */
static bool resize_is_gone(const struct vhdx_geometry *geo, u64 index)
{
	if (vhdx_bat_is_bitmap(geo, index))
		return index >= vhdx_bat_bitmap_index(geo, geo->chunks);
	return vhdx_bat_blocks_before(geo, index) >= geo->blocks;
}

/* Step 5, for the entries of one sector of the BAT. */
static int resize_clear_sector(struct journal *journal,
			       const struct vhdx_geometry *geo, u64 sector)
{
	struct image *image = journal->image;
	u64 end = image->layout.geo.bat_entries, index;
	u64 off = image->layout.regions.bat.off + sector * VHDX_SECTOR;
	__le64 entry[VHDX_BAT_PER_SECTOR];
	bool changed = false;
	int r = image_pread(image, off, entry, sizeof(entry));
	u32 i;

	for (i = 0; !r && i < VHDX_BAT_PER_SECTOR; i++) {
		index = sector * VHDX_BAT_PER_SECTOR + i;
		if (index >= end || !entry[i] || !resize_is_gone(geo, index))
			continue;
		entry[i] = 0;
		changed = true;
	}
	if (r || !changed)
		return r;
	if (!journal_has_room(journal, off))
		r = journal_commit(journal);
	return r ? r : journal_set(journal, off, entry, sizeof(entry));
}

static int resize_clear(struct resize *resize, struct journal *journal)
{
	u64 end = journal->image->layout.geo.bat_entries, sector;
	struct vhdx_geometry geo;
	int r = 0;

	resize_geometry(resize, &geo);
	sector = vhdx_bat_index(&geo, geo.blocks) / VHDX_BAT_PER_SECTOR;
	for (; !r && sector * VHDX_BAT_PER_SECTOR < end; sector++)
		r = resize_clear_sector(journal, &geo, sector);
	return r ? r : journal_commit(journal);
}

/**
 * resize_write() - give the disk its new size
 * @resize: the disk has another one; BATs are loaded
 *
 * Afterwards the image has to be loaded again.
 *
 * Return: 0 or a negative errno.
 */
int resize_write(struct resize *resize)
{
	struct image *image = resize_image(resize);
	struct vhdx_region bat = image->layout.regions.bat;
	struct journal journal = {};
	int r;

	guid_random(&image->layout.header.data_write_guid);
	r = edit_header(image);
	if (!r)
		r = resize_zero_tail(resize);
	if (!r && resize->bytes > image->layout.geo.disk_bytes)
		r = resize_grow(resize, &bat);
	if (!r)
		r = journal_begin(&journal, image);
	if (!r)
		r = resize_switch(resize, &journal, &bat);
	if (!r && resize->bytes < image->layout.geo.disk_bytes)
		r = resize_clear(resize, &journal);
	if (!r)
		r = journal_end(&journal);
	journal_free(&journal);
	return r;
}

/* A copy of a block in new space, with what is to be written to it. */
static int resize_copy_block(struct resize *resize, u32 block, u64 at,
			     const void *data, u32 bytes, u64 *off)
{
	struct image *image = resize_image(resize);
	const struct vhdx_geometry *geo = &image->layout.geo;
	u64 start = (u64)block << geo->block_shift, pos, part;
	u64 end = min_t(u64, start + (1ULL << geo->block_shift),
			geo->disk_bytes);
	u8 *buf = malloc(RESIZE_BYTES);
	int r = buf ? 0 : -ENOMEM;

	if (!r)
		r = resize_extend(resize, 1ULL << geo->block_shift, off);
	if (!r && resize_is_littered(resize))
		r = edit_zero(image, *off, 1ULL << geo->block_shift);
	for (pos = start; !r && pos < end; pos += part) {
		part = min_t(u64, end - pos, RESIZE_BYTES);
		r = chain_read(resize->chain, pos, buf, part);
		if (!r && !resize_is_zero(buf, part))
			r = edit_write(image, *off + pos - start, buf, part);
	}
	if (!r)
		r = edit_write(image, *off + at - start, data, bytes);
	free(buf);
	return r;
}

/**
 * resize_put() - write to the disk
 * @resize: with @chain and @end
 * @at: bytes from its start
 * @buf: what
 * @bytes: how much, within one block
 *
 * Durable on return.
 *
 * Return: 0 or a negative errno.
 */
int resize_put(struct resize *resize, u64 at, const void *buf, u32 bytes)
{
	struct image *image = resize_image(resize);
	const struct vhdx_geometry *geo = &image->layout.geo;
	u32 block = at >> geo->block_shift;
	u32 *e = &resize->chain->layer[0]->bat[block];
	struct journal journal = {};
	__le64 entry;
	u64 off = 0;
	int r;

	if (VHDX_CORE_STATE(*e) == VHDX_BLOCK_FULL) {
		r = edit_write(image, (u64)VHDX_CORE_MIB(*e) * SZ_1M +
			       (at & ((1ULL << geo->block_shift) - 1)), buf,
			       bytes);
		return r ? r : edit_sync(image);
	}
	r = resize_copy_block(resize, block, at, buf, bytes, &off);
	if (!r)
		r = journal_begin(&journal, image);
	entry = cpu_to_le64(VHDX_BAT_RAW(VHDX_BLOCK_FULL, off / SZ_1M));
	if (!r)
		r = journal_set(&journal, image->layout.regions.bat.off +
				sizeof(entry) * vhdx_bat_index(geo, block),
				&entry, sizeof(entry));
	if (!r)
		r = journal_commit(&journal);
	if (!r)
		r = journal_end(&journal);
	journal_free(&journal);
	if (!r)
		*e = VHDX_CORE(VHDX_BLOCK_FULL, off / SZ_1M);
	resize->chain->unit = ~0U;
	return r;
}
