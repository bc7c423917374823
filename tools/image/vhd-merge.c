// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: a parent gets what its children have, VHD
 *
 * As in merge.c: whoever opens the first layer sees the same disk before and
 * afterwards, and what is written below is hidden meanwhile by what the layers above
 * have.  But there is no log, and a child names its parent by one identity only.  Each
 * step is durable before the next:
 *
 * 1. the lowest layer that is merged names its parent by another UniqueId: one that
 *    follows from those of both (vhd_load_next_id()), and is taken for that of the
 *    parent as it is, too.  In the same sector it says that a merge has begun
 *    (vhd_link_begin_merge());
 * 2. the parent has that from now on, in the footer at its start and then in the one
 *    at its end: its other children are refused;
 * 3. the footer of a file goes behind all that is going to be there;
 * 4. data: into blocks that the parent has, where the layers above hide it; into new
 *    blocks, with their bitmaps, which nobody knows of;
 * 5. the bits of the former, and the BAT entries of the latter.  Each lies within a
 *    sector, and none relies on another;
 * 6. the footer goes behind the last block, and the file ends there.
 *
 * 4 and 5 take turns, some blocks at a time.  A crash leaves space that nothing owns,
 * at most, which the next run gives back.  That begins anew, but for 1 and 2 if it finds
 * them done, and gives the same result.
 *
 * While the images are mapped (fold.c) there is no 6: the device over the file must not
 * show more than that has.
 */
#include <stdlib.h>

#include "edit.h"
#include "message.h"
#include "size.h"
#include "vhd-audit.h"
#include "vhd-identity.h"
#include "vhd-link.h"
#include "vhd-merge.h"
#include "vhd-repair.h"

#define VHD_MERGE_BYTES		SZ_1M		/* copied at a time */
#define VHD_MERGE_BATCH		64U		/* blocks, between two flushes */
#define VHD_MERGE_UNIT		(2 * (u64)SZ_1M)	/* of a fixed image */

/**
 * struct vhd_merge_item - a block whose tables are not written yet
 * @block: which one
 * @sector: where it is
 * @bitmap: what is to be there; NULL: it is new, and its entry is to be written
 */
struct vhd_merge_item {
	u32 block;
	u32 sector;
	u8 *bitmap;
};

/**
 * struct vhd_merge - a merge that writes
 * @merge: the merge
 * @item: the batch
 * @count: how many are in it
 * @buf: VHD_MERGE_BYTES
 * @unshared: files cannot have the same space here
 */
struct vhd_merge {
	struct merge *merge;
	struct vhd_merge_item item[VHD_MERGE_BATCH];
	u32 count;
	u8 *buf;
	bool unshared;
};

static struct vhd_layer *vhd_merge_target(const struct merge *merge)
{
	return &merge->vhd[merge->into];
}

static struct vhd_image *vhd_merge_image(const struct merge *merge)
{
	return &vhd_merge_target(merge)->vhd;
}

static const struct vhd_geometry *vhd_merge_geo(const struct merge *merge)
{
	return &vhd_merge_image(merge)->layout.geo;
}

/* A fixed image has no blocks: it is looked at in pieces. */
static u64 vhd_merge_unit(const struct merge *merge)
{
	const struct vhd_geometry *geo = vhd_merge_geo(merge);

	return geo->blocks ? 1ULL << geo->block_shift : VHD_MERGE_UNIT;
}

static u64 vhd_merge_stride(const struct merge *merge)
{
	return round_up_u64((u64)vhd_block_sectors(vhd_merge_geo(merge)) <<
			    VHD_SECTOR_SHIFT, VHD_DATA_ALIGN);
}

/* Who has what goes to @at; @image: NULL: nobody, or it is there already. */
static int vhd_merge_run(const struct merge *merge, u64 at, u64 *end,
			 struct image **image, u64 *off)
{
	if (merge->source)
		return merge->source(merge->source_arg, at, end, image, off);
	return vhd_layers_run(merge->vhd, merge->into - merge->done, at, end,
			      image, off);
}

static u64 vhd_merge_bytes_of(const struct merge *merge)
{
	return vhd_merge_geo(merge)->disk_bytes;
}

