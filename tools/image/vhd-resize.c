// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the disk of a VHD image gets another size
 *
 * There is no log.  What tells the size are the footers: the one at the end counts
 * if they differ.  Each step is durable before the next:
 *
 * 1. what the last block holds behind the end of the disk becomes zeros;
 * 2. if the BAT has too few entries: the blocks that lie right behind it are copied
 *    to the end, and their entries changed; then the entries behind those that count
 *    are written, and at last the first sector of the header, which says how many
 *    there are.  Where paths of a parent lie behind it all of the BAT is copied to the
 *    end instead, and the header says where it is in that sector, too;
 * 3. the footer behind all that, which makes it so, then its copy at the start;
 * 4. if it shrank: the entries of blocks that are gone.
 *
 * On each way the end of the file has a footer.  A fixed image is its disk and the
 * footer behind it: for a longer one a copy of that goes behind zeros first; then
 * what is between the disk and the copy becomes zeros, the old footer with it; then
 * the copy tells the new size.  A shorter one gets it before the file is cut.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "edit.h"
#include "guid.h"
#include "message.h"
#include "size.h"
#include "vhd-repair.h"
#include "vhd-resize.h"

#define VHD_RESIZE_BYTES	SZ_1M
#define VHD_RESIZE_PUT		2U	/* blocks that a partition table's copy may take */

static struct vhd_layout *vhd_resize_layout(const struct vhd_resize *resize)
{
	return &resize->layer->vhd.layout;
}

static struct image *vhd_resize_image(const struct vhd_resize *resize)
{
	return resize->layer->vhd.image;
}

static u64 vhd_resize_block_bytes(const struct vhd_resize *resize)
{
	return (u64)vhd_block_sectors(&vhd_resize_layout(resize)->geo) <<
	       VHD_SECTOR_SHIFT;
}

/* The footer as it is going to be: who goes by the geometry is told not to. */
static void vhd_resize_footer(const struct vhd_resize *resize,
			      u8 buf[VHD_FOOTER_BYTES])
{
	struct vhd_footer footer = vhd_resize_layout(resize)->footer;

	footer.current_bytes = resize->bytes;
	vhd_chs_of(resize->bytes >> VHD_SECTOR_SHIFT, &footer.chs);
	/* Children elsewhere show what is cut off as zeros. */
	if (resize->bytes < vhd_resize_layout(resize)->geo.disk_bytes)
		guid_random(&footer.id);
	if (vhd_footer_size_from(&footer) == VHD_SIZE_CHS)
		memcpy(footer.creator_app, "win ", sizeof(footer.creator_app));
	vhd_footer_encode(&footer, buf);
}

static int vhd_resize_write_sync(struct image *image, u64 off, const void *buf,
				 u64 bytes)
{
	int r = edit_write(image, off, buf, bytes);

	if (!r && !image->block_device)
		image->file_bytes = max_t(u64, image->file_bytes, off + bytes);
	return r ? r : edit_sync(image);
}

/* Where the footer at the end goes. */
static u64 vhd_resize_footer_off(const struct vhd_resize *resize)
{
	const struct image *image = vhd_resize_image(resize);

	return image->block_device ? image->file_bytes - VHD_FOOTER_BYTES :
				     resize->end;
}

/* What is behind the disk of a fixed image becomes zeros, with a footer behind it. */
static int vhd_resize_fixed_grow(struct vhd_resize *resize)
{
	struct image *image = vhd_resize_image(resize);
	u64 from = vhd_resize_layout(resize)->geo.disk_bytes;
	u64 to = min_t(u64, image->file_bytes, resize->bytes);
	u8 footer[VHD_FOOTER_BYTES];
	int r = 0;

	if (resize->bytes > vhd_resize_layout(resize)->end) {
		r = image_pread(image, vhd_resize_layout(resize)->end, footer,
				sizeof(footer));
		if (!r)
			r = vhd_resize_write_sync(image, resize->bytes, footer,
						  sizeof(footer));
	}
	if (!r && from < to)
		r = edit_zero(image, from, to - from);
	return r ? r : edit_sync(image);
}

