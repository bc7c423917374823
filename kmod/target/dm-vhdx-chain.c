// SPDX-License-Identifier: GPL-2.0
/*
 * The chain of a target: its parents are opened with the table, and read, linked
 * and put into the map whenever the leaf is loaded.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "dm-vhdx.h"
#include "vhdx-locator.h"

#define VHDX_MAX_PARENTS	(VHDX_MAX_LAYERS - 1)

/* ------------------------------------------------------------------------
 * The table's parents
 */

static struct vhdx_chain *vhdx_chain_new(struct vhdx_target *vt)
{
	struct vhdx_chain *chain = kvzalloc(sizeof(*chain), GFP_KERNEL);

	if (!chain)
		return NULL;
	chain->vt = vt;
	vt->image.parents = true;
	xa_init(&chain->tiles);
	hash_init(chain->bits_hash);
	INIT_LIST_HEAD(&chain->bits_list);
	INIT_WORK(&chain->work, vhdx_read_work);
	vt->chain = chain;
	return chain;
}

/**
 * vhdx_chain_add() - the table names a parent
 * @vt: the target
 * @path: of its device; stays until vhdx_chain_open()
 * @error: takes a constant sentence on failure
 *
 * Context: process context.
 * Return: 0 or a negative errno.
 */
int vhdx_chain_add(struct vhdx_target *vt, const char *path, char **error)
{
	struct vhdx_chain *chain = vt->chain ?: vhdx_chain_new(vt);
	struct vhdx_parent *parents = NULL;

	if (chain && chain->nr_parents == VHDX_MAX_PARENTS) {
		*error = "A chain has 256 images at most: merge some of them first";
		return -ELOOP;
	}
	if (chain)
		parents = krealloc(chain->parents,
				   (chain->nr_parents + 1) * sizeof(*parents),
				   GFP_KERNEL);
	if (!parents) {
		*error = "Out of memory";
		return -ENOMEM;
	}
	chain->parents = parents;
	parents[chain->nr_parents++] = (struct vhdx_parent){ .path = path };
	return 0;
}

/**
 * vhdx_chain_open() - open the parents' devices
 * @vt: the target
 * @error: takes a constant sentence on failure
 *
 * They are only read, whatever the table's mode.
 *
 * Context: may sleep; constructor.
 * Return: 0 or a negative errno.
 */
int vhdx_chain_open(struct vhdx_target *vt, char **error)
{
	blk_mode_t mode = dm_table_get_mode(vt->ti->table) & ~BLK_OPEN_WRITE;
	struct vhdx_chain *chain = vt->chain;
	u32 i;
	int r;

	/* A VHD image is in parts even if it has no parents. */
	if (vt->image.is_vhd && !chain)
		chain = vhdx_chain_new(vt);
	if (vt->image.is_vhd && !chain) {
		*error = "Out of memory";
		return -ENOMEM;
	}
	for (i = 0; chain && i < chain->nr_parents; i++) {
		struct vhdx_parent *parent = &chain->parents[i];

		r = dm_get_device(vt->ti, parent->path, mode, &parent->dev);
		if (r) {
			*error = r == -EBUSY ? "A parent's device is in use" :
				 "A parent's device cannot be opened";
			DMERR("parent %u of %pg: %s cannot be opened (%d)", i + 1,
			      vt->bdev, parent->path, r);
			return r;
		}
		parent->path = NULL;
		parent->bdev = parent->dev->bdev;
	}
	return 0;
}

/**
 * vhdx_chain_register() - the parents are in use from now on
 * @vt: the target; their devices are open
 * @error: takes a constant sentence on failure
 *
 * Context: may sleep; constructor.
 * Return: 0 or a negative errno.
 */
int vhdx_chain_register(struct vhdx_target *vt, char **error)
{
	struct vhdx_chain *chain = vt->chain;
	u32 i;
	int r;

	if (!chain)
		return 0;
	if (vhdx_tiles_init(chain) ||
	    (!vt->read_only && vhdx_bits_init(chain))) {
		*error = "Out of memory";
		return -ENOMEM;
	}
	chain->wq = alloc_ordered_workqueue("dm-vhdx-read", WQ_MEM_RECLAIM);
	if (!chain->wq) {
		*error = "Out of memory";
		return -ENOMEM;
	}
	for (i = 0; i < chain->nr_parents; i++) {
		struct vhdx_parent *parent = &chain->parents[i];

		parent->user.dev = parent->bdev->bd_dev;
		parent->user.table = vt->ti->table;
		r = vhdx_registry_add(&parent->user);
		if (!r)
			continue;
		parent->user.dev = 0;
		*error = r == -EBUSY ? "A parent is mapped for writing" :
			 "Out of memory";
		if (r == -EBUSY)
			DMERR("%pg, a parent of %pg, is mapped for writing: remove that mapping",
			      parent->bdev, vt->bdev);
		return r;
	}
	return 0;
}