/* How much of [@start, @end) the layers above have. */
static int vhd_merge_judge(const struct merge *merge, u64 start, u64 end,
			   u64 *bytes)
{
	struct image *image;
	u64 at, run, off;
	int r;

	*bytes = 0;
	for (at = start; at < end; at = run) {
		run = end;
		r = vhd_merge_run(merge, at, &run, &image, &off);
		if (r)
			return r;
		*bytes += image ? run - at : 0;
	}
	return 0;
}

/* A layer that is shorter would have zeros behind its end, which nothing says. */
static int vhd_merge_check_sizes(const struct merge *merge)
{
	u64 bytes = vhd_merge_bytes_of(merge);
	unsigned int i;

	for (i = 0; i < merge->into; i++) {
		if (merge->vhd[i].vhd.layout.geo.disk_bytes == bytes)
			continue;
		complain(merge->chain->layer[i]->path,
			 "'vhdx flatten' makes one image of all",
			 "its disk has another size than that of '%s'",
			 merge_target(merge)->path);
		return -EINVAL;
	}
	return 0;
}

/* Those that are written, judged as by one who writes. */
static int vhd_merge_check_written(const struct merge *merge)
{
	struct vhd_layout *layout = malloc(sizeof(*layout));
	struct image *image;
	unsigned int i;
	int r = layout ? 0 : -ENOMEM;

	for (i = merge->into ? merge->into - 1 : 0; !r && i <= merge->into; i++) {
		image = merge->vhd[i].vhd.image;
		r = vhd_load_footer(&image->reader, layout, image->scratch);
		if (!r && layout->footer.saved_state)
			r = VHDX_FAULT_VHD_SAVED;
		if (r)
			complain_fault(image->path, r);
	}
	free(layout);
	return r;
}

/* XenServer's map must not say that a block is full which is going to be there. */
static int vhd_merge_check_batmap(const struct merge *merge)
{
	struct vhd_image *target = vhd_merge_image(merge), vhd;
	struct audit *audit;
	int r;

	if (!target->layout.batmap.bytes)
		return 0;
	audit = calloc(1, sizeof(*audit));
	if (!audit)
		return -ENOMEM;
	r = vhd_audit(audit, &vhd, target->image);
	if (r) {
		complain_fault(target->image->path, r);
	} else if (audit_errors(audit, NULL)) {
		complain(target->image->path, "run 'vhdx check --repair' on it",
			 "not all is well with it");
		r = -EINVAL;
	}
	vhd_image_free(&vhd);
	free(audit);
	return r;
}

/* The end of all that the parent has but for its footer. */
static u64 vhd_merge_end(const struct merge *merge)
{
	const struct vhd_geometry *geo = vhd_merge_geo(merge);
	const struct vhd_layer *target = vhd_merge_target(merge);
	u64 end = vhd_tables_end(&target->vhd.layout.tables);
	u32 block;

	for (block = 0; block < geo->blocks; block++)
		if (target->bat[block])
			end = max_t(u64, end, ((u64)target->bat[block] +
					       vhd_block_sectors(geo)) <<
					      VHD_SECTOR_SHIFT);
	return end;
}

/* Where the first new block goes. */
static u64 vhd_merge_first(const struct merge *merge)
{
	return vhd_bat_place(vhd_merge_geo(merge), vhd_merge_end(merge)) <<
	       VHD_SECTOR_SHIFT;
}

static u64 vhd_merge_growth(const struct merge *merge)
{
	return merge->placed ? merge->placed * vhd_merge_stride(merge) : 0;
}

static int vhd_merge_check_end(const struct merge *merge)
{
	if (!merge->placed ||
	    (vhd_merge_first(merge) + vhd_merge_growth(merge)) >>
	    VHD_SECTOR_SHIFT < VHD_BAT_UNALLOCATED)
		return 0;
	complain(merge_target(merge)->path, "use 'vhdx flatten', to a VHDX image",
		 "it would become longer than a VHD image can be, 2 TiB");
	return -EFBIG;
}