static int vhd_resize_fixed(struct vhd_resize *resize)
{
	struct image *image = vhd_resize_image(resize);
	u8 footer[VHD_FOOTER_BYTES];
	int r = 0;

	if (image->block_device)
		return -ENOSPC;
	if (resize->bytes > vhd_resize_layout(resize)->geo.disk_bytes)
		r = vhd_resize_fixed_grow(resize);
	vhd_resize_footer(resize, footer);
	if (!r)
		r = vhd_resize_write_sync(image, resize->bytes, footer,
					  sizeof(footer));
	if (!r && image->file_bytes > resize->bytes + VHD_FOOTER_BYTES)
		r = edit_resize(image, resize->bytes + VHD_FOOTER_BYTES);
	return r ? r : edit_sync(image);
}

static int vhd_resize_set(struct vhd_resize *resize, u32 block, u32 sector)
{
	__be32 entry = cpu_to_be32(sector);
	int r;

	r = vhd_resize_write_sync(vhd_resize_image(resize),
				  vhd_resize_layout(resize)->header.bat_off +
				  (u64)block * sizeof(entry), &entry,
				  sizeof(entry));
	if (!r)
		resize->layer->bat[block] = sector;
	return r;
}

/* Room at the end; the footer there would be overwritten: another one first. */
static int vhd_resize_make_room(struct vhd_resize *resize, u64 bytes, u64 *off)
{
	struct image *image = vhd_resize_image(resize);
	u8 footer[VHD_FOOTER_BYTES];
	int r;

	*off = resize->end;
	if (*off >> VHD_SECTOR_SHIFT >= VHD_BAT_UNALLOCATED)
		return -EFBIG;
	resize->end += bytes;
	if (image->block_device)
		return resize->end + VHD_FOOTER_BYTES > image->file_bytes ?
		       -ENOSPC : 0;
	r = image_pread(image, vhd_resize_layout(resize)->end, footer,
			sizeof(footer));
	if (r || resize->end + VHD_FOOTER_BYTES <= image->file_bytes)
		return r;
	/* Behind zeros, in one step with the file's size. */
	r = vhd_resize_write_sync(image, resize->end, footer, sizeof(footer));
	if (!r)
		vhd_resize_layout(resize)->end = resize->end;
	return r;
}

static int vhd_resize_move(struct vhd_resize *resize, u32 block)
{
	struct image *image = vhd_resize_image(resize);
	u64 from = (u64)resize->layer->bat[block] << VHD_SECTOR_SHIFT, to;
	u64 bytes = vhd_resize_block_bytes(resize), done, part;
	u8 *buf = malloc(VHD_RESIZE_BYTES);
	int r = buf ? vhd_resize_make_room(resize, bytes, &to) : -ENOMEM;

	for (done = 0; !r && done < bytes; done += part) {
		part = min_t(u64, bytes - done, VHD_RESIZE_BYTES);
		r = image_pread(image, from + done, buf, part);
		if (!r)
			r = edit_write(image, to + done, buf, part);
	}
	free(buf);
	if (!r)
		r = edit_sync(image);
	return r ? r : vhd_resize_set(resize, block, to >> VHD_SECTOR_SHIFT);
}

/* Where a BAT ends that has entries for so many blocks. */
static u64 vhd_resize_bat_end(const struct vhd_layout *layout, u32 blocks)
{
	return layout->header.bat_off +
	       round_up_u64((u64)blocks * sizeof(__be32), VHD_SECTOR);
}

/* Does a table other than the BAT lie where that is to grow into? */
static bool vhd_resize_in_way(const struct vhd_layout *layout, u32 blocks)
{
	u64 from = layout->header.bat_off +
		   (u64)layout->geo.blocks * sizeof(__be32);
	u64 to = vhd_resize_bat_end(layout, blocks);
	u32 i;

	if (blocks <= layout->header.bat_entries)
		return false;
	for (i = 0; i < layout->tables.count; i++)
		if (layout->tables.range[i].off >= from &&
		    layout->tables.range[i].off < to)
			return true;
	return false;
}

static int vhd_resize_fill_bat(struct vhd_resize *resize, u64 from, u64 to)
{
	u8 *buf = malloc(VHD_RESIZE_BYTES);
	u64 part;
	int r = buf ? 0 : -ENOMEM;

	if (buf)
		memset(buf, 0xff, VHD_RESIZE_BYTES);	/* VHD_BAT_UNALLOCATED */
	for (; !r && from < to; from += part) {
		part = min_t(u64, to - from, VHD_RESIZE_BYTES);
		r = edit_write(vhd_resize_image(resize), from, buf, part);
	}
	free(buf);
	return r ? r : edit_sync(vhd_resize_image(resize));
}

