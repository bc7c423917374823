// SPDX-License-Identifier: GPL-2.0
/*
 * Loading a VHD image from its backing device: the format code (vhd-load.c) fed
 * from the device, its result kept in core.
 */
#include <linux/bitmap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "dm-vhdx.h"

/* One read of the BAT, or of the batmap. */
#define VHD_WINDOW	SZ_1M
/* A fixed image has no blocks of its own. */
#define VHD_FIXED_BLOCK	VHD_MAX_BLOCK

/**
 * struct vhd_loader - what is needed only while loading
 * @reader: for the format code
 * @image: what is being loaded
 * @scratch: VHD_LOAD_SCRATCH
 * @bounce: a sector, for reads that are not aligned
 * @window: VHD_WINDOW bytes
 * @space: who has which space
 * @fault_block: block that is at fault
 */
struct vhd_loader {
	struct vhdx_reader reader;
	struct vhdx_image *image;
	void *scratch;
	void *bounce;
	void *window;
	struct vhd_space space;
	u32 fault_block;
};

static int vhd_loader_read(struct vhdx_reader *reader, u64 off, void *buf,
			   u32 bytes)
{
	struct vhd_loader *loader = container_of(reader, struct vhd_loader, reader);
	struct vhdx_backing *backing = &loader->image->backing;
	u32 whole = round_down(bytes, VHD_SECTOR);
	int r = 0;

	if (fatal_signal_pending(current))
		return -EINTR;
	/* All that the format code reads begins at a sector. */
	if (WARN_ON_ONCE(off % VHD_SECTOR))
		return -EIO;
	if (whole)
		r = vhdx_io_read(backing, off, buf, whole);
	if (r || whole == bytes)
		return r;
	r = vhdx_io_read(backing, off + whole, loader->bounce, VHD_SECTOR);
	if (!r)
		memcpy(buf + whole, loader->bounce, bytes - whole);
	return r;
}

static int vhd_loader_init(struct vhd_loader *loader, struct vhdx_image *image)
{
	loader->image = image;
	loader->fault_block = U32_MAX;
	loader->reader.read = vhd_loader_read;
	loader->reader.image_bytes = image->bytes;
	loader->reader.logical_bytes = vhdx_io_logical_bytes(&image->backing);
	loader->reader.writable = image->writable;
	loader->reader.parents = image->parents;
	loader->scratch = kmalloc(VHD_LOAD_SCRATCH, GFP_KERNEL);
	loader->bounce = kmalloc(VHD_SECTOR, GFP_KERNEL);
	loader->window = kvmalloc(VHD_WINDOW, GFP_KERNEL);
	return loader->scratch && loader->bounce && loader->window ? 0 : -ENOMEM;
}

static void vhd_loader_exit(struct vhd_loader *loader)
{
	kvfree(loader->space.start);
	kvfree(loader->window);
	kfree(loader->bounce);
	kfree(loader->scratch);
}

static int vhd_loader_visit(void *arg, u32 block, u32 sector, int result)
{
	struct vhd_loader *loader = arg;

	if (result) {
		loader->fault_block = block;
		return result;
	}
	loader->image->vhd->place[block] = sector;
	loader->image->allocated_blocks++;
	return 0;
}

static int vhd_loader_bat(struct vhd_loader *loader)
{
	struct vhd_image *vhd = loader->image->vhd;
	const struct vhd_geometry *geo = &vhd->layout.geo;
	struct vhd_space *space = &loader->space;

	space->block_sectors = vhd_block_sectors(geo);
	space->pieces = vhd_space_pieces(geo, vhd->layout.end);
	space->start = vhdx_image_alloc(space->pieces, sizeof(u32));
	vhd->place = vhdx_image_alloc(geo->blocks, sizeof(u32));
	vhd->full = vhdx_image_alloc(BITS_TO_LONGS(geo->blocks), sizeof(long));
	if (!space->start || !vhd->place || !vhd->full)
		return -ENOMEM;
	return vhd_load_bat(&loader->reader, &vhd->layout, space, loader->window,
			    VHD_WINDOW, vhd_loader_visit, loader);
}