static int vhd_merge_look(struct merge *merge)
{
	u64 unit = vhd_merge_unit(merge), disk = vhd_merge_bytes_of(merge);
	const struct vhd_layer *target = vhd_merge_target(merge);
	u64 start, bytes;
	int r = vhd_merge_check_sizes(merge);

	if (!r)
		r = vhd_merge_check_written(merge);
	if (!r)
		r = vhd_merge_check_batmap(merge);
	merge->placed = 0;
	merge->bytes = 0;
	for (start = 0; !r && start < disk; start += unit) {
		r = vhd_merge_judge(merge, start, min_t(u64, start + unit, disk),
				    &bytes);
		merge->bytes += bytes;
		merge->placed += bytes && target->bat &&
				 !target->bat[start / unit];
	}
	return r ? r : vhd_merge_check_end(merge);
}

/*
 * The parent is a child itself, and a merge of it was cut off between the two: that is
 * known by the UniqueId that is about to change.
 */
static int vhd_merge_settle_below(struct merge *merge)
{
	struct vhd_image *vhd = vhd_merge_image(merge);
	const guid_t *below;

	if (merge->into + 1 == merge->chain->count)
		return 0;
	below = &merge->vhd[merge->into + 1].vhd.layout.footer.id;
	if (guid_equal(&vhd->layout.header.parent_id, below) ||
	    !vhd_load_takes_parent(&vhd->layout, below))
		return 0;
	vhd->layout.header.parent_id = *below;
	vhd->layout.header.parent_timestamp = 0;
	return vhd_link_write(vhd);
}

static bool vhd_merge_is_begun(const struct merge *merge, unsigned int i)
{
	return vhd_link_is_merging(&merge->vhd[i - 1].vhd.layout);
}

static int vhd_merge_begin(struct merge *merge)
{
	struct vhd_image *above = &merge->vhd[merge->into - 1].vhd;
	struct vhd_layout *layout = &vhd_merge_image(merge)->layout;
	bool begun = vhd_merge_is_begun(merge, merge->into);
	guid_t *named = &above->layout.header.parent_id, next;
	int r = vhd_repair_mend(vhd_merge_image(merge), vhd_merge_end(merge));

	if (r || (begun && guid_equal(named, &layout->footer.id)))
		return r;
	r = vhd_merge_settle_below(merge);
	vhd_load_next_id(&next, &layout->footer.id, &above->layout.footer.id);
	if (!r && (!begun || !guid_equal(named, &next))) {
		vhd_link_begin_merge(&above->layout, &next);
		r = vhd_link_write(above);
	}
	return r ? r : vhd_identity_write(vhd_merge_image(merge), &next);
}

/* A file is extended, the footer first; its old one, and what a crash has left, go. */
static int vhd_merge_extend(struct merge *merge, u64 end, u64 need)
{
	struct vhd_layout *layout = &vhd_merge_image(merge)->layout;
	struct image *image = vhd_merge_image(merge)->image;
	u64 was = min_t(u64, layout->end, need), bytes = image->file_bytes;
	int r;

	if (need > layout->end) {
		r = vhd_identity_put_footer(vhd_merge_image(merge), need);
		if (r)
			return r;
		layout->end = need;
		was = min_t(u64, bytes, need);
	}
	/* Each block is zeroed on its own then: it may be a long way to the footer. */
	return merge->live ? 0 : edit_zero(image, end, was - end);
}

static int vhd_merge_make_room(struct merge *merge)
{
	struct image *image = vhd_merge_image(merge)->image;
	u64 need;

	if (vhd_merge_geo(merge)->blocks)
		merge->next = vhd_merge_first(merge);
	if (!merge->placed)
		return 0;
	need = merge->next + vhd_merge_growth(merge);
	if (!image->block_device)
		return vhd_merge_extend(merge, vhd_merge_end(merge), need);
	return need + VHD_FOOTER_BYTES <= image->file_bytes ? 0 : -ENOSPC;
}

