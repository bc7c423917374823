// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdlib.h>

#include "message.h"
#include "vhd-layer.h"

static int vhd_layer_visit(void *arg, u32 block, u32 sector, int result)
{
	struct vhd_layer *layer = arg;

	if (result)
		complain(layer->vhd.image->path, vhdx_fault_advice(result),
			 "BAT entry %" PRIu32 ": %s", block,
			 vhdx_fault_text(result));
	else
		layer->bat[block] = sector;
	return result;
}

static int vhd_layer_load(struct vhd_layer *layer, struct image *image)
{
	int r;

	layer->block = VHD_LAYER_NO_BLOCK;
	r = vhd_image_load(&layer->vhd, image);
	if (r) {
		complain_fault(image->path, r);
		return r;
	}
	if (!layer->vhd.layout.geo.blocks)
		return 0;
	layer->bat = calloc(layer->vhd.layout.geo.blocks, sizeof(u32));
	if (!layer->bat)
		return -ENOMEM;
	r = vhd_image_load_bat(&layer->vhd, vhd_layer_visit, layer);
	if (r < 0)
		complain_fault(image->path, r);
	return r;
}

/**
 * vhd_layers_load() - read the tables of a VHD image and its parents
 * @layers: takes them; vhd_layers_free() it, also after a failure
 * @chain: from vhd_chain_open()
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int vhd_layers_load(struct vhd_layer **layers, struct chain *chain)
{
	unsigned int i;
	int r = 0;

	*layers = calloc(chain->count, sizeof(**layers));
	if (!*layers)
		return -ENOMEM;
	for (i = 0; !r && i < chain->count; i++)
		r = vhd_layer_load(&(*layers)[i], &chain->layer[i]->image);
	return r;
}

/* In a block that has space: the sectors from @at on that are alike. */
static int vhd_layer_bits(struct vhd_layer *layer, u32 block, u64 at, u64 *end,
			  bool *set)
{
	const struct vhd_geometry *geo = &layer->vhd.layout.geo;
	u64 start = (u64)block << geo->block_shift;
	u32 next;
	int r = 0;

	if (layer->block != block) {
		layer->block = VHD_LAYER_NO_BLOCK;
		r = vhd_image_bitmap(&layer->vhd, layer->bat[block]);
		if (r) {
			complain_errno(layer->vhd.image->path, r, "cannot read");
			return r;
		}
		layer->block = block;
	}
	next = vhd_bitmap_run(layer->vhd.bitmap,
			      (at - start) >> VHD_SECTOR_SHIFT,
			      vhd_block_used(geo, block), set);
	*end = min_t(u64, *end, start + ((u64)next << VHD_SECTOR_SHIFT));
	return 0;
}

/**
 * vhd_layers_run() - the source of a part of the disk
 * @layers: from vhd_layers_load()
 * @count: how many
 * @at: bytes from the start of the disk, whole sectors
 * @end: end of what is asked for; takes how far the answer goes
 * @image: takes the file that has it; NULL: it is zeros
 * @off: takes where in that
 *
 * Return: 0 or a negative errno, which was said.
 */
int vhd_layers_run(struct vhd_layer *layers, unsigned int count, u64 at,
		   u64 *end, struct image **image, u64 *off)
{
	const struct vhd_geometry *geo;
	unsigned int i;
	u64 start;
	bool set;
	u32 block;
	int r;

	*image = NULL;
	for (i = 0; i < count; i++) {
		geo = &layers[i].vhd.layout.geo;
		/* A parent that is shorter has zeros behind its end. */
		if (at >= geo->disk_bytes)
			return 0;
		*end = min_t(u64, *end, geo->disk_bytes);
		*off = at;
		if (!geo->blocks) {
			*image = layers[i].vhd.image;
			return 0;
		}
		block = at >> geo->block_shift;
		start = (u64)block << geo->block_shift;
		*end = min_t(u64, *end, start + (1ULL << geo->block_shift));
		if (!layers[i].bat[block])
			continue;
		r = vhd_layer_bits(&layers[i], block, at, end, &set);
		if (r)
			return r;
		*off = vhd_block_data(geo, layers[i].bat[block]) + at - start;
		if (set)
			*image = layers[i].vhd.image;
		if (set)
			return 0;
	}
	return 0;
}

/**
 * vhd_layers_free() - free memory
 * @layers: from vhd_layers_load(), or NULL
 * @count: how many
 */
void vhd_layers_free(struct vhd_layer *layers, unsigned int count)
{
	unsigned int i;

	for (i = 0; layers && i < count; i++) {
		vhd_image_free(&layers[i].vhd);
		free(layers[i].bat);
	}
	free(layers);
}
