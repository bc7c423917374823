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
 * @end: where all that is there ends, in bytes
 * @stray: the batmap has a block that is not there
 * @fault_block: block that is at fault
 */
struct vhd_loader {
	struct vhdx_reader reader;
	struct vhdx_image *image;
	void *scratch;
	void *bounce;
	void *window;
	struct vhd_space space;
	u64 end;
	bool stray;
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
	u64 end = (u64)sector + loader->space.block_sectors;

	if (result) {
		loader->fault_block = block;
		return result;
	}
	loader->image->vhd->place[block] = sector;
	loader->image->allocated_blocks++;
	loader->end = max(loader->end, end << VHD_SECTOR_SHIFT);
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
static void vhd_loader_note(struct vhd_loader *loader, const u8 *map, u32 block,
			    u32 count)
{
	struct vhd_image *vhd = loader->image->vhd;
	u32 i;

	for (i = 0; i < count; i++) {
		if (!vhd_bitmap_test(map, i))
			continue;
		if (vhd->place[block + i])
			__set_bit(block + i, vhd->full);
		else
			loader->stray = true;
	}
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
		vhd_loader_note(loader, loader->window, block,
				min(8 * step, blocks - block));
		block += min(8 * step, blocks - block);
		cond_resched();
	}
	if (batmap->bytes && ~sum != batmap->checksum) {
		bitmap_zero(vhd->full, blocks);
		loader->stray = false;
	}
	return 0;
}

/* The footer to be written again, as it is: it may have more than is known here. */
static int vhd_loader_footer(struct vhd_loader *loader)
{
	struct vhd_image *vhd = loader->image->vhd;
	bool tail = vhd->layout.tail == VHD_COPY_GOOD;

	vhd->footer = kmalloc(2 * VHD_SECTOR, GFP_KERNEL);
	if (!vhd->footer)
		return -ENOMEM;
	memset(vhd->footer + VHD_SECTOR, 0xff, VHD_SECTOR);
	return vhd_loader_read(&loader->reader, tail ? vhd->layout.end : 0,
			       vhd->footer, VHD_FOOTER_BYTES);
}

/*
 * The start gets what the end has.  But that may be all that is left of an image which
 * was on the device before, as footers of a target that writes are at its end.
 */
static int vhd_loader_copy(struct vhd_loader *loader)
{
	const struct vhd_layout *layout = &loader->image->vhd->layout;
	struct vhd_footer copy;
	int r;

	if (layout->copy != VHD_COPY_DIFFERS)
		return 0;
	r = vhd_loader_read(&loader->reader, 0, loader->bounce, VHD_FOOTER_BYTES);
	if (r)
		return r;
	vhd_footer_decode(loader->bounce, &copy);
	return guid_equal(&copy.id, &layout->footer.id) ? 0 :
	       VHDX_FAULT_VHD_TWO_IMAGES;
}

/* What it takes to add blocks. */
static int vhd_loader_writer(struct vhd_loader *loader)
{
	struct vhdx_image *image = loader->image;
	struct vhd_image *vhd = image->vhd;
	u32 last = (vhd->layout.geo.blocks - 1) / VHD_BAT_PER_SECTOR;
	int r;

	/* A new block would be full to those who go by it. */
	if (loader->stray && image->layout.meta.has_parent)
		return VHDX_FAULT_VHD_BATMAP;
	r = vhd_loader_copy(loader);
	if (!r)
		r = vhd_loader_footer(loader);
	if (r)
		return r;
	vhd->bat_tail = kmalloc(VHD_SECTOR, GFP_KERNEL);
	if (!vhd->bat_tail)
		return -ENOMEM;
	r = vhd_loader_read(&loader->reader, vhd->layout.header.bat_off +
			    last * (u64)VHD_SECTOR, vhd->bat_tail, VHD_SECTOR);
	if (r)
		return r;
	return vhd_space_init(image, max(loader->end,
					 vhd_tables_end(&vhd->layout.tables)));
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
	if (!r && layout->footer.saved_state && image->writable)
		r = VHDX_FAULT_VHD_SAVED;
	if (r)
		return r;
	vhd_loader_describe(image);
	if (layout->footer.type == VHD_TYPE_FIXED)
		return 0;
	r = vhd_loader_bat(loader);
	if (!r)
		r = vhd_loader_batmap(loader);
	if (!r && image->writable)
		r = vhd_loader_writer(loader);
	/* There is nothing else to know it by. */
	if (!r)
		image->layout.header.sequence = vhd_image_sum(image);
	return r;
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

/* As vhd_image_load(), in silence: a fault, too.  @bytes: as if the device ended there. */
static int vhd_image_try(struct vhdx_image *image, u64 bytes, u32 *fault_block)
{
	struct vhd_loader loader = { .fault_block = U32_MAX };
	int r;

	image->bytes = bytes;
	image->vhd = kzalloc(sizeof(*image->vhd), GFP_KERNEL);
	r = image->vhd ? vhd_loader_init(&loader, image) : -ENOMEM;
	if (!r)
		r = vhd_loader_run(&loader);
	vhd_loader_exit(&loader);
	*fault_block = loader.fault_block;
	image->loaded = !r;
	if (r)
		vhdx_image_unload(image);
	return r;
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
	u32 block;
	int r = vhd_image_try(image, vhdx_io_bytes(&image->backing), &block);

	if (!r)
		return 0;
	*error = vhdx_fault_text(r);
	if (block == U32_MAX)
		DMERR("%pg: %s: %s", image->backing.bdev, *error,
		      vhdx_fault_advice(r));
	else
		DMERR("%pg: BAT entry %u: %s: %s", image->backing.bdev, block,
		      *error, vhdx_fault_advice(r));
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
	WRITE_ONCE(image->vhd, NULL);
	kvfree(vhd->place);
	kvfree(vhd->full);
	kfree(vhd->footer);
	kfree(vhd->bat_tail);
	kfree_rcu(vhd, rcu);
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

/*
 * How far to look for changes.  A dynamic image on a device that has grown is what it was,
 * though its footer is no longer at the end; a fixed one ends where the device does.
 */
static u64 vhd_image_reach(const struct vhdx_image *image)
{
	u64 bytes = vhdx_io_bytes(&image->backing);

	return image->vhd->place ? min(bytes, image->bytes) : bytes;
}

/**
 * vhd_image_changed() - has somebody else written to the image?
 * @image: loaded
 * @changed: result
 *
 * Nothing in a VHD image says so: what is in core is compared with what is there
 * now.  What was written to its blocks, and the bits of these, go unnoticed.  An
 * image that is bad by now counts as changed, one that cannot be read does not.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhd_image_changed(struct vhdx_image *image, bool *changed)
{
	struct vhdx_image *now = kzalloc(sizeof(*now), GFP_KERNEL);
	u32 block;
	int r;

	if (!now)
		return -ENOMEM;
	now->is_vhd = true;
	now->size_from = image->size_from;
	now->parents = true;
	r = vhdx_image_init(now, image->backing.bdev, image->writable);
	if (!r)
		r = vhd_image_try(now, vhd_image_reach(image), &block);
	*changed = r > 0 || (!r && vhd_bat_differs(image, now));
	vhdx_image_unload(now);
	vhdx_image_exit(now);
	kfree(now);
	return min(r, 0);
}