static int vhd_merge_move(struct vhd_merge *run, struct image *from, u64 from_off,
			  u64 off, u64 bytes)
{
	struct image *image = vhd_merge_image(run->merge)->image;
	u64 at, part;
	int r = run->unshared ? -EINVAL :
		edit_share(image, off, from, from_off, bytes);

	run->merge->copied += bytes;
	if (!r) {
		run->merge->shared += bytes;
		return 0;
	}
	/* Others are a matter of this run: it is not aligned to what is shared. */
	run->unshared |= r != -EINVAL;
	for (r = 0, at = 0; !r && at < bytes; at += part) {
		part = min_t(u64, bytes - at, VHD_MERGE_BYTES);
		r = image_pread(from, from_off + at, run->buf, part);
		if (!r)
			r = edit_write(image, off + at, run->buf, part);
	}
	return r;
}

/*
 * What the layers above have of [@start, @end), to @off.  @bitmap takes their bits, or
 * is NULL; @zero: what they have not is to be zeros.
 */
static int vhd_merge_fill(struct vhd_merge *run, u64 start, u64 end, u64 off,
			  u8 *bitmap, bool zero)
{
	struct image *image = vhd_merge_image(run->merge)->image, *from;
	u64 at, next, from_off;
	int r = 0;

	for (at = start; !r && at < end; at = next) {
		next = end;
		r = vhd_merge_run(run->merge, at, &next, &from, &from_off);
		if (!r && from && bitmap)
			vhd_bitmap_set(bitmap, (at - start) >> VHD_SECTOR_SHIFT,
				       (next - start) >> VHD_SECTOR_SHIFT);
		if (!r && from)
			r = vhd_merge_move(run, from, from_off, off + at - start,
					   next - at);
		else if (!r && zero)
			r = edit_zero(image, off + at - start, next - at);
	}
	return r;
}

/* Bits and entries of the batch: all that they name is durable before. */
static int vhd_merge_publish(struct vhd_merge *run)
{
	struct vhd_image *vhd = vhd_merge_image(run->merge);
	u32 bytes = vhd->layout.geo.bitmap_sectors * VHD_SECTOR, i;
	int r = edit_sync(vhd->image);
	struct vhd_merge_item *item;
	__be32 entry;

	for (i = 0; i < run->count; i++) {
		item = &run->item[i];
		entry = cpu_to_be32(item->sector);
		if (!r && item->bitmap)
			r = edit_write(vhd->image, (u64)item->sector <<
				       VHD_SECTOR_SHIFT, item->bitmap, bytes);
		else if (!r)
			r = edit_write(vhd->image, vhd->layout.header.bat_off +
				       item->block * sizeof(entry), &entry,
				       sizeof(entry));
		free(item->bitmap);
	}
	run->count = 0;
	return r ? r : edit_sync(vhd->image);
}

/* A block that the parent has not: where it is going to be nobody looks yet. */
static int vhd_merge_place(struct vhd_merge *run, u64 start, u64 end, u8 *bitmap,
			   u32 *sector)
{
	struct merge *merge = run->merge;
	struct vhd_image *vhd = vhd_merge_image(merge);
	const struct vhd_geometry *geo = &vhd->layout.geo;
	u32 bytes = geo->bitmap_sectors * VHD_SECTOR;
	u64 size = 1ULL << geo->block_shift, data;
	int r;

	*sector = merge->next >> VHD_SECTOR_SHIFT;
	merge->next += vhd_merge_stride(merge);
	data = vhd_block_data(geo, *sector);
	/* Without a parent of its own what is not there is zeros. */
	memset(bitmap, vhd->layout.footer.type == VHD_TYPE_DYNAMIC ? 0xff : 0,
	       bytes);
	/* A file that was extended has zeros there, or gets them now. */
	r = merge->live ? edit_zero(vhd->image, (u64)*sector << VHD_SECTOR_SHIFT,
				    bytes + size) : 0;
	if (!r)
		r = vhd_merge_fill(run, start, end, data, bitmap,
				   vhd->image->block_device);
	if (!r && vhd->image->block_device && end - start < size)
		r = edit_zero(vhd->image, data + end - start,
			      size - (end - start));
	if (!r)
		r = edit_write(vhd->image, (u64)*sector << VHD_SECTOR_SHIFT,
			       bitmap, bytes);
	return r;
}

