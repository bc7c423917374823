/* SPDX-License-Identifier: GPL-2.0 */
/* An image and all its parents, as one disk. */
#ifndef VHDX_TOOLS_CHAIN_H
#define VHDX_TOOLS_CHAIN_H

#include "parent.h"
#include "vhdx-resolve.h"

/**
 * struct chain_layer - an image of a chain
 * @image: the image
 * @path: where it was found
 * @locator: what it says of its parent; NULL: it has none
 * @bat: its BAT in core; NULL: not read yet
 * @bitmap: MiB of each chunk's sector bitmap
 * @bits: of the current unit
 * @bits_bytes: how many fit
 */
struct chain_layer {
	struct image image;
	char *path;
	void *locator;
	u32 *bat;
	u32 *bitmap;
	u8 *bits;
	u32 bits_bytes;
};

/**
 * struct chain - a leaf and its parents
 * @layer: its layers, leaf first
 * @count: how many
 * @resolve: which of them has what
 * @view: for that
 * @part: layers that take part in the current unit
 * @parts: how many
 * @unit: the current one; ~0: none
 * @missing: the last layer has a parent that was not found: this is how far the
 *           search came
 */
struct chain {
	struct chain_layer *layer[VHDX_MAX_LAYERS];
	unsigned int count;
	struct vhdx_resolve resolve;
	struct vhdx_resolve_layer *view;
	struct vhdx_part *part;
	u32 parts;
	u32 unit;
	struct parent missing;
};

/**
 * struct chain_run - a part of the disk that has one source
 * @start: bytes from the start of the disk
 * @end: likewise
 * @state: of the block: enum vhdx_block_state; NOT_PRESENT: no layer has it
 * @layer: number of the layer that says so; without meaning if no layer has it
 * @off: where its data is in that layer's image, in bytes; 0 if nowhere
 */
struct chain_run {
	u64 start;
	u64 end;
	u8 state;
	u32 layer;
	u64 off;
};

typedef int (*chain_run_fn)(void *arg, const struct chain_run *run);

int chain_open_layers(struct chain *chain, const char *path,
		      enum image_mode mode, const struct parent_search *search);
int chain_open_alone(struct chain *chain, const char *path,
		     enum image_mode mode);
int chain_load_bats(struct chain *chain, unsigned int from);
int chain_open(struct chain *chain, const char *path, enum image_mode mode,
	       const struct parent_search *search);
int chain_open_known(struct chain *chain, char *const *path,
		     unsigned int count);
int chain_peek_file(struct chain *chain, const char *path,
		    struct image **image);
int chain_take_file(struct chain *chain, const char *path, int fd);
int chain_open_taken(struct chain *chain, const char *path, int fd,
		     const struct parent_search *search);
int chain_add_parents(struct chain *chain, enum image_mode mode,
		      const struct parent_search *search);
void chain_close(struct chain *chain);
int chain_load_layer(struct chain_layer *layer);
int chain_join(struct chain *chain);
int chain_walk(struct chain *chain, u64 from, u64 to, chain_run_fn fn,
	       void *arg);
int chain_run_at(struct chain *chain, u64 at, struct chain_run *run);
void chain_begin(struct chain *chain);
int chain_add_file(struct chain *chain, const char *path,
		   enum image_mode mode);
int chain_judge_file(const struct chain *chain, const char *path);
void chain_narrow(const struct chain *chain, const struct parent_search *search,
		  struct parent_search *rest);
bool chain_has_file(const struct chain *chain, const struct stat *st);
int chain_read(struct chain *chain, u64 off, void *buf, u32 bytes);

static inline struct image *chain_leaf(const struct chain *chain)
{
	return &chain->layer[0]->image;
}

static inline u64 chain_bytes(const struct chain *chain)
{
	return chain->layer[0]->image.layout.geo.disk_bytes;
}

#endif /* VHDX_TOOLS_CHAIN_H */