/**
 * vhdx_chain_free() - undo all of the above
 * @vt: the target; its image is not loaded
 *
 * Context: may sleep; no guest I/O is left.
 */
void vhdx_chain_free(struct vhdx_target *vt)
{
	struct vhdx_chain *chain = vt->chain;
	u32 i;

	if (!chain)
		return;
	if (chain->wq)
		destroy_workqueue(chain->wq);
	vhdx_tiles_exit(chain);
	vhdx_bits_exit(chain);
	for (i = 0; i < chain->nr_parents; i++) {
		struct vhdx_parent *parent = &chain->parents[i];

		if (parent->user.dev)
			vhdx_registry_del(&parent->user);
		if (parent->dev)
			dm_put_device(vt->ti, parent->dev);
	}
	kfree(chain->parents);
	kvfree(chain);
	vt->chain = NULL;
}

/**
 * vhdx_chain_is_live() - may a table of this mapped device be writing a parent?
 * @vt: the target
 *
 * Context: may sleep.
 * Return: true if so: it is what the next table is to be based on.
 */
bool vhdx_chain_is_live(struct vhdx_target *vt)
{
	struct vhdx_chain *chain = vt->chain;
	u32 i;

	for (i = 0; chain && i < chain->nr_parents; i++)
		if (vhdx_registry_is_live(&chain->parents[i].user))
			return true;
	return false;
}

/* ------------------------------------------------------------------------
 * Loading
 */

static int vhdx_chain_alloc(struct vhdx_chain *chain)
{
	u32 count = chain->nr_parents + 1;

	chain->source = kvcalloc(count, sizeof(*chain->source), VHDX_LOAD_GFP);
	chain->layers = kvcalloc(count, sizeof(*chain->layers), VHDX_LOAD_GFP);
	chain->part = kvcalloc(count, sizeof(*chain->part), VHDX_LOAD_GFP);
	chain->bits_off = kvcalloc(count, sizeof(u64), VHDX_LOAD_GFP);
	chain->bits = kvmalloc_array(count, VHDX_SECTOR, VHDX_LOAD_GFP);
	chain->segment = kvmalloc(VHDX_SEGMENTS, VHDX_LOAD_GFP);
	chain->bounce = kvmalloc(VHDX_BOUNCE_BYTES, VHDX_LOAD_GFP);
	return chain->source && chain->layers && chain->part &&
	       chain->bits_off && chain->bits && chain->segment &&
	       chain->bounce ? 0 : -ENOMEM;
}

static struct vhdx_image *vhdx_chain_image(struct vhdx_target *vt, u32 index)
{
	return index ? &vt->chain->parents[index - 1].layer->image : &vt->image;
}

static void vhdx_chain_put(struct vhdx_target *vt, u32 index)
{
	struct vhdx_chain *chain = vt->chain;
	struct vhdx_image *image = vhdx_chain_image(vt, index);

	chain->source[index] = (struct vhdx_source){
		.image = image,
		.bat = image->bat,
		.block_shift = image->layout.geo.block_shift - SECTOR_SHIFT,
	};
	chain->layers[index] = (struct vhdx_resolve_layer){
		.geo = image->layout.geo,
		.bat = image->bat,
		.bitmap = image->bitmap,
		.end_mib = image->space.end,
	};
}

/* Does layer @index fit to the one before it? */
static int vhdx_chain_check_link(struct vhdx_target *vt, u32 index)
{
	struct vhdx_image *child = vhdx_chain_image(vt, index - 1);
	struct vhdx_image *parent = vhdx_chain_image(vt, index);
	const guid_t *guid = &parent->layout.header.data_write_guid;
	u32 i;

	if (!child->layout.meta.has_parent)
		return VHDX_FAULT_CHAIN_NO_CHILD;
	for (i = 0; i < index; i++)
		if (vhdx_chain_image(vt, i)->backing.bdev->bd_dev ==
		    parent->backing.bdev->bd_dev)
			return VHDX_FAULT_CHAIN_LOOP;
	if (child->is_vhd)
		return vt->ignore_parent_id ? 0 :
		       vhd_chain_check_link(child, parent);
	if (vt->ignore_parent_id ||
	    vhdx_linkage_accepts(child->linkage, child->linkages, guid))
		return 0;
	DMERR("%pg: the DataWriteGuid of its parent is to be %pUl, that of %pg is %pUl",
	      child->backing.bdev, &child->linkage[0], parent->backing.bdev,
	      guid);
	return VHDX_FAULT_CHAIN_LINKAGE;
}

