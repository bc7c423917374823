// SPDX-License-Identifier: GPL-2.0
/* What there is to be merged below a disk in use, and whether it can be. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fold.h"
#include "graft.h"
#include "health.h"
#include "identify.h"
#include "message.h"
#include "size.h"
#include "use.h"
#include "vhd-chain.h"
#include "vhd-layer.h"

/* A leaf's log may change while it is read. */
#define FOLD_TRIES	20
#define FOLD_WAIT_US	50000

/**
 * fold_refresh() - find out what the mapping is on by now
 * @fold: the merge
 *
 * Return: 0 or a negative errno, which was said.
 */
int fold_refresh(struct fold *fold)
{
	struct mapping *disk = &fold->disk, now;
	int r = mapping_get(disk->name, &now);

	if (r) {
		complain(disk->name, "the same command on the image goes on",
			 "detached in the meantime");
		return r;
	}
	*disk = now;
	layers_close(&fold->parents);
	backing_get(&fold->backing, disk);
	return layers_of(&fold->parents, disk);
}

/**
 * fold_close() - close all images of the mapping
 * @fold: the merge
 */
void fold_close(struct fold *fold)
{
	vhd_layers_free(fold->merge.vhd, fold->chain.count);
	fold->merge.vhd = NULL;
	chain_close(&fold->chain);
}

/* What a VHD image has is read at once: who cuts its file off next moves its footer. */
static int fold_open_known(struct fold *fold, char *const *path,
			   unsigned int count)
{
	int r;

	if (!mapping_is_vhd(&fold->disk))
		return chain_open_known(&fold->chain, path, count);
	r = vhd_chain_open_known(&fold->chain, path, count);
	return r ? r : vhd_layers_load(&fold->merge.vhd, &fold->chain);
}

/**
 * fold_open() - open all images of the mapping, but for the BATs of VHDX images
 * @fold: the merge
 *
 * Says what is wrong, unless the log of the leaf was being written.
 *
 * Return: 0, a fault or a negative errno.
 */
int fold_open(struct fold *fold)
{
	struct chain *chain = &fold->chain;
	unsigned int count = fold->parents.count + 1, i;
	char **path = calloc(count, sizeof(*path));
	int r = path ? 0 : -ENOMEM;

	fold_close(fold);
	if (!r)
		path[0] = fold->path;
	for (i = 1; !r && i < count; i++) {
		path[i] = (char *)layer_name(&fold->parents.layer[i - 1]);
		if (access(path[i], F_OK)) {
			complain_errno(path[i], errno, "cannot be found");
			r = -ENOENT;
		}
	}
	if (!r)
		r = fold_open_known(fold, path, count);
	free(path);
	fold->merge.chain = chain;
	if (!r && fold->target)
		fold->merge.into = chain->count - 1 - fold->below;
	return r;
}

/* The leaf's too, which may change while it is read. */
static int fold_open_live(struct fold *fold)
{
	unsigned int tries;
	int r;

	for (tries = 0; tries < FOLD_TRIES; tries++) {
		r = fold_open(fold);
		if (r <= 0)
			break;
		usleep(FOLD_WAIT_US);
	}
	if (r > 0)
		complain_fault(fold->path, r);
	return r;
}

