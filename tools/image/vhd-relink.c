// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: a VHD image names another parent
 *
 * The header that says who the parent is takes two sectors, and there is one only:
 * written in its place it could be half of each after a power cut, and the image would
 * be none.  But where it is the footers say, which are a sector each.  Every step is
 * durable before the next:
 *
 * 1. a file gets longer, with its footer at its new end;
 * 2. the new paths and the new header go behind all that there is;
 * 3. the footer at the start names that header, then the one at the end: that is the
 *    one that counts where they differ;
 * 4. nobody uses the old ones any more: what fits in front of the blocks goes there,
 *    where no block has to make way for it ever, or behind the blocks where old ones
 *    were, likewise: paths, header, footers;
 * 5. the footer goes behind what is used, and the file ends there.
 *
 * A crash leaves either parent, and space that nothing owns at most.
 */
#include <stdlib.h>

#include "edit.h"
#include "size.h"
#include "vhd-identity.h"
#include "vhd-relink.h"
#include "vhd-repair.h"

/**
 * struct vhd_relink_place - where header and paths go
 * @header: bytes from the start of the image
 * @path: likewise
 */
struct vhd_relink_place {
	u64 header;
	u64 path[VHD_PARENT_PATHS];
};

/**
 * struct vhd_relink_blocks - where blocks are, in bytes
 * @first: the first one begins
 * @end: the last one ends; 0: there is none
 */
struct vhd_relink_blocks {
	u64 first;
	u64 end;
};

static u64 vhd_relink_path_bytes(const struct vhd_parent *parent, unsigned int i)
{
	return round_up_u64(parent->path[i].bytes, VHD_SECTOR);
}

static struct vhd_relink_blocks vhd_relink_blocks(const struct vhd_layer *layer)
{
	const struct vhd_geometry *geo = &layer->vhd.layout.geo;
	struct vhd_relink_blocks blocks = { .first = ~0ULL };
	u64 bytes = (u64)vhd_block_sectors(geo) << VHD_SECTOR_SHIFT, at;
	u32 block;

	for (block = 0; block < geo->blocks; block++) {
		if (!layer->bat[block])
			continue;
		at = (u64)layer->bat[block] << VHD_SECTOR_SHIFT;
		blocks.first = min_t(u64, blocks.first, at);
		blocks.end = max_t(u64, blocks.end, at + bytes);
	}
	return blocks;
}

/* End of all but the footer. */
static u64 vhd_relink_end(const struct vhd_layer *layer)
{
	return max_t(u64, vhd_tables_end(&layer->vhd.layout.tables),
		     vhd_relink_blocks(layer).end);
}

static void vhd_relink_place_behind(struct vhd_relink_place *place,
				    const struct vhd_parent *parent, u64 end)
{
	unsigned int i;

	for (i = 0; i < VHD_PARENT_PATHS; i++) {
		place->path[i] = end;
		end += vhd_relink_path_bytes(parent, i);
	}
	place->header = end;
}

static u64 vhd_relink_place_end(const struct vhd_relink_place *place,
				const struct vhd_parent *parent)
{
	u64 end = place->header + VHD_HEADER_BYTES;
	unsigned int i;

	for (i = 0; i < VHD_PARENT_PATHS; i++)
		end = max_t(u64, end, place->path[i] +
			    vhd_relink_path_bytes(parent, i));
	return end;
}

/* Space that is in use whatever the header is; false: nobody knows. */
static bool vhd_relink_taken(struct vhd_tables *taken, const struct vhd_layout *layout,
			     const struct vhd_relink_blocks *blocks)
{
	u64 bat_bytes = (u64)layout->header.bat_entries * sizeof(__be32);

	taken->count = 0;
	vhd_tables_add(taken, 0, VHD_FOOTER_BYTES);
	vhd_tables_add(taken, layout->header.bat_off,
		       round_up_u64(bat_bytes, VHD_SECTOR));
	if (blocks->end)
		vhd_tables_add(taken, blocks->first, blocks->end - blocks->first);
	if (layout->batmap.bytes) {
		vhd_tables_add(taken, layout->batmap.header_off, VHD_SECTOR);
		vhd_tables_add(taken, layout->batmap.off, layout->batmap.bytes);
		return true;
	}
	/* Of XenServer's there may be one that is damaged. */
	return memcmp(layout->footer.creator_app, "tap", 4);
}

/* The first free space of @bytes, if it ends at @limit or before; else @at as it is. */
static u64 vhd_relink_fit(struct vhd_tables *taken, u64 bytes, u64 limit, u64 at)
{
	u64 best = limit, start;
	u32 i;

	for (i = 0; i < taken->count; i++) {
		start = round_up_u64(taken->range[i].off + taken->range[i].bytes,
				     VHD_SECTOR);
		if (start < best && start + bytes <= limit &&
		    !vhd_tables_overlap(taken, start, bytes))
			best = start;
	}
	if (best == limit)
		return at;
	vhd_tables_add(taken, best, bytes);
	return best;
}

/*
 * Bring @place, which begins at @limit, to the front; false: nothing moves.  That is so if
 * the header does not, as it would be written where it is in use.
 */