/* Get the parents; *@index is the layer that is at fault. */
static int vhdx_chain_get(struct vhdx_target *vt, u32 *index, const char **error)
{
	struct vhdx_chain *chain = vt->chain;
	int r;

	vhdx_chain_put(vt, 0);
	for (*index = 1; *index <= chain->nr_parents; ++*index) {
		struct vhdx_parent *parent = &chain->parents[*index - 1];

		if (fatal_signal_pending(current))
			return -EINTR;
		r = vhdx_layer_get(parent->bdev, vt->image.is_vhd,
				   &parent->user, &parent->layer,
				   error);
		if (!r)
			r = vhdx_chain_check_link(vt, *index);
		if (r)
			return r;
		vhdx_chain_put(vt, *index);
	}
	--*index;
	if (vhdx_chain_image(vt, *index)->layout.meta.has_parent)
		return VHDX_FAULT_HAS_PARENT;
	return 0;
}

/*
 * The leaf's BAT becomes the map of the chain.  A block of 256 MiB may take a look
 * at 256 units of 255 parents.
 */
static int vhdx_chain_map(struct vhdx_target *vt)
{
	struct vhdx_resolve *resolve = &vt->chain->resolve;
	const struct vhdx_geometry *geo = &vt->image.layout.geo;
	u32 step = SZ_64K >> (geo->block_shift - resolve->unit_shift);
	u32 *bat = vt->image.bat, block;

	for (block = 0; block < geo->blocks; block++) {
		bat[block] = vhdx_resolve_block(resolve, block);
		if (block % step)
			continue;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	/* Tiles are a MiB. */
	vhdx_resolve_units(resolve, 20);
	return 0;
}

static int vhdx_chain_resolve(struct vhdx_target *vt)
{
	struct vhdx_chain *chain = vt->chain;
	u32 count = chain->nr_parents + 1, leaf_mib, i;
	int r;

	if (vt->image.is_vhd)
		return vhd_chain_map(vt);
	r = vhdx_resolve_init(&chain->resolve, chain->layers, count);
	if (!r)
		r = vhdx_resolve_segments(&chain->resolve, chain->segment,
					  &leaf_mib);
	if (r)
		return r;
	for (i = 0; i < count; i++)
		chain->source[i].base_mib = chain->layers[i].base_mib;
	vt->image.max_mib = min(vt->image.max_mib, leaf_mib);
	vt->image.space.size = min(vt->image.space.size, leaf_mib);
	return vhdx_chain_map(vt);
}

/**
 * vhdx_chain_load() - read the parents, and put them into the map
 * @vt: the target; its image is loaded
 * @error: takes a constant sentence on failure
 *
 * Context: may sleep; suspended.
 * Return: 0 or a negative errno; then the kernel log has a message, and
 * vhdx_chain_unload() is to be called.
 */
int vhdx_chain_load(struct vhdx_target *vt, const char **error)
{
	struct vhdx_chain *chain = vt->chain;
	u32 index = 0;
	int r;

	if (!chain)
		return 0;
	r = vhdx_chain_alloc(chain);
	*error = NULL;
	if (!r)
		r = vhdx_chain_get(vt, &index, error);
	/* That has said so itself. */
	if (r && *error)
		return r;
	if (!r)
		r = vhdx_chain_resolve(vt);
	if (!r)
		return 0;
	*error = vhdx_fault_text(r);
	DMERR("%pg: layer %u: %s: %s", vt->bdev, index, *error,
	      vhdx_fault_advice(r));
	return vhdx_fault_errno(r);
}

/**
 * vhdx_chain_unload() - undo vhdx_chain_load()
 * @vt: the target; need not be loaded
 *
 * Context: may sleep; no guest I/O is left.
 */
void vhdx_chain_unload(struct vhdx_target *vt)
{
	struct vhdx_chain *chain = vt->chain;
	u32 i;

	if (!chain)
		return;
	vhdx_tiles_drop(chain);
	mutex_lock(&vt->publish);
	vhdx_bits_drop(chain);
	mutex_unlock(&vt->publish);
	for (i = 0; i < chain->nr_parents; i++) {
		if (chain->parents[i].layer)
			vhdx_layer_put(chain->parents[i].layer);
		chain->parents[i].layer = NULL;
	}
	kvfree(chain->source);
	kvfree(chain->layers);
	kvfree(chain->part);
	kvfree(chain->bits_off);
	kvfree(chain->bits);
	kvfree(chain->segment);
	kvfree(chain->bounce);
	chain->source = NULL;
	chain->layers = NULL;
	chain->part = NULL;
	chain->bits_off = NULL;
	chain->bits = NULL;
	chain->segment = NULL;
	chain->bounce = NULL;
}

/**
 * vhdx_chain_changed() - has somebody written to a parent?
 * @vt: the target; its chain is loaded
 * @changed: result
 *
 * Context: may sleep; suspended.
 * Return: 0 or a negative errno.
 */
int vhdx_chain_changed(struct vhdx_target *vt, bool *changed)
{
	struct vhdx_chain *chain = vt->chain;
	u32 i;
	int r = 0;

	*changed = false;
	for (i = 0; chain && !r && !*changed && i < chain->nr_parents; i++)
		r = vhdx_layer_changed(chain->parents[i].layer, changed);
	return r;
}
