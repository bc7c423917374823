// SPDX-License-Identifier: GPL-2.0
/*
 * Parents' images: read-only, each loaded once for all tables that use it.
 *
 * The block device that was given first is good for all: as long as a user is
 * left its table holds the device open, so there is no other one for its number.
 *
 * A parent may be changed while those who use it are suspended.  They look at it again
 * when they are resumed; until then, the next table of the same mapped device has to
 * have a layer of its own.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "dm-vhdx.h"

static DEFINE_MUTEX(vhdx_layers_mutex);	/* protects the list, and users */
static LIST_HEAD(vhdx_layers);

static struct vhdx_layer *vhdx_layer_new(struct block_device *bdev, bool is_vhd)
{
	struct vhdx_layer *layer = kzalloc(sizeof(*layer), GFP_KERNEL);

	if (!layer)
		return NULL;
	layer->dev = bdev->bd_dev;
	layer->users = 1;
	mutex_init(&layer->lock);
	if (vhdx_image_init(&layer->image, bdev, false)) {
		vhdx_image_exit(&layer->image);
		kfree(layer);
		return NULL;
	}
	layer->image.parents = true;
	layer->image.is_vhd = is_vhd;
	/* Whoever made the leaf decides how much of it is of use. */
	layer->image.size_from = VHD_SIZE_CURRENT;
	return layer;
}

static void vhdx_layer_free(struct vhdx_layer *layer)
{
	vhdx_image_unload(&layer->image);
	vhdx_image_exit(&layer->image);
	mutex_destroy(&layer->lock);
	kfree(layer);
}

/* The layer of a device; @fresh becomes it if there is none. */
static struct vhdx_layer *vhdx_layer_find(struct block_device *bdev,
					  struct vhdx_layer **fresh)
{
	struct vhdx_layer *layer;

	mutex_lock(&vhdx_layers_mutex);
	list_for_each_entry(layer, &vhdx_layers, list) {
		if (layer->dev == bdev->bd_dev &&
		    layer->image.is_vhd == (*fresh)->image.is_vhd) {
			layer->users++;
			goto found;
		}
	}
	layer = *fresh;
	*fresh = NULL;
	list_add(&layer->list, &vhdx_layers);
found:
	mutex_unlock(&vhdx_layers_mutex);
	return layer;
}

/* Nobody else is to find it. */
static void vhdx_layer_retire(struct vhdx_layer *layer)
{
	mutex_lock(&vhdx_layers_mutex);
	list_del_init(&layer->list);
	mutex_unlock(&vhdx_layers_mutex);
}

/*
 * Loaded, and as it is on the device.  The layer's lock is held.  Returns 1 if it is
 * not, and another one is to be had.
 */
static int vhdx_layer_load(struct vhdx_layer *layer,
			   const struct vhdx_user *user, const char **error)
{
	bool changed = false;
	int r;

	lockdep_assert_held(&layer->lock);
	if (!layer->image.loaded)
		return vhdx_image_load(&layer->image, error);
	r = vhdx_image_changed(&layer->image, &changed);
	if (r) {
		*error = vhdx_fault_text(r);
		DMERR("%pg: %s: %s", layer->image.backing.bdev, *error,
		      vhdx_fault_advice(r));
		return vhdx_fault_errno(r);
	}
	if (!changed)
		return 0;
	if (vhdx_registry_is_ours(user)) {
		vhdx_layer_retire(layer);
		return 1;
	}
	*error = "A parent has changed while another mapping uses it";
	DMERR("%pg: it has changed while mappings use it as a parent: remove them",
	      layer->image.backing.bdev);
	return -EBUSY;
}

/* As vhdx_layer_get(); 1: to be tried again. */
static int vhdx_layer_try(struct block_device *bdev, bool is_vhd,
			  const struct vhdx_user *user,
			  struct vhdx_layer **layer, const char **error)
{
	struct vhdx_layer *fresh = vhdx_layer_new(bdev, is_vhd);
	unsigned int noio;
	int r;

	if (!fresh) {
		*error = "Out of memory";
		return -ENOMEM;
	}
	*layer = vhdx_layer_find(bdev, &fresh);
	if (fresh)
		vhdx_layer_free(fresh);
	/* A resume may be waiting for the lock, and pages to be cleaned for that. */
	noio = memalloc_noio_save();
	mutex_lock(&(*layer)->lock);
	r = vhdx_layer_load(*layer, user, error);
	mutex_unlock(&(*layer)->lock);
	memalloc_noio_restore(noio);
	if (r) {
		vhdx_layer_put(*layer);
		*layer = NULL;
	}
	return r;
}

/**
 * vhdx_layer_get() - get a parent's image
 * @bdev: its device; stays open until vhdx_layer_put()
 * @is_vhd: it is to be a VHD image
 * @user: the table's use of it
 * @layer: result
 * @error: takes a constant sentence on failure
 *
 * Context: may sleep.
 * Return: 0 or a negative errno; then the kernel log has a message.
 */
int vhdx_layer_get(struct block_device *bdev, bool is_vhd,
		   const struct vhdx_user *user, struct vhdx_layer **layer,
		   const char **error)
{
	int r;

	do {
		r = vhdx_layer_try(bdev, is_vhd, user, layer, error);
	} while (r > 0);
	return r;
}

/**
 * vhdx_layer_put() - undo vhdx_layer_get()
 * @layer: from there
 *
 * Context: may sleep; the caller no longer reads from it.
 */
void vhdx_layer_put(struct vhdx_layer *layer)
{
	bool last;

	mutex_lock(&vhdx_layers_mutex);
	last = !--layer->users;
	if (last)
		list_del(&layer->list);
	mutex_unlock(&vhdx_layers_mutex);
	if (last)
		vhdx_layer_free(layer);
}

/**
 * vhdx_layer_changed() - has somebody written to a parent?
 * @layer: from vhdx_layer_get()
 * @changed: result
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_layer_changed(struct vhdx_layer *layer, bool *changed)
{
	int r;

	mutex_lock(&layer->lock);
	r = vhdx_image_changed(&layer->image, changed);
	mutex_unlock(&layer->lock);
	return r;
}