/* What a piece of the batmap, from @block on, says. */
static void vhd_loader_note(struct vhd_image *vhd, const u8 *map, u32 block,
			    u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (vhd_bitmap_test(map, i) && vhd->place[block + i])
			__set_bit(block + i, vhd->full);
}

/* A batmap that does not fit its checksum counts as none. */
static int vhd_loader_batmap(struct vhd_loader *loader)
{
	struct vhd_image *vhd = loader->image->vhd;
	const struct vhd_batmap *batmap = &vhd->layout.batmap;
	u32 blocks = vhd->layout.geo.blocks, block = 0, sum = 0, step;
	u64 at;
	int r;

	for (at = 0; at < batmap->bytes; at += step) {
		step = min_t(u64, VHD_WINDOW, batmap->bytes - at);
		r = vhd_loader_read(&loader->reader, batmap->off + at,
				    loader->window, step);
		if (r)
			return r;
		sum = vhd_batmap_sum(batmap, sum, loader->window, step);
		vhd_loader_note(vhd, loader->window, block,
				min(8 * step, blocks - block));
		block += min(8 * step, blocks - block);
		cond_resched();
	}
	if (batmap->bytes && ~sum != batmap->checksum)
		bitmap_zero(vhd->full, blocks);
	return 0;
}

/* What others ask of an image, whatever its format. */
static void vhd_loader_describe(struct vhdx_image *image)
{
	const struct vhd_layout *vhd = &image->vhd->layout;
	bool fixed = vhd->footer.type == VHD_TYPE_FIXED;
	struct vhdx_meta *meta = &image->layout.meta;
	struct vhdx_geometry *geo = &image->layout.geo;

	meta->block_bytes = fixed ? VHD_FIXED_BLOCK : vhd->header.block_bytes;
	meta->leave_allocated = true;	/* nothing says that a block is free */
	meta->has_parent = vhd->footer.type == VHD_TYPE_DIFFERENCING;
	meta->disk_bytes = vhd->geo.disk_bytes;
	meta->disk_id = vhd->footer.id;
	meta->logical_bytes = VHD_SECTOR;
	meta->physical_bytes = VHD_SECTOR;
	geo->disk_bytes = meta->disk_bytes;
	geo->block_shift = ilog2(meta->block_bytes);
	geo->sector_shift = VHD_SECTOR_SHIFT;
	geo->blocks = DIV_ROUND_UP_ULL(geo->disk_bytes, meta->block_bytes);
	geo->has_parent = meta->has_parent;
	if (fixed)
		image->allocated_blocks = geo->blocks;
	image->space.size = min_t(u64, DIV_ROUND_UP_ULL(image->bytes, SZ_1M),
				  VHDX_MIB_MAX);
	image->space.taken = DIV_ROUND_UP_ULL(vhd->end, SZ_1M);
}

/* What has no footer may be VHDX. */
static int vhd_loader_name(struct vhd_loader *loader, int r)
{
	if (r == VHDX_FAULT_VHD_NO_FOOTER &&
	    loader->image->bytes >= VHDX_HEAD_BYTES &&
	    !vhd_loader_read(&loader->reader, VHDX_IDENT_OFF, loader->bounce,
			     VHD_SECTOR) &&
	    !vhdx_ident_check(loader->bounce))
		return VHDX_FAULT_VHD_IS_VHDX;
	return r;
}

static int vhd_loader_run(struct vhd_loader *loader)
{
	struct vhdx_image *image = loader->image;
	struct vhd_layout *layout = &image->vhd->layout;
	int r;

	r = vhd_load_footer(&loader->reader, layout, loader->scratch);
	r = vhd_loader_name(loader, r);
	if (!r)
		r = vhd_load_layout(&loader->reader, layout, image->size_from,
				    loader->scratch);
	if (!r && layout->footer.type == VHD_TYPE_DIFFERENCING && !image->parents)
		r = VHDX_FAULT_HAS_PARENT;
	if (!r && layout->footer.type != VHD_TYPE_FIXED && image->writable)
		r = VHDX_FAULT_VHD_WRITE;
	if (r)
		return r;
	vhd_loader_describe(image);
	if (layout->footer.type == VHD_TYPE_FIXED)
		return 0;
	r = vhd_loader_bat(loader);
	return r ?: vhd_loader_batmap(loader);
}

