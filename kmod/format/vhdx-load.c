// SPDX-License-Identifier: GPL-2.0
#include "vhdx-load.h"

/**
 * vhdx_load_header() - read and judge identifier and headers
 * @reader: the image, without the log's changes
 * @layout: takes the header
 * @scratch: VHDX_LOAD_SCRATCH bytes
 *
 * Nothing else but the log may be read before the log is replayed (MS-VHDX
 * 2.3.3): if the header has a LogGuid, find the active sequence and give
 * @reader its changes before vhdx_load_layout().
 *
 * Context: may sleep if @reader does.
 * Return: 0, a fault, or a negative errno.
 */
int vhdx_load_header(struct vhdx_reader *reader, struct vhdx_layout *layout,
		     void *scratch)
{
	u8 *second = (u8 *)scratch + VHDX_HEADER_BYTES;
	int r;

	if (reader->image_bytes < VHDX_HEAD_BYTES)
		return VHDX_FAULT_TOO_SHORT;		/* case 1 */
	/* A disk's sectors are no larger, and a header could not be written. */
	if (reader->logical_bytes > VHDX_SECTOR)
		return VHDX_FAULT_SECTOR_SMALL;		/* case 43 */
	r = reader->read(reader, VHDX_IDENT_OFF, scratch, VHDX_SECTOR);
	if (!r)
		r = vhdx_ident_check(scratch);
	if (!r)
		r = reader->read(reader, VHDX_HEADER_OFF(0), scratch,
				 VHDX_HEADER_BYTES);
	if (!r)
		r = reader->read(reader, VHDX_HEADER_OFF(1), second,
				 VHDX_HEADER_BYTES);
	if (!r)
		r = vhdx_header_select(scratch, second, &layout->header,
				       &layout->header_slot,
				       &layout->header_damaged);
	if (!r)
		r = vhdx_header_check(&layout->header, reader->image_bytes);
	if (!r && reader->writable)
		r = vhdx_header_check_writable(&layout->header);
	return r;
}

static int vhdx_load_regions(struct vhdx_reader *reader,
			     struct vhdx_layout *layout, void *scratch)
{
	u8 *table = scratch;
	int r;

	r = reader->read(reader, VHDX_REGION_OFF(0), table, VHDX_REGION_BYTES);
	if (!r)
		r = reader->read(reader, VHDX_REGION_OFF(1),
				 table + VHDX_REGION_BYTES, VHDX_REGION_BYTES);
	if (!r)
		r = vhdx_region_table_select(table, table + VHDX_REGION_BYTES,
					     &layout->region_slot,
					     &layout->region_differ);
	if (r)
		return r;
	return vhdx_region_table_check(table + layout->region_slot *
				       VHDX_REGION_BYTES, &layout->header,
				       reader->image_bytes, &layout->regions);
}

static int vhdx_load_meta(struct vhdx_reader *reader, struct vhdx_layout *layout,
			  void *scratch)
{
	const struct vhdx_region *region = &layout->regions.metadata;
	struct vhdx_meta_item known[VHDX_META_NR_KINDS];
	u8 item[VHDX_META_ITEM_BYTES];
	int kind, r;

	r = reader->read(reader, region->off, scratch, VHDX_META_TABLE_BYTES);
	if (!r)
		r = vhdx_meta_table_check(scratch, region->length, known);
	memset(&layout->meta, 0, sizeof(layout->meta));
	memset(&layout->locator, 0, sizeof(layout->locator));
	if (!r)
		layout->locator = known[VHDX_META_PARENT_LOCATOR];
	for (kind = 0; !r && kind < VHDX_META_PARENT_LOCATOR; kind++) {
		r = reader->read(reader, region->off + known[kind].off, item,
				 known[kind].length);
		if (!r)
			r = vhdx_meta_item_decode(kind, item, &layout->meta);
	}
	if (!r)
		r = vhdx_meta_check(&layout->meta);
	if (r || !layout->meta.has_parent)
		return r;
	if (!layout->locator.length)
		return VHDX_FAULT_NO_LOCATOR;		/* case 44 */
	return reader->parents ? 0 : VHDX_FAULT_HAS_PARENT;
}

/**
 * vhdx_load_layout() - read and judge region tables and metadata
 * @reader: the image, with the log's changes
 * @layout: has the header, takes the rest
 * @scratch: VHDX_LOAD_SCRATCH bytes
 *
 * Context: may sleep if @reader does.
 * Return: 0, a fault, or a negative errno.
 */
