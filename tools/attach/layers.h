/* SPDX-License-Identifier: GPL-2.0 */
/* The parents of an image as block devices. */
#ifndef VHDX_TOOLS_LAYERS_H
#define VHDX_TOOLS_LAYERS_H

#include "chain.h"
#include "loop.h"
#include "mapping.h"
#include "sysfs.h"

#define LAYERS_MAX	(VHDX_MAX_LAYERS - 1)	/* without the leaf */

/**
 * struct layer - a parent of an image as a block device
 * @file: its image; empty: nobody knows
 * @device: the node of the device
 * @dev: its number; 0: it is not set up
 * @autoclear: it is a loop device that goes away when nobody uses it
 * @loop: over a file, held so that it stays until there is a mapping
 */
struct layer {
	char *file;
	char device[SYSFS_PATH];
	dev_t dev;
	bool autoclear;
	struct loop loop;
};

/**
 * struct layers - all parents of an image
 * @layer: closest first
 * @count: how many
 */
struct layers {
	struct layer layer[LAYERS_MAX];
	unsigned int count;
};

/* What it is called: by its file if there is one. */
static inline const char *layer_name(const struct layer *layer)
{
	return layer->file ? layer->file : layer->device;
}

int layers_make(struct layers *layers, struct chain *chain, bool verbose);
void layers_pretend(struct layers *layers, const struct chain *chain);
int layers_of(struct layers *layers, const struct mapping *disk);
int layers_put_first(struct layers *layers, const char *file,
		     const char *device, dev_t dev);
void layers_drop(struct layers *layers, unsigned int count);
int layers_cut(char *table, unsigned int count);
bool layers_are_same(const struct layers *a, const struct layers *b);
unsigned int layers_count(const struct mapping *disk);
int layers_print(const struct layers *layers, char *text, size_t size,
		 bool numbers);
char *layers_text(const struct layers *layers);
void layers_release(struct layers *layers);
void layers_close(struct layers *layers);
bool layers_merging(const struct mapping *disk);

#endif /* VHDX_TOOLS_LAYERS_H */