/* What is new is in no table before. */
static void fold_flush(const struct fold *fold)
{
	char path[256];
	int fd = open(mapping_path(path, sizeof(path), fold->disk.name),
		      O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/**
 * fold_load() - find out what there is to be merged
 * @fold: from fold_open()
 *
 * Return: 0, a fault or a negative errno.
 */
int fold_load(struct fold *fold)
{
	int r = fold->merge.vhd ? 0 : chain_load_bats(&fold->chain, 0);

	return r ? r : fold->merge.ops->look(&fold->merge);
}

/**
 * fold_measure() - how much is there to be merged?
 * @fold: the merge
 * @bytes: takes it
 *
 * Return: 0 or a negative errno, which was said.
 */
int fold_measure(struct fold *fold, u64 *bytes)
{
	struct health health;
	int r;

	fold_flush(fold);
	r = fold_refresh(fold);
	if (!r)
		r = fold_open_live(fold);
	if (!r)
		r = fold_load(fold);
	if (r)
		return r;
	health_parse(&fold->disk, &health);
	*bytes = fold->merge.bytes + health.uncommitted * health.block_bytes;
	return 0;
}

/* Is a device on top of @arg's images another mapping than this? */
static int fold_is_foreign(void *arg, const char *holder)
{
	struct fold *fold = arg;
	char name[SYSFS_DM_NAME];

	sysfs_holder_name(holder, name);
	if (!strcmp(name, fold->disk.name))
		return 0;
	complain(fold->target, "detach that first", "'%s' is on it, too",
		 *name ? name : holder);
	return 1;
}

static int fold_check_loop(void *arg, const char *loop)
{
	struct fold *fold = arg;
	char holder[64], name[SYSFS_DM_NAME], disk[64];

	snprintf(disk, sizeof(disk), "block/%.40s", loop);
	if (sysfs_first_holder(disk, holder, name))
		return sysfs_each_holder(disk, fold_is_foreign, fold);
	complain(fold->target, "end that first", "in use by /dev/%s, too",
		 loop);
	return 1;
}

/* Nobody else may be looking at what is about to be changed, or be gone. */
static int fold_check_alone(struct fold *fold)
{
	unsigned int i;

	for (i = 1; i <= fold->merge.into; i++)
		if (loop_each(&fold->chain.layer[i]->image.st,
				  fold_check_loop, fold))
			return -EBUSY;
	return 0;
}

static int fold_check_files(const struct fold *fold)
{
	unsigned int i;

	for (i = 0; i <= fold->merge.into; i++) {
		if (!fold->chain.layer[i]->image.block_device)
			continue;
		complain(fold->chain.layer[i]->path,
			 "detach the disk, and merge it then",
			 "a block device, of which only files can be merged while the disk is in use");
		return -ENOTBLK;
	}
	return 0;
}

/**
 * fold_look() - see what is mapped, and what is to be merged into what
 * @fold: with @disk; fold_free() it
 *
 * Afterwards @path is known.  Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int fold_look(struct fold *fold)
{
	struct graft *graft = calloc(1, sizeof(*graft));
	int r;

	fold->target_fd = -1;
	fold->merge.live = true;
	if (!graft)
		return -ENOMEM;
	graft->disk = fold->disk;
	r = graft_look(graft);
	if (!r)
		fold->path = strdup(graft->path);
	graft_free(graft);
	free(graft);
	if (!r && !fold->path)
		r = -ENOMEM;
	if (!r)
		r = fold_refresh(fold);
	if (!r)
		r = fold_open_live(fold);
	if (!r)
		r = merge_find_target(&fold->merge, &fold->chain, fold->into);
	if (r)
		return r;
	fold->target = strdup(merge_target(&fold->merge)->path);
	fold->below = fold->chain.count - 1 - fold->merge.into;
	fold->layers = fold->merge.into;
	return fold->target ? 0 : -ENOMEM;
}

/**
 * fold_check() - can it be merged?
 * @fold: from fold_look()
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int fold_check(struct fold *fold)
{
	struct merge *merge = &fold->merge;
	int r = fold_check_files(fold);
	u64 bytes;

	if (!r)
		r = merge_check_images(merge, 1);
	if (!r)
		r = merge_check_children(merge, false, fold->force);
	if (!r && fold->keep_name)
		r = merge_check_names(merge, fold->path);
	if (!r)
		r = fold_check_alone(fold);
	if (!r)
		r = fold_measure(fold, &bytes);
	return r ? r : merge_check_space(merge);
}

/**
 * fold_lock() - let nobody else look at the parent, or merge into it
 * @fold: from fold_check()
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int fold_lock(struct fold *fold)
{
	const struct stat *own = &merge_target(&fold->merge)->image.st;
	struct stat st;

	fold->target_fd = open(fold->target, O_RDWR | O_CLOEXEC);
	if (fold->target_fd < 0 || fstat(fold->target_fd, &st)) {
		complain_errno(fold->target, errno,
			       "cannot be opened for writing");
		return -EIO;
	}
	if (st.st_dev == own->st_dev && st.st_ino == own->st_ino &&
	    !use_lock_merge(fold->target_fd))
		return 0;
	complain(fold->target, "wait for its end", "another merge is going on");
	return -EBUSY;
}

/**
 * fold_take() - be about to write to the parent, and to the layer above it
 * @fold: from fold_open()
 *
 * The disk is suspended, or they are parents of it.
 *
 * Return: 0 or a negative errno.
 */
int fold_take(struct fold *fold)
{
	struct image *above =
		&fold->chain.layer[fold->merge.into - 1]->image;
	struct image *target = &merge_target(&fold->merge)->image;
	int fd[2];

	fd[0] = open(above->path, O_RDWR | O_CLOEXEC);
	fd[1] = fcntl(fold->target_fd, F_DUPFD_CLOEXEC, 0);
	if (fd[0] < 0 || fd[1] < 0)
		return -errno;
	close(above->fd);
	above->fd = fd[0];
	close(target->fd);
	target->fd = fd[1];
	return 0;
}

static int fold_grow_loop(void *arg, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/%.40s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || loop_grow(fd))
		*(int *)arg = -errno;
	if (fd >= 0)
		close(fd);
	return 0;
}

/**
 * fold_grow_loops() - let the mapping's device see that the parent has grown
 * @fold: from fold_open()
 *
 * Return: 0 or a negative errno.
 */
int fold_grow_loops(const struct fold *fold)
{
	int r = 0;

	loop_each(&merge_target(&fold->merge)->image.st, fold_grow_loop, &r);
	return r;
}