int vhdx_load_layout(struct vhdx_reader *reader, struct vhdx_layout *layout,
		     void *scratch)
{
	int r;

	r = vhdx_load_regions(reader, layout, scratch);
	if (!r)
		r = vhdx_load_meta(reader, layout, scratch);
	if (r)
		return r;
	vhdx_geometry_init(&layout->geo, &layout->meta);
	if (layout->geo.bat_entries > layout->regions.bat.length / sizeof(__le64))
		return VHDX_FAULT_BAT_SHORT;		/* case 52 */
	if (layout->meta.logical_bytes < reader->logical_bytes)
		return VHDX_FAULT_SECTOR_SMALL;		/* case 43 */
	return 0;
}

/**
 * vhdx_load_space() - mark the space that is no block
 * @reader: the image, with the log's changes
 * @layout: complete
 * @space: an empty map; takes head, log and all regions
 * @scratch: VHDX_LOAD_SCRATCH bytes
 *
 * Unknown optional regions keep their space too (case 21).
 *
 * Context: may sleep if @reader does.
 * Return: 0 or a negative errno.
 */
int vhdx_load_space(struct vhdx_reader *reader, struct vhdx_layout *layout,
		    struct vhdx_space *space, void *scratch)
{
	struct vhdx_region region;
	u32 i;
	int r;

	r = reader->read(reader, VHDX_REGION_OFF(layout->region_slot), scratch,
			 VHDX_REGION_BYTES);
	if (r)
		return r;
	vhdx_space_claim(space, 0, VHDX_HEAD_BYTES >> 20);
	vhdx_space_claim(space, layout->header.log_off >> 20,
			 layout->header.log_length >> 20);
	for (i = 0; i < layout->regions.count; i++) {
		vhdx_region_decode(scratch, i, &region);
		vhdx_space_claim(space, region.off >> 20, region.length >> 20);
	}
	return 0;
}

/**
 * struct vhdx_bat_scan - what vhdx_load_bat() is at
 * @reader: its argument
 * @layout: likewise
 * @space: likewise
 * @visit: likewise
 * @arg: likewise
 * @anchors: this is the second pass, for the anchors and what is like them
 * @more: there are some
 * @slot: index of a sector bitmap that has to be there; ~0: of none
 */
struct vhdx_bat_scan {
	struct vhdx_reader *reader;
	const struct vhdx_layout *layout;
	struct vhdx_space *space;
	vhdx_bat_visit_fn visit;
	void *arg;
	bool anchors;
	bool more;
	u64 slot;
};

/*
 * Decode, judge, and claim the space of a block (cases 60, 61, 66).  Blocks
 * that are present come first: what collides with one of them is either another
 * one, and then the image is broken, or an anchor, which a reader can ignore.
 */
static int vhdx_load_block(struct vhdx_bat_scan *scan, u64 index, u32 block,
			   u64 raw)
{
	const struct vhdx_geometry *geo = &scan->layout->geo;
	bool writable = scan->reader->writable, present, anchor;
	struct vhdx_bat_entry entry = {};
	int r;

	r = vhdx_bat_decode_payload(geo, block, raw, scan->reader->image_bytes,
				    writable, &entry);
	present = vhdx_block_present(entry.state);
	if (!writable && !present)
		entry.mib = 0;
	anchor = !r && !present && entry.mib;
	scan->more |= anchor;
	if (anchor != scan->anchors)
		return 0;		/* not in this pass */
	if (geo->has_parent && entry.state == VHDX_BLOCK_PARTIAL)
		scan->slot = vhdx_bat_bitmap_index(geo, block >>
							geo->chunk_shift);
	/* One that is cut off at the end has the rest of its space. */
	if ((!r || r == VHDX_FAULT_BAT_CUT) && entry.mib &&
	    !vhdx_space_claim(scan->space, entry.mib, vhdx_block_mib(geo)))
		r = present ? VHDX_FAULT_BAT_OVERLAP : VHDX_FAULT_BAT_ANCHOR;
	return scan->visit(scan->arg, index, block, false, &entry, r);
}

/* Of a differencing image: its space is its own, as a block's (cases 61, 63). */
static int vhdx_load_bitmap(struct vhdx_bat_scan *scan, u64 index, u32 chunk,
			    u64 raw)
{
	struct vhdx_bat_entry entry = {};
	bool needed = scan->slot == index;
	int r;

	if (scan->anchors)
		return 0;		/* not in this pass */
	r = vhdx_bat_decode_bitmap(&scan->layout->geo, raw,
				   scan->reader->image_bytes,
				   scan->reader->writable, &entry);
	if (!r && needed && !entry.mib)
		r = VHDX_FAULT_BITMAP_MISSING;
	if (!r && entry.mib && !vhdx_space_claim(scan->space, entry.mib, 1))
		r = VHDX_FAULT_BAT_OVERLAP;
	scan->slot = ~0ULL;
	return scan->visit(scan->arg, index, chunk, true, &entry, r);
}