static int vhd_merge_block(struct vhd_merge *run, u32 block, u64 start, u64 end)
{
	struct vhd_layer *target = vhd_merge_target(run->merge);
	struct vhd_image *vhd = &target->vhd;
	u32 bytes = vhd->layout.geo.bitmap_sectors * VHD_SECTOR;
	struct vhd_merge_item item = {
		.block = block, .sector = target->bat[block],
		.bitmap = malloc(bytes),
	};
	int r = item.bitmap ? 0 : -ENOMEM;

	if (r)
		return r;
	if (item.sector) {
		r = image_pread(vhd->image, (u64)item.sector << VHD_SECTOR_SHIFT,
				item.bitmap, bytes);
		if (!r)
			r = vhd_merge_fill(run, start, end,
					   vhd_block_data(&vhd->layout.geo,
							  item.sector),
					   item.bitmap, false);
	} else {
		r = vhd_merge_place(run, start, end, item.bitmap, &item.sector);
		free(item.bitmap);
		item.bitmap = NULL;
	}
	if (r) {
		free(item.bitmap);
		return r;
	}
	run->item[run->count++] = item;
	return run->count < VHD_MERGE_BATCH ? 0 : vhd_merge_publish(run);
}

static int vhd_merge_copy_all(struct vhd_merge *run)
{
	struct merge *merge = run->merge;
	u64 unit = vhd_merge_unit(merge), disk = vhd_merge_bytes_of(merge);
	u64 start, end, bytes;
	int r = 0;

	for (start = 0; !r && start < disk; start += unit) {
		end = min_t(u64, start + unit, disk);
		if (!merge->quiet)
			progress("Merging", merge->copied, merge->bytes);
		r = vhd_merge_judge(merge, start, end, &bytes);
		if (r || !bytes)
			continue;
		r = vhd_merge_target(merge)->bat ?
		    vhd_merge_block(run, start / unit, start, end) :
		    vhd_merge_fill(run, start, end, start, NULL, false);
	}
	if (!merge->quiet)
		progress_end();
	return r ? r : vhd_merge_publish(run);
}

/* The file ends behind the last block. */
static int vhd_merge_trim(struct merge *merge)
{
	struct vhd_layout *layout = &vhd_merge_image(merge)->layout;
	struct image *image = vhd_merge_image(merge)->image;
	u64 end = vhd_merge_end(merge);
	int r;

	/* Of the new ones the last. */
	if (merge->placed)
		end = merge->next - vhd_merge_stride(merge) +
		      ((u64)vhd_block_sectors(&layout->geo) << VHD_SECTOR_SHIFT);
	if (image->block_device || merge->live || !layout->geo.blocks ||
	    end >= layout->end)
		return 0;
	r = vhd_identity_put_footer(vhd_merge_image(merge), end);
	layout->end = end;
	if (!r)
		r = edit_resize(image, end + VHD_FOOTER_BYTES);
	return r ? r : edit_sync(image);
}

static int vhd_merge_copy(struct merge *merge)
{
	struct vhd_merge *run = calloc(1, sizeof(*run));
	int r = -ENOMEM;
	u32 i;

	if (run) {
		run->merge = merge;
		run->buf = malloc(VHD_MERGE_BYTES);
	}
	if (run && run->buf)
		r = vhd_merge_copy_all(run);
	if (!r)
		r = vhd_merge_trim(merge);
	for (i = 0; run && i < run->count; i++)
		free(run->item[i].bitmap);
	if (run)
		free(run->buf);
	free(run);
	return r;
}

/* What is kept says when its parent was last written, and not that it is being merged. */
static int vhd_merge_settle(struct merge *merge)
{
	struct vhd_image *above = &merge->vhd[merge->into - 1].vhd;
	struct stat st;

	if (fstat(vhd_merge_image(merge)->image->fd, &st))
		return -errno;
	above->layout.header.parent_timestamp = st.st_mtime - VHD_EPOCH;
	return vhd_link_write(above);
}

const struct merge_ops merge_of_vhd = {
	.is_begun = vhd_merge_is_begun,
	.look = vhd_merge_look,
	.begin = vhd_merge_begin,
	.make_room = vhd_merge_make_room,
	.use_room = vhd_merge_make_room,
	.copy = vhd_merge_copy,
	.settle = vhd_merge_settle,
	.end = vhd_merge_end,
	.growth = vhd_merge_growth,
};