/* Place and count of the BAT, and the checksum are in its first sector. */
static int vhd_resize_write_header(struct vhd_resize *resize, u32 blocks)
{
	u64 off = vhd_resize_layout(resize)->footer.header_off;
	struct image *image = vhd_resize_image(resize);
	struct vhd_header_disk header;
	int r = image_pread(image, off, &header, sizeof(header));

	if (r)
		return r;
	header.table_offset = cpu_to_be64(vhd_resize_layout(resize)->header.bat_off);
	header.max_table_entries = cpu_to_be32(blocks);
	header.checksum = cpu_to_be32(vhd_checksum(&header, sizeof(header),
						   VHD_HEADER_SUM_OFF));
	return vhd_resize_write_sync(image, off, &header, VHD_SECTOR);
}

/* Step 2, where the BAT has no place to grow into. */
static int vhd_resize_move_bat(struct vhd_resize *resize, u32 blocks)
{
	u64 bytes = round_up_u64((u64)blocks * sizeof(__be32), VHD_SECTOR);
	struct vhd_layout *layout = vhd_resize_layout(resize);
	const u32 *bat = resize->layer->bat;
	__be32 *table = malloc(bytes);
	u32 block;
	u64 off;
	int r = table ? vhd_resize_make_room(resize, bytes, &off) : -ENOMEM;

	if (table)
		memset(table, 0xff, bytes);	/* VHD_BAT_UNALLOCATED */
	for (block = 0; !r && block < layout->geo.blocks; block++)
		if (bat[block])
			table[block] = cpu_to_be32(bat[block]);
	if (!r)
		r = vhd_resize_write_sync(vhd_resize_image(resize), off, table,
					  bytes);
	free(table);
	if (r)
		return r;
	layout->header.bat_off = off;
	return vhd_resize_write_header(resize, blocks);
}

/* Step 2. */
static int vhd_resize_grow_bat(struct vhd_resize *resize, u32 blocks)
{
	struct vhd_layout *layout = vhd_resize_layout(resize);
	struct image *image = vhd_resize_image(resize);
	/* Entries that were padding may be anything. */
	u64 old = layout->header.bat_off +
		  (u64)layout->geo.blocks * sizeof(__be32);
	u64 end = vhd_resize_bat_end(layout, blocks);
	u32 block;
	int r = 0;

	/* All behind it moves behind where the BAT is going to end. */
	resize->end = max_t(u64, resize->end, end);
	for (block = 0; !r && block < layout->geo.blocks; block++)
		if (resize->layer->bat[block] && (u64)resize->layer->bat[block] <<
		    VHD_SECTOR_SHIFT < end)
			r = vhd_resize_move(resize, block);
	/* An image without blocks has its footer there. */
	if (!r && !image->block_device && layout->end < end) {
		u8 footer[VHD_FOOTER_BYTES];

		r = image_pread(image, layout->end, footer, sizeof(footer));
		if (!r)
			r = vhd_resize_write_sync(image, resize->end, footer,
						  sizeof(footer));
		if (!r)
			layout->end = resize->end;
	}
	if (!r)
		r = vhd_resize_fill_bat(resize, old, end);
	return r ? r : vhd_resize_write_header(resize, blocks);
}

/* Step 1. */
static int vhd_resize_zero_tail(struct vhd_resize *resize)
{
	const struct vhd_geometry *geo = &vhd_resize_layout(resize)->geo;
	u64 inside = geo->disk_bytes & ((1ULL << geo->block_shift) - 1), part;
	u32 sector = resize->layer->bat[geo->blocks - 1];
	u8 *buf = calloc(1, VHD_RESIZE_BYTES);
	int r = buf ? 0 : -ENOMEM;

	if (!inside || !sector || resize->bytes <= geo->disk_bytes)
		inside = 1ULL << geo->block_shift;
	for (; !r && inside < 1ULL << geo->block_shift; inside += part) {
		part = min_t(u64, (1ULL << geo->block_shift) - inside,
			     VHD_RESIZE_BYTES);
		r = edit_write(vhd_resize_image(resize),
			       vhd_block_data(geo, sector) + inside, buf, part);
	}
	free(buf);
	return r ? r : edit_sync(vhd_resize_image(resize));
}

/* Step 4. */
static int vhd_resize_clear(struct vhd_resize *resize, u32 blocks)
{
	u64 bat_off = vhd_resize_layout(resize)->header.bat_off;
	u32 old = vhd_resize_layout(resize)->geo.blocks;

	if (blocks >= old)
		return 0;
	return vhd_resize_fill_bat(resize, bat_off + (u64)blocks * sizeof(__be32),
				   bat_off + (u64)old * sizeof(__be32));
}