static bool vhd_relink_advance(struct vhd_relink_place *place,
			       const struct vhd_parent *parent,
			       struct vhd_tables *taken, u64 limit)
{
	u64 header = vhd_relink_fit(taken, VHD_HEADER_BYTES, limit,
				    place->header);
	unsigned int i;

	if (header == place->header)
		return false;
	place->header = header;
	for (i = 0; i < VHD_PARENT_PATHS; i++)
		place->path[i] = vhd_relink_fit(taken,
						vhd_relink_path_bytes(parent, i),
						limit, place->path[i]);
	return true;
}

/* All that the header says of the parent; a path of another kind names the old one. */
static void vhd_relink_header(struct vhd_header *header,
			      const struct vhd_parent *parent,
			      const struct vhd_relink_place *place)
{
	struct vhd_locator *locator = header->locator;
	unsigned int i;

	header->parent_id = parent->id;
	header->parent_timestamp = parent->timestamp;
	memcpy(header->parent_name, parent->name, sizeof(header->parent_name));
	memset(locator, 0, sizeof(header->locator));
	for (i = 0; i < VHD_PARENT_PATHS; i++) {
		memcpy(locator[i].code, parent->path[i].code, 4);
		locator[i].length = parent->path[i].bytes;
		locator[i].space_bytes = vhd_relink_path_bytes(parent, i);
		locator[i].off = place->path[i];
	}
}

static int vhd_relink_write_path(struct image *image, u64 off, const void *utf16,
				 u32 bytes)
{
	u32 space = round_up_u64(bytes, VHD_SECTOR);
	u8 *buf = calloc(1, space);
	int r = -ENOMEM;

	if (buf) {
		memcpy(buf, utf16, bytes);
		r = edit_write(image, off, buf, space);
	}
	free(buf);
	return r;
}

/* Paths and header to @place, of which nothing is in use; then they are what counts. */
static int vhd_relink_write(struct vhd_image *vhd, const struct vhd_parent *parent,
			    const struct vhd_relink_place *place)
{
	struct vhd_layout *layout = &vhd->layout;
	u8 buf[VHD_HEADER_BYTES];
	unsigned int i;
	int r = 0;

	vhd_relink_header(&layout->header, parent, place);
	for (i = 0; !r && i < VHD_PARENT_PATHS; i++)
		r = vhd_relink_write_path(vhd->image, place->path[i],
					  parent->path[i].utf16,
					  parent->path[i].bytes);
	vhd_header_encode(&layout->header, buf);
	if (!r)
		r = edit_write(vhd->image, place->header, buf, sizeof(buf));
	if (!r)
		r = edit_sync(vhd->image);
	layout->footer.header_off = place->header;
	if (!r)
		r = vhd_identity_put_footer(vhd, 0);
	return r ? r : vhd_identity_put_footer(vhd, layout->end);
}

/* A device has the space that it has. */
static int vhd_relink_extend(struct vhd_image *vhd, u64 end)
{
	int r;

	if (end <= vhd->layout.end)
		return 0;
	if (vhd->image->block_device)
		return -ENOSPC;
	r = vhd_identity_put_footer(vhd, end);
	if (!r)
		vhd->layout.end = end;
	return r;
}

/**
 * vhd_relink_mend() - make both footers good, as a crash may have left them
 * @layer: the image, open for writing
 *
 * Return: 0 or a negative errno.
 */
int vhd_relink_mend(struct vhd_layer *layer)
{
	return vhd_repair_mend(&layer->vhd, vhd_relink_end(layer));
}

/**
 * vhd_relink() - let an image name another parent
 * @layer: the image, open for writing, with two good footers
 * @parent: from vhd_parent_describe()
 *
 * Durable on return.  What the layout says of its tables is out of date then.
 *
 * Return: 0 or a negative errno: -ENOSPC if there is no room on a device.
 */
int vhd_relink(struct vhd_layer *layer, const struct vhd_parent *parent)
{
	struct vhd_image *vhd = &layer->vhd;
	struct vhd_relink_blocks blocks = vhd_relink_blocks(layer);
	u64 end = vhd_relink_end(layer), was = vhd->layout.end;
	struct vhd_relink_place place;
	struct vhd_tables taken;
	int r;

	vhd_relink_place_behind(&place, parent, end);
	r = vhd_relink_extend(vhd, vhd_relink_place_end(&place, parent));
	if (!r)
		r = vhd_relink_write(vhd, parent, &place);
	if (r || !vhd_relink_taken(&taken, &vhd->layout, &blocks) ||
	    !vhd_relink_advance(&place, parent, &taken, end))
		return r;
	r = vhd_relink_write(vhd, parent, &place);
	/* What nobody owned behind the image stays as it was. */
	end = max_t(u64, was > end ? was : blocks.end,
		    max_t(u64, vhd_relink_place_end(&place, parent),
			  vhd_tables_end(&taken)));
	if (r || vhd->image->block_device || end == vhd->layout.end)
		return r;
	return vhd_repair_trim(vhd, end);
}
