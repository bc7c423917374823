// SPDX-License-Identifier: GPL-2.0
/*
 * All that reads a disk reads it through here, an image without a parent as
 * well.  Which layer has what is found out by kmod/format/vhdx-resolve.c; this
 * supplies BATs and sector bitmaps.  Logs are replayed in memory only.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "chain.h"
#include "guid.h"
#include "identify.h"
#include "message.h"
#include "vhd-image.h"

static int chain_visit(void *arg, u64 index, u32 block, bool bitmap,
		       const struct vhdx_bat_entry *entry, int result)
{
	struct chain_layer *layer = arg;
	u64 mib = vhdx_block_present(entry->state) ? entry->mib : 0;

	if (result) {
		complain(layer->path, vhdx_fault_advice(result),
			 "BAT entry %" PRIu64 ": %s", index,
			 vhdx_fault_text(result));
		return result;
	}
	if (!bitmap)
		layer->bat[block] = VHDX_CORE(entry->state, mib);
	else if (layer->locator)
		layer->bitmap[block] = mib;
	return 0;
}

/* Memory that nobody writes to costs nothing, and most BATs are sparse. */
static int chain_load_bat(struct chain_layer *layer)
{
	const struct vhdx_geometry *geo = &layer->image.layout.geo;
	int r;

	layer->bat = calloc(geo->blocks, sizeof(u32));
	layer->bitmap = calloc(geo->chunks, sizeof(u32));
	if (!layer->bat || !layer->bitmap)
		r = -ENOMEM;
	else
		r = image_load_bat(&layer->image, chain_visit, layer);
	if (r < 0)
		complain_fault(layer->path, r);
	return r;
}

/**
 * chain_load_layer() - read all of a layer but its BAT
 * @layer: its image is open
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int chain_load_layer(struct chain_layer *layer)
{
	struct image *image = &layer->image;
	int r;

	image->reader.parents = true;
	r = image_load(image);
	if (!r && image->layout.meta.has_parent)
		r = parent_load_locator(image, &layer->locator);
	if (r)
		identify_complain(image, r);
	return r;
}

static void chain_free_layer(struct chain_layer *layer)
{
	image_close(&layer->image);
	free(layer->path);
	free(layer->locator);
	free(layer->bat);
	free(layer->bitmap);
	free(layer->bits);
	free(layer);
}

/**
 * chain_begin() - a chain without any layers
 * @chain: result; chain_close() it
 */
void chain_begin(struct chain *chain)
{
	memset(chain, 0, sizeof(*chain));
	chain->unit = ~0U;
}

/**
 * chain_add_file() - one more layer, of which nothing is read yet
 * @chain: takes it
 * @path: its file
 * @mode: how to open that
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int chain_add_file(struct chain *chain, const char *path,
		   enum image_mode mode)
{
	struct chain_layer *layer = calloc(1, sizeof(*layer));

	if (!layer)
		return -ENOMEM;
	layer->image.fd = -1;
	layer->path = strdup(path);
	chain->layer[chain->count++] = layer;
	return layer->path ? image_open(&layer->image, layer->path, mode) :
			     -ENOMEM;
}

/* One more layer, the file @path. */
static int chain_add(struct chain *chain, const char *path,
		     enum image_mode mode)
{
	int r = chain_add_file(chain, path, mode);

	return r ? r : chain_load_layer(chain->layer[chain->count - 1]);
}

/**
 * chain_has_file() - is a file one of the layers?
 * @chain: the chain
 * @st: of the file
 *
 * Return: true if so.
 */
bool chain_has_file(const struct chain *chain, const struct stat *st)
{
	const struct stat *own;
	unsigned int i;

	for (i = 0; i < chain->count; i++) {
		own = &chain->layer[i]->image.st;
		if (own->st_dev == st->st_dev && own->st_ino == st->st_ino)
			return true;
	}
	return false;
}

/**
 * chain_judge_file() - may a file become the next layer?
 * @chain: the layers above it
 * @path: the file
 *
 * Case 51: does it come again, or come too late?
 *
 * Return: 0 or a fault.
 */
int chain_judge_file(const struct chain *chain, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return 0;		/* whoever opens it says so */
	if (chain_has_file(chain, &st))
		return VHDX_FAULT_CHAIN_LOOP;
	return chain->count < VHDX_MAX_LAYERS ? 0 : VHDX_FAULT_CHAIN_DEEP;
}

