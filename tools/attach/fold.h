/* SPDX-License-Identifier: GPL-2.0 */
/* A merge below a disk that is in use. */
#ifndef VHDX_TOOLS_FOLD_H
#define VHDX_TOOLS_FOLD_H

#include "attachment.h"
#include "backing.h"
#include "merge.h"
#include "swap.h"

/**
 * struct fold - a merge of what is mapped
 * @disk: the mapping, as it is
 * @into: the parent that it goes into; NULL: that of a merge that has not ended,
 *        or the closest
 * @force: whatever other children lose
 * @keep_name: the parent is going to have the leaf's name
 * @verbose: say what is done
 * @backing: the leaf
 * @path: its name, which a leaf has until the end
 * @parents: of the mapping
 * @chain: all of it
 * @merge: the layers, and the parent
 * @below: how many layers the parent has below it
 * @target: its name
 * @target_fd: its file, locked; -1: not yet
 * @leaf: it, as it becomes the leaf
 * @swap: the current change of tables
 * @moved: a name for the last leaf, once it is merged
 * @renamed: the last leaf, and perhaps the parent, have other names
 * @layers: how many were merged, without those that were made for it
 * @passes: how often there was a new leaf
 * @copied: bytes
 * @shared: how many of them by sharing their space
 * @pause_us: how long I/O had to wait at most
 */
struct fold {
	struct mapping disk;
	const char *into;
	bool force;
	bool keep_name;
	bool verbose;
	struct backing backing;
	char *path;
	struct layers parents;
	struct chain chain;
	struct merge merge;
	unsigned int below;
	char *target;
	int target_fd;
	struct attachment *leaf;
	struct swap swap;
	char *moved;
	bool renamed;
	unsigned int layers;
	unsigned int passes;
	u64 copied;
	u64 shared;
	u64 pause_us;
};

/* fold-look.c */
int fold_look(struct fold *fold);
int fold_refresh(struct fold *fold);
int fold_open(struct fold *fold);
void fold_close(struct fold *fold);
int fold_load(struct fold *fold);
int fold_measure(struct fold *fold, u64 *bytes);
int fold_check(struct fold *fold);
int fold_lock(struct fold *fold);
int fold_take(struct fold *fold);
int fold_grow_loops(const struct fold *fold);

/* fold-pass.c */
char *fold_make_name(const struct fold *fold);
void fold_paused(struct fold *fold);
void fold_unlink(const char *path);
int fold_pass(struct fold *fold);

/* fold-last.c */
int fold_last(struct fold *fold);

/* fold.c */
int fold_run(struct fold *fold);
void fold_free(struct fold *fold);

#endif /* VHDX_TOOLS_FOLD_H */