static u64 vhd_resize_blocks(const struct vhd_resize *resize)
{
	u32 shift = vhd_resize_layout(resize)->geo.block_shift;

	return (resize->bytes + (1ULL << shift) - 1) >> shift;
}

/* What cannot be done is found out before anything is written: a batmap is behind the BAT. */
static bool vhd_resize_can_grow(const struct vhd_resize *resize, u32 blocks)
{
	const struct vhd_layout *layout = vhd_resize_layout(resize);

	return !layout->batmap.bytes || (!vhd_resize_in_way(layout, blocks) &&
					 blocks <= layout->batmap.bytes * 8ULL);
}

/* XenServer's map must not say of blocks that are new that they are full. */
static int vhd_resize_batmap(struct vhd_resize *resize, u32 blocks)
{
	struct vhd_image *vhd = &resize->layer->vhd;
	const struct vhd_batmap *batmap = &vhd->layout.batmap;
	u32 block = vhd->layout.geo.blocks;
	u8 *map;
	int r;

	if (!batmap->bytes || blocks <= block)
		return 0;
	map = malloc(batmap->bytes);
	r = map ? image_pread(vhd->image, batmap->off, map, batmap->bytes) :
		  -ENOMEM;
	while (!r && block < blocks && !vhd_bitmap_test(map, block))
		block++;
	if (!r && block < blocks)
		r = vhd_repair_batmap(vhd);
	free(map);
	return r;
}

/* Can it end there, with a block as the last thing? */
static bool vhd_resize_fits_end(const struct vhd_resize *resize, u64 end)
{
	return (end - vhd_resize_block_bytes(resize)) >> VHD_SECTOR_SHIFT <
	       VHD_BAT_UNALLOCATED &&
	       vhd_space_pieces(&vhd_resize_layout(resize)->geo, end) <=
	       VHD_MAX_PIECES;
}

/* With the BAT at the end. */
static bool vhd_resize_fits_moved(const struct vhd_resize *resize, u32 blocks)
{
	return vhd_resize_fits_end(resize, resize->end +
				   round_up_u64((u64)blocks * sizeof(__be32), VHD_SECTOR) +
				   VHD_RESIZE_PUT * vhd_resize_block_bytes(resize));
}

/**
 * vhd_resize_fits() - can a VHD image be what this one is to become?
 * @resize: the disk has another size
 *
 * Return: false if it would have more blocks than anybody takes, or some where no
 * entry can name them.
 */
bool vhd_resize_fits(const struct vhd_resize *resize)
{
	const struct vhd_layout *layout = vhd_resize_layout(resize);
	u64 places = VHD_RESIZE_PUT, blocks, bytes, end, bat_end;
	u32 block;

	/* A fixed image has none. */
	if (!layout->geo.blocks)
		return true;
	blocks = vhd_resize_blocks(resize);
	bytes = vhd_resize_block_bytes(resize);
	if (blocks <= layout->geo.blocks)
		return true;
	if (blocks > VHD_MAX_BLOCKS)
		return false;
	if (vhd_resize_in_way(layout, blocks))
		return vhd_resize_fits_moved(resize, blocks);
	bat_end = vhd_resize_bat_end(layout, blocks);
	for (block = 0; block < layout->geo.blocks &&
	     blocks > layout->header.bat_entries; block++)
		places += resize->layer->bat[block] &&
			  (u64)resize->layer->bat[block] << VHD_SECTOR_SHIFT <
			  bat_end;
	end = max_t(u64, resize->end, bat_end) + places * bytes;
	return vhd_resize_fits_end(resize, end);
}

/**
 * vhd_resize_write() - give the disk its new size
 * @resize: the disk has another one
 *
 * vhd_resize_fits() has passed.  Afterwards the image has to be loaded again.
 *
 * Return: 0; -EOPNOTSUPP if something that cannot move is behind the BAT; or another
 * negative errno.
 */