/**
 * chain_narrow() - only those named files that are no layers yet
 * @chain: the layers
 * @search: the files
 * @rest: result
 *
 * Where any will do, one will not do twice.
 */
void chain_narrow(const struct chain *chain, const struct parent_search *search,
		  struct parent_search *rest)
{
	struct stat st;
	unsigned int i;

	*rest = *search;
	rest->files = 0;
	for (i = 0; i < search->files; i++)
		if (stat(search->file[i], &st) || !chain_has_file(chain, &st))
			rest->file[rest->files++] = search->file[i];
}

/* It may have become another one since it was found; or any will do. */
static int chain_judge_linkage(const struct chain *chain,
			       const struct parent *parent)
{
	const struct chain_layer *child = chain->layer[chain->count - 2];
	const guid_t *guid = &chain->layer[chain->count - 1]->image.layout
			      .header.data_write_guid;
	char wants[GUID_TEXT], has[GUID_TEXT];
	guid_t linkage[2];
	int r = VHDX_FAULT_CHAIN_LINKAGE;

	if (vhdx_locator_accepts(child->locator, guid))
		return 0;
	vhdx_locator_linkage(child->locator, linkage);
	guid_text(wants, &linkage[0]);
	guid_text(has, guid);
	if (parent->is_other) {
		note(child->path, "its parent should have the data write GUID %s: '%s', which has %s, is taken all the same",
		     wants, parent->path, has);
		return 0;
	}
	complain(child->path, vhdx_fault_advice(r),
		 "its parent '%s': %s: %s, not %s", parent->path,
		 vhdx_fault_text(r), has, wants);
	return r;
}

/* One of another format is named so that it is clear whose parent it was to be. */
static bool chain_refuse_vhd(const struct chain_layer *child,
			     const struct parent *parent)
{
	char wants[GUID_TEXT];
	guid_t linkage[2];

	if (!vhd_image_is_at(parent->path))
		return false;
	vhdx_locator_linkage(child->locator, linkage);
	complain(child->path, "name the right one with --parent",
		 "its parent with the data write GUID %s is not found: '%s' is a VHD image, which has no such GUID and cannot be the parent of a VHDX image",
		 guid_text(wants, &linkage[0]), parent->path);
	return true;
}

static int chain_add_parent(struct chain *chain, enum image_mode mode,
			    const struct parent_search *search)
{
	struct chain_layer *child = chain->layer[chain->count - 1];
	const struct image *image = &child->image;
	struct parent_search rest;
	struct parent parent;
	int r;

	if (search->any_id)
		chain_narrow(chain, search, &rest);
	r = parent_find(&parent, image, child->locator,
			search->any_id ? &rest : search);
	if (r) {
		complain_errno(child->path, r, "cannot look for its parent");
	} else if (!parent.path) {
		parent_complain(&parent, image, child->locator);
		chain->missing = parent;
		return parent.refused ? parent.error : -ENOENT;
	} else if (chain_refuse_vhd(child, &parent)) {
		r = -EOPNOTSUPP;
	} else {
		r = chain_judge_file(chain, parent.path);
		if (r)
			complain(child->path, vhdx_fault_advice(r),
				 "its parent '%s': %s", parent.path,
				 vhdx_fault_text(r));
		else
			r = chain_add(chain, parent.path, mode);
	}
	if (!r)
		r = chain_judge_linkage(chain, &parent);
	parent_free(&parent);
	return r;
}

/**
 * chain_add_parents() - the parents of a leaf
 * @chain: that is its only layer, loaded
 * @mode: how it was opened; they are opened for reading
 * @search: where else to look for them
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int chain_add_parents(struct chain *chain, enum image_mode mode,
		      const struct parent_search *search)
{
	int r = 0;

	/* A parent is never written to. */
	mode = mode >= IMAGE_WRITE ? IMAGE_READ : mode;
	while (!r && chain->layer[chain->count - 1]->locator)
		r = chain_add_parent(chain, mode, search);
	return r;
}

/* The first layer whose sectors are not those of the leaf, or the leaf. */
static const char *chain_find_sectors(const struct chain *chain)
{
	unsigned int i;

	for (i = 1; i < chain->count; i++)
		if (chain->view[i].geo.sector_shift !=
		    chain->view[0].geo.sector_shift)
			return chain->layer[i]->path;
	return chain->layer[0]->path;
}

