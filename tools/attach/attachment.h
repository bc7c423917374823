/* SPDX-License-Identifier: GPL-2.0 */
/* An image that is being attached. */
#ifndef VHDX_TOOLS_ATTACHMENT_H
#define VHDX_TOOLS_ATTACHMENT_H

#include "chain.h"
#include "extent.h"
#include "hostfs.h"
#include "layers.h"
#include "loop.h"
#include "mapping.h"
#include "options.h"
#include "partition.h"

/**
 * struct attachment - what has been set up so far
 * @path: the image's file or device
 * @taken_fd: that, open and locked already, for attachment_prepare(); -1: not
 * @options: words for the table, from the user
 * @wanted: which partitions to map
 * @dry_run: change nothing, print the table
 * @verbose: say what is done
 * @read_only: the image is not written
 * @grow: the file may be extended
 * @most_bytes: but not beyond this, in whole MiB, unless the image is larger; 0: as
 *              far as it takes
 * @force: attach it although its children are going to be useless
 * @search: where to look for parents; its any_id: see ignore_parent_id
 * @chain: the image with its parents
 * @image: the image
 * @is_vhd: it is a VHD image
 * @extent: how far it reaches
 * @host: its file and the file system below, before the file was extended
 * @steps: the file has to be extended while it is attached
 * @file_bytes: size of the file before it was extended
 * @data_end: everything behind that reads as zeros; 0 if nobody knows
 * @loop: over a file
 * @parents: the devices of its parents
 * @disk: the mapping
 * @mapped: it exists
 * @partitions: those of @disk
 */
struct attachment {
	const char *path;
	int taken_fd;
	struct options options;
	enum partitions_wanted wanted;
	bool dry_run;
	bool verbose;
	bool read_only;
	bool grow;
	u64 most_bytes;
	bool force;
	struct parent_search search;
	struct chain chain;
	struct image *image;
	bool is_vhd;
	struct extent extent;
	struct hostfs host;
	bool steps;
	u64 file_bytes;
	u64 data_end;
	struct loop loop;
	struct layers parents;
	struct mapping disk;
	bool mapped;
	struct partitions partitions;
};

/* attachment-file.c */
int attachment_load(struct attachment *attach);
void attachment_limit(struct attachment *attach);
int attachment_grow(struct attachment *attach);
int attachment_reload(struct attachment *attach);
int attachment_device(struct attachment *attach, dev_t *dev);

/* attachment-table.c */
void attachment_keep_options(struct attachment *attach, const char *table);
int attachment_check_module(const struct attachment *attach);
void attachment_note_module(const struct attachment *attach);
int attachment_table_text(struct attachment *attach, const char *device);
int attachment_table(struct attachment *attach, dev_t dev);

/* attachment.c */
struct attachment *attachment_new(void);
void attachment_free(struct attachment *attach);
int attachment_check_name(const char *name);
int attachment_may_be(const struct attachment *attach);
void attachment_name(struct attachment *attach);
void attachment_undo(struct attachment *attach);
int attachment_make(struct attachment *attach);
int attachment_prepare(struct attachment *attach, dev_t *dev);
void attachment_watch(const struct attachment *attach);
void attachment_drop(struct attachment *attach);
int attachment_pretend(struct attachment *attach);

#endif /* VHDX_TOOLS_ATTACHMENT_H */