int vhd_resize_write(struct vhd_resize *resize)
{
	struct vhd_layout *layout = vhd_resize_layout(resize);
	struct image *image = vhd_resize_image(resize);
	u8 footer[VHD_FOOTER_BYTES];
	u32 blocks;
	int r;

	if (!layout->geo.blocks)
		return vhd_resize_fixed(resize);
	blocks = vhd_resize_blocks(resize);
	if (!vhd_resize_can_grow(resize, blocks))
		return -EOPNOTSUPP;
	r = vhd_resize_batmap(resize, blocks);
	if (!r)
		r = vhd_resize_zero_tail(resize);
	if (!r && vhd_resize_in_way(layout, blocks))
		r = vhd_resize_move_bat(resize, blocks);
	else if (!r && blocks > layout->header.bat_entries)
		r = vhd_resize_grow_bat(resize, blocks);
	/* Entries that were padding may be anything. */
	else if (!r && blocks > layout->geo.blocks)
		r = vhd_resize_fill_bat(resize, layout->header.bat_off +
				(u64)layout->geo.blocks * sizeof(__be32),
				layout->header.bat_off +
				(u64)blocks * sizeof(__be32));
	if (r)
		return r;
	vhd_resize_footer(resize, footer);
	r = vhd_resize_write_sync(image, image->block_device ?
				  vhd_resize_footer_off(resize) : layout->end,
				  footer, sizeof(footer));
	if (!r)
		r = vhd_resize_write_sync(image, 0, footer, sizeof(footer));
	return r ? r : vhd_resize_clear(resize, blocks);
}

/*
 * A new block of zeros.  All of them are there, or of a child those that are going to be
 * written: [@from, @to), in sectors.
 */
static int vhd_resize_add(struct vhd_resize *resize, u32 from, u32 to, u64 *off)
{
	const struct vhd_geometry *geo = &vhd_resize_layout(resize)->geo;
	struct image *image = vhd_resize_image(resize);
	bool child = vhd_resize_layout(resize)->footer.type ==
		     VHD_TYPE_DIFFERENCING;
	u64 bytes = vhd_resize_block_bytes(resize), done, part;
	u8 *buf = malloc(VHD_RESIZE_BYTES);
	int r = buf ? vhd_resize_make_room(resize, bytes, off) : -ENOMEM;

	for (done = 0; !r && done < bytes; done += part) {
		part = min_t(u64, done ? bytes - done :
			     (u64)geo->bitmap_sectors << VHD_SECTOR_SHIFT,
			     VHD_RESIZE_BYTES);
		memset(buf, done || child ? 0 : 0xff, part);
		if (!done)
			vhd_bitmap_set(buf, from, to);
		r = edit_write(image, *off + done, buf, part);
	}
	free(buf);
	return r;
}

/**
 * vhd_resize_put() - write to the disk
 * @resize: with @layer and @end
 * @at: bytes from its start
 * @buf: what
 * @bytes: how much, within one block, whole sectors
 *
 * Durable on return.
 *
 * Return: 0 or a negative errno.
 */
int vhd_resize_put(struct vhd_resize *resize, u64 at, const void *buf, u32 bytes)
{
	const struct vhd_geometry *geo = &vhd_resize_layout(resize)->geo;
	struct image *image = vhd_resize_image(resize);
	u32 block = at >> geo->block_shift, from, to;
	u64 inside, off = 0;
	int r = 0;

	if (!geo->blocks)
		return vhd_resize_write_sync(image, at, buf, bytes);
	inside = at & ((1ULL << geo->block_shift) - 1);
	from = inside >> VHD_SECTOR_SHIFT;
	to = from + (bytes >> VHD_SECTOR_SHIFT);
	if (resize->layer->bat[block]) {
		u32 sector = resize->layer->bat[block];

		r = vhd_resize_write_sync(image, vhd_block_data(geo, sector) +
					  inside, buf, bytes);
		if (!r)
			r = vhd_image_bitmap(&resize->layer->vhd, sector);
		resize->layer->block = VHD_LAYER_NO_BLOCK;
		vhd_bitmap_set(resize->layer->vhd.bitmap, from, to);
		return r ? r : vhd_resize_write_sync(image,
				(u64)sector << VHD_SECTOR_SHIFT,
				resize->layer->vhd.bitmap,
				(u64)geo->bitmap_sectors << VHD_SECTOR_SHIFT);
	}
	r = vhd_resize_add(resize, from, to, &off);
	if (!r)
		r = vhd_resize_write_sync(image, vhd_block_data(geo,
					  off >> VHD_SECTOR_SHIFT) + inside,
					  buf, bytes);
	return r ? r : vhd_resize_set(resize, block, off >> VHD_SECTOR_SHIFT);
}