/**
 * chain_join() - make a disk of layers
 * @chain: all of its layers are loaded, but for their BATs
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int chain_join(struct chain *chain)
{
	unsigned int i;
	int r;

	chain->view = calloc(chain->count, sizeof(*chain->view));
	chain->part = calloc(chain->count, sizeof(*chain->part));
	if (!chain->view || !chain->part)
		return -ENOMEM;
	for (i = 0; i < chain->count; i++)
		chain->view[i].geo = chain->layer[i]->image.layout.geo;
	r = vhdx_resolve_init(&chain->resolve, chain->view, chain->count);
	if (r)
		complain(r == VHDX_FAULT_CHAIN_SECTOR ?
			 chain_find_sectors(chain) : chain->layer[0]->path,
			 vhdx_fault_advice(r), "%s", vhdx_fault_text(r));
	return r;
}

/**
 * chain_load_bats() - read the BATs of a chain, and judge them
 * @chain: from chain_open_layers()
 * @from: the first layer whose BAT is read
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int chain_load_bats(struct chain *chain, unsigned int from)
{
	int r = 0;

	for (; !r && from < chain->count; from++) {
		r = chain_load_bat(chain->layer[from]);
		chain->view[from].bat = chain->layer[from]->bat;
		chain->view[from].bitmap = chain->layer[from]->bitmap;
	}
	return r;
}

/**
 * chain_open_layers() - open an image and all its parents, but for their BATs
 * @chain: result; chain_close() it, also after a failure
 * @path: the leaf
 * @mode: how; parents only for reading
 * @search: where else to look for parents
 *
 * Who has what cannot be asked before chain_load_bats().  Says what is wrong.
 * After a failure the layers that were found are there, and @missing if that
 * was it.
 *
 * Return: 0, a fault or a negative errno.
 */
int chain_open_layers(struct chain *chain, const char *path,
		      enum image_mode mode, const struct parent_search *search)
{
	int r;

	chain_begin(chain);
	r = chain_add(chain, path, mode);
	if (!r)
		r = chain_add_parents(chain, mode, search);
	return r ? r : chain_join(chain);
}

/**
 * chain_open_alone() - open an image without its parents
 * @chain: result; chain_close() it, also after a failure
 * @path: the image
 * @mode: how
 *
 * As chain_open_layers().
 *
 * Return: 0, a fault or a negative errno.
 */
int chain_open_alone(struct chain *chain, const char *path,
		     enum image_mode mode)
{
	int r;

	chain_begin(chain);
	r = chain_add(chain, path, mode);
	return r ? r : chain_join(chain);
}

/**
 * chain_open() - open an image and all its parents
 * @chain: result; chain_close() it, also after a failure
 * @path: the leaf
 * @mode: how; parents only for reading
 * @search: where else to look for parents
 *
 * As chain_open_layers(), with all BATs.
 *
 * Return: 0, a fault or a negative errno.
 */
int chain_open(struct chain *chain, const char *path, enum image_mode mode,
	       const struct parent_search *search)
{
	int r = chain_open_layers(chain, path, mode, search);

	return r ? r : chain_load_bats(chain, 0);
}

/**
 * chain_close() - close all images of a chain
 * @chain: the chain
 */
void chain_close(struct chain *chain)
{
	while (chain->count)
		chain_free_layer(chain->layer[--chain->count]);
	free(chain->view);
	free(chain->part);
	parent_free(&chain->missing);
	memset(chain, 0, sizeof(*chain));
}

/* Read the sector bits of the current unit that a layer has. */
static int chain_load_bits(struct chain *chain, struct vhdx_part *part)
{
	struct chain_layer *layer = chain->layer[part->layer];
	u64 off = (u64)layer->bitmap[part->place.chunk] * SZ_1M +
		  part->place.byte;
	int r;

	if (layer->bits_bytes < part->place.bytes) {
		free(layer->bits);
		layer->bits = malloc(part->place.bytes);
		layer->bits_bytes = layer->bits ? part->place.bytes : 0;
		if (!layer->bits)
			return -ENOMEM;
	}
	part->bits = layer->bits;
	r = layer->image.reader.read(&layer->image.reader, off, layer->bits,
				     part->place.bytes);
	if (r)
		complain_errno(layer->path, r, "cannot read a sector bitmap");
	return r;
}

