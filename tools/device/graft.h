/* SPDX-License-Identifier: GPL-2.0 */
/* A new leaf for a disk that is attached. */
#ifndef VHDX_TOOLS_GRAFT_H
#define VHDX_TOOLS_GRAFT_H

#include "attachment.h"
#include "backing.h"
#include "partition.h"

#define GRAFT_WHY	640

/**
 * struct graft - a leaf that is being put on top of another one
 * @disk: the mapping, as it was
 * @child: the new leaf's file; it must not be there
 * @keep_name: the leaf takes the file name of the image below, which takes @child
 * @block_bytes: of the new leaf
 * @verbose: say what is done
 * @backing: the image that has been the leaf
 * @path: where that is
 * @guid: its DataWriteGuid
 * @format: what the new leaf is like
 * @leaf: the new leaf
 * @old: what keeps the old leaf's device until all is done; -1: nothing
 * @base: a read-only loop device over the file of the old leaf
 * @base_fd: that file
 * @partitions: those of @disk
 * @still: how many of them are suspended
 * @old_bytes: size of the old leaf's file before its end was cut off; 0: it was not
 * @exchanged: the files have changed names
 * @pause_us: how long I/O had to wait
 * @why: what is wrong, as nothing can be said while the disk is suspended
 */
struct graft {
	struct mapping disk;
	const char *child;
	bool keep_name;
	u32 block_bytes;
	bool verbose;
	struct backing backing;
	const char *path;
	guid_t guid;
	struct format format;
	struct attachment *leaf;
	int old;
	struct loop base;
	int base_fd;
	struct partitions partitions;
	unsigned int still;
	u64 old_bytes;
	bool exchanged;
	u64 pause_us;
	char why[GRAFT_WHY];
};

int graft_look(struct graft *graft);
int graft_make(struct graft *graft);
void graft_free(struct graft *graft);

#endif /* VHDX_TOOLS_GRAFT_H */