/*
 * A slot that is no bitmap may keep a block's space (case 64).  Blocks come
 * first here as well, so that none collides with it.
 */
static int vhdx_load_unused(struct vhdx_bat_scan *scan, u64 index, u32 chunk,
			    u64 raw)
{
	struct vhdx_bat_entry entry = {};
	int r = vhdx_bat_decode_bitmap(&scan->layout->geo, raw,
				       scan->reader->image_bytes,
				       scan->reader->writable, &entry);
	u32 mibs = vhdx_block_mib(&scan->layout->geo), i;
	bool keeps = entry.mib;

	scan->more |= keeps;
	if (keeps != scan->anchors)
		return 0;		/* not in this pass */
	/* What others own of it is theirs, the rest is not free. */
	for (i = 0; keeps && i < mibs; i++)
		vhdx_space_claim(scan->space, entry.mib + i, 1);
	return scan->visit(scan->arg, index, chunk, true, &entry, r);
}

/* Entry @index of the BAT is @raw. */
static int vhdx_load_bat_entry(struct vhdx_bat_scan *scan, u64 index, u64 raw)
{
	const struct vhdx_geometry *geo = &scan->layout->geo;
	u64 block = vhdx_bat_blocks_before(geo, index);

	/* A chunk's entries are all there, however few of them the disk needs. */
	if (!vhdx_bat_is_bitmap(geo, index))
		return block < geo->blocks ?
		       vhdx_load_block(scan, index, block, raw) : 0;
	/* As many slots are before it as chunks. */
	if (geo->has_parent)
		return vhdx_load_bitmap(scan, index, index - block, raw);
	return vhdx_load_unused(scan, index, index - block, raw);
}

static int vhdx_load_bat_pass(struct vhdx_bat_scan *scan, void *buf,
			      u32 buf_bytes)
{
	u64 index, entries = scan->layout->geo.bat_entries;
	u32 per_read = buf_bytes / sizeof(__le64), i, n;
	const __le64 *raw = buf;
	int r;

	scan->slot = ~0ULL;
	for (index = 0; index < entries; index += n) {
		n = min_t(u64, per_read, entries - index);
		r = scan->reader->read(scan->reader,
				       scan->layout->regions.bat.off +
				       index * sizeof(__le64), buf,
				       n * sizeof(__le64));
		for (i = 0; !r; i++) {
			while (i < n && !raw[i] && index + i != scan->slot)
				i++;
			if (i == n)
				break;
			r = vhdx_load_bat_entry(scan, index + i,
						le64_to_cpu(raw[i]));
		}
		if (r)
			return r;
		vhdx_relax();
	}
	return 0;
}

/**
 * vhdx_load_bat() - read and judge the BAT
 * @reader: the image, with the log's changes
 * @layout: complete
 * @space: has all that is no block, takes the blocks
 * @buf: memory to read into
 * @buf_bytes: its size, a multiple of 8
 * @visit: called once for each entry that the disk needs and that is not zero,
 *         in order, but for what keeps space without being present (cases 64,
 *         66) after all others; what lies behind them is padding and may be
 *         anything (case 67)
 * @arg: for @visit
 *
 * An entry of zeros is a block or a sector bitmap that is not present.  There
 * may be 2^26 of them, most of them holes in a file.  One of a sector bitmap
 * that has to be there is visited (case 63).
 *
 * Context: may sleep if @reader does.
 * Return: 0, what @visit returned to end the scan, or a negative errno.
 */
int vhdx_load_bat(struct vhdx_reader *reader, const struct vhdx_layout *layout,
		  struct vhdx_space *space, void *buf, u32 buf_bytes,
		  vhdx_bat_visit_fn visit, void *arg)
{
	struct vhdx_bat_scan scan = {
		.reader = reader, .layout = layout, .space = space,
		.visit = visit, .arg = arg,
	};
	int r = vhdx_load_bat_pass(&scan, buf, buf_bytes);

	if (r || !scan.more)
		return r;
	scan.anchors = true;
	return vhdx_load_bat_pass(&scan, buf, buf_bytes);
}
