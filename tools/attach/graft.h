/* SPDX-License-Identifier: GPL-2.0 */
/* A new leaf for a disk that is attached. */
#ifndef VHDX_TOOLS_GRAFT_H
#define VHDX_TOOLS_GRAFT_H

#include "attachment.h"
#include "backing.h"
#include "newchild.h"
#include "swap.h"

/**
 * struct graft - a leaf that is being put on top of another one
 * @disk: the mapping, as it was
 * @child: the new leaf's file; it must not be there
 * @keep_name: the leaf takes the file name of the image below, which takes @child
 * @block_bytes: of the new leaf; 0: as is usual
 * @verbose: say what is done
 * @backing: the image that has been the leaf
 * @path: where that is
 * @logical_bytes: its sectors
 * @new: what the new leaf is like
 * @leaf: the new leaf
 * @made: its file
 * @old: what keeps the old leaf's device until all is done; -1: nothing
 * @base: a read-only loop device over the file of the old leaf
 * @base_fd: that file
 * @base_image: what that has, once it is closed
 * @old_bytes: size of the old leaf's file before its end was cut off; 0: it was not
 * @exchanged: the files have changed names
 * @merges: this is part of a merge
 * @closed: called when the old leaf is closed and no table was loaded yet; or NULL
 * @arg: for @closed
 * @swap: the change of tables
 */
struct graft {
	struct mapping disk;
	const char *child;
	bool keep_name;
	u32 block_bytes;
	bool verbose;
	struct backing backing;
	const char *path;
	u32 logical_bytes;
	struct newchild new;
	struct attachment *leaf;
	struct stat made;
	int old;
	struct loop base;
	int base_fd;
	struct image base_image;
	u64 old_bytes;
	bool exchanged;
	bool merges;
	int (*closed)(struct graft *graft);
	void *arg;
	struct swap swap;
};

int graft_look(struct graft *graft);
int graft_make(struct graft *graft);
void graft_free(struct graft *graft);

#endif /* VHDX_TOOLS_GRAFT_H */