/* Make @unit the current one. */
static int chain_load_unit(struct chain *chain, u32 unit)
{
	u32 i;
	int r = 0;

	if (chain->unit == unit)
		return 0;
	chain->unit = ~0U;
	chain->parts = vhdx_resolve_unit(&chain->resolve, unit, chain->part);
	for (i = 0; !r && i < chain->parts; i++)
		if (chain->part[i].kind == VHDX_PART_BITS)
			r = chain_load_bits(chain, &chain->part[i]);
	if (!r)
		chain->unit = unit;
	return r;
}

/* Where a run without data got its zeros from: the state of a block. */
static u8 chain_zero_state(const struct chain *chain, u64 at, u32 index)
{
	const struct vhdx_geometry *geo = &chain->view[index].geo;
	u8 state;

	if (at >= geo->disk_bytes)
		return VHDX_BLOCK_NOT_PRESENT;
	state = VHDX_CORE_STATE(chain->view[index].bat[at >> geo->block_shift]);
	return vhdx_block_present(state) ? VHDX_BLOCK_NOT_PRESENT : state;
}

/**
 * chain_run_at() - the source of a part of the disk
 * @chain: the chain
 * @at: bytes from the start of the disk, whole sectors, within it
 * @run: result: from @at on, as far as can be told at once
 *
 * Return: 0 or a negative errno, which was said.
 */
int chain_run_at(struct chain *chain, u64 at, struct chain_run *run)
{
	u32 unit = at >> chain->resolve.unit_shift;
	u64 start = (u64)unit << chain->resolve.unit_shift;
	struct vhdx_run found;
	int r = chain_load_unit(chain, unit);

	if (r)
		return r;
	vhdx_resolve_run(&chain->resolve, unit, chain->part, chain->parts,
			 at - start, &found);
	run->start = at;
	run->end = start + found.end;
	run->layer = found.layer;
	run->off = found.off;
	run->state = found.data ? VHDX_BLOCK_FULL :
		     chain_zero_state(chain, at, found.layer);
	if (run->state == VHDX_BLOCK_NOT_PRESENT)
		run->layer = 0;
	return 0;
}

/**
 * chain_walk() - the sources of a part of the disk
 * @chain: the chain
 * @from: bytes from the start of the disk, whole sectors
 * @to: likewise, at most the size of the disk
 * @fn: gets all runs in order, each as long as it can be
 * @arg: for @fn
 *
 * Return: 0, what @fn returned to end it, or a negative errno, which was said.
 */
int chain_walk(struct chain *chain, u64 from, u64 to, chain_run_fn fn,
	       void *arg)
{
	struct chain_run run = { .start = from, .end = from }, next;
	int r;

	while (run.end < to) {
		r = chain_run_at(chain, run.end, &next);
		if (r)
			return r;
		next.end = min_t(u64, next.end, to);
		if (run.end > run.start && next.state == run.state &&
		    next.layer == run.layer &&
		    (!run.off || next.off == run.off + run.end - run.start)) {
			run.end = next.end;
			continue;
		}
		r = run.end > run.start ? fn(arg, &run) : 0;
		if (r)
			return r;
		run = next;
	}
	return run.end > run.start ? fn(arg, &run) : 0;
}

/**
 * chain_read() - read from the disk
 * @chain: the chain
 * @off: bytes from its start, whole sectors, within it
 * @buf: result
 * @bytes: how much, whole sectors
 *
 * Return: 0 or a negative errno, which was said.
 */
int chain_read(struct chain *chain, u64 off, void *buf, u32 bytes)
{
	struct image *image;
	struct chain_run run;
	u8 *to = buf;
	u32 part;
	int r;

	for (; bytes; off += part, to += part, bytes -= part) {
		r = chain_run_at(chain, off, &run);
		if (r)
			return r;
		part = min_t(u64, bytes, run.end - off);
		if (!run.off) {
			memset(to, 0, part);
			continue;
		}
		image = &chain->layer[run.layer]->image;
		r = image->reader.read(&image->reader, run.off, to, part);
		if (r) {
			complain_errno(image->path, r, "cannot read");
			return r;
		}
	}
	return 0;
}