/**
 * vhd_image_is() - does a device hold a VHD image?
 * @image: set up by vhdx_image_init(), not loaded
 *
 * For a better sentence than that it is no VHDX image.
 *
 * Context: may sleep; the image is not in use.
 * Return: true if it has a footer, be the rest as it may.
 */
bool vhd_image_is(struct vhdx_image *image)
{
	struct vhd_layout *layout = kzalloc(sizeof(*layout), GFP_KERNEL);
	struct vhd_loader loader = {};
	int r = layout ? vhd_loader_init(&loader, image) : -ENOMEM;

	if (!r)
		r = vhd_load_footer(&loader.reader, layout, loader.scratch);
	vhd_loader_exit(&loader);
	kfree(layout);
	/* Of larger sectors nothing was read. */
	return !r || (r > 0 && r != VHDX_FAULT_VHD_NO_FOOTER &&
		      r != VHDX_FAULT_VHD_SECTOR_LARGE);
}

/**
 * vhd_image_load() - read and judge a whole VHD image
 * @image: set up by vhdx_image_init(), not loaded
 * @error: takes a constant sentence on failure
 *
 * Writes nothing.
 *
 * Context: may sleep; the image is not in use.
 * Return: 0 or a negative errno; then the image is as before, and the kernel
 * log has a message.
 */
int vhd_image_load(struct vhdx_image *image, const char **error)
{
	struct vhd_loader loader = {};
	int r;

	image->bytes = vhdx_io_bytes(&image->backing);
	image->vhd = kzalloc(sizeof(*image->vhd), GFP_KERNEL);
	r = image->vhd ? vhd_loader_init(&loader, image) : -ENOMEM;
	if (!r)
		r = vhd_loader_run(&loader);
	vhd_loader_exit(&loader);
	if (!r) {
		image->loaded = true;
		return 0;
	}
	*error = vhdx_fault_text(r);
	if (loader.fault_block == U32_MAX)
		DMERR("%pg: %s: %s", image->backing.bdev, *error,
		      vhdx_fault_advice(r));
	else
		DMERR("%pg: BAT entry %u: %s: %s", image->backing.bdev,
		      loader.fault_block, *error, vhdx_fault_advice(r));
	vhdx_image_unload(image);
	return vhdx_fault_errno(r);
}

/**
 * vhd_image_unload() - forget what vhd_image_load() has read
 * @image: the image; need not be loaded
 *
 * Context: may sleep; the image is not in use.
 */
void vhd_image_unload(struct vhdx_image *image)
{
	struct vhd_image *vhd = image->vhd;

	if (!vhd)
		return;
	kvfree(vhd->place);
	kvfree(vhd->full);
	kfree(vhd);
	image->vhd = NULL;
}

static bool vhd_bat_differs(struct vhdx_image *was, struct vhdx_image *is)
{
	const struct vhd_image *a = was->vhd, *b = is->vhd;

	if (was->bytes != is->bytes ||
	    memcmp(&a->layout, &b->layout, sizeof(a->layout)))
		return true;
	return a->place && memcmp(a->place, b->place,
				  a->layout.geo.blocks * sizeof(u32));
}

/**
 * vhd_image_changed() - has somebody else written to the image?
 * @image: loaded
 * @changed: result
 *
 * Nothing in a VHD image says so: what is in core is compared with what is there
 * now.  What was written to its blocks, and the bits of these, go unnoticed.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhd_image_changed(struct vhdx_image *image, bool *changed)
{
	struct vhdx_image *now = kzalloc(sizeof(*now), GFP_KERNEL);
	const char *error;
	int r;

	if (!now)
		return -ENOMEM;
	now->is_vhd = true;
	now->size_from = image->size_from;
	now->parents = true;
	r = vhdx_image_init(now, image->backing.bdev, image->writable);
	if (!r)
		r = vhd_image_load(now, &error);
	*changed = r ? r != -ENOMEM && r != -EINTR : vhd_bat_differs(image, now);
	vhdx_image_unload(now);
	vhdx_image_exit(now);
	kfree(now);
	return *changed ? 0 : r;
}
