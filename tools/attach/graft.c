// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: a snapshot of a disk in use
 *
 * What takes time is done before: the new leaf is made, complete and durable,
 * and has its loop device; the old one gets a read-only one; what is in memory
 * is written.  Then, while the disk is suspended (see swap.c) and the old leaf
 * closed, clean and durable:
 *
 *  1. The GUID that the old leaf has now is that which the new one names.  It
 *     changes only if the old one was closed in between and opened again.
 *  2. The old leaf's file is cut off behind what it has used, and the new table
 *     is loaded, with the old leaf as the first parent.
 *  3. With --keep-name the files change names.  Before the first write to the
 *     new leaf: from then on what is attached under the old name must be it.
 *     A crash before that leaves an empty child that nobody misses; a crash after
 *     it leaves a leaf that shows what its parent holds.
 *
 * The old leaf's writable loop device is held open until then, or it would be
 * gone.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "busy.h"
#include "child.h"
#include "edit.h"
#include "graft.h"
#include "guid.h"
#include "health.h"
#include "locator.h"
#include "message.h"
#include "module.h"
#include "reparent.h"
#include "signals.h"
#include "use.h"
#include "vhd-extent.h"
#include "vhd-repair.h"

/* Is what is under the mapping's name still what it is on? */
static int graft_check_file(const struct graft *graft)
{
	const struct loop_backing *file = &graft->backing.file;
	struct stat st;

	if (!graft->backing.on_file)
		return 0;
	if (!stat(file->path, &st) && st.st_dev == file->dev &&
	    st.st_ino == file->inode)
		return 0;
	complain(file->path, "detach it",
		 "deleted, moved or replaced since it was attached, so that no child could name it");
	return -ESTALE;
}

static int graft_check(const struct graft *graft)
{
	const struct mapping *disk = &graft->disk;
	struct health health;
	char lack[256];

	if (mapping_is_stock(disk)) {
		complain(disk->name, "attach it without that",
			 "attached with --stock, which serves no image with a parent");
		return -EOPNOTSUPP;
	}
	health_parse(disk, &health);
	if (health_state(disk, &health) != HEALTH_ACTIVE) {
		complain(disk->name, "'vhdx status' tells more",
			 "only of a disk that is well and not suspended there can be a snapshot");
		return -EINVAL;
	}
	if (health_read_only(disk)) {
		complain(disk->name, "make a child of its image with 'vhdx create --parent', and attach that",
			 "attached read-only, so that there is nothing that could change");
		return -EROFS;
	}
	if (module_lacks("parents", lack, sizeof(lack))) {
		complain(disk->name, MODULE_ADVICE, "%s", lack);
		return -EOPNOTSUPP;
	}
	if (!graft->merges && layers_merging(disk)) {
		complain(disk->name, "wait for its end", "a merge of it is going on");
		return -EBUSY;
	}
	return graft_check_file(graft);
}

static int graft_describe(struct graft *graft)
{
	struct image *image = calloc(1, sizeof(*image));
	int r;

	if (!image)
		return -ENOMEM;
	r = newchild_glance(image, graft->path);
	if (r) {
		complain_fault(graft->path, r);
	} else {
		graft->logical_bytes = image->layout.meta.logical_bytes;
		r = newchild_plan(&graft->new, image, graft->block_bytes);
	}
	image_close(image);
	free(image);
	return r;
}

/**
 * graft_look() - see whether a disk can have a new leaf, and of what image
 * @graft: with @disk; graft_free() it
 *
 * Afterwards @path is known.  Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int graft_look(struct graft *graft)
{
	int r;

	graft->old = -1;
	graft->base.fd = -1;
	graft->base_fd = -1;
	graft->base_image.fd = -1;
	backing_get(&graft->backing, &graft->disk);
	graft->path = graft->backing.on_file ? graft->backing.file.path :
					       graft->backing.device;
	r = graft_check(graft);
	return r ? r : graft_describe(graft);
}

/* The old leaf, so that it can be a parent. */
static int graft_make_base(struct graft *graft)
{
	const struct backing *backing = &graft->backing;
	dev_t dev = backing_dev(&graft->disk);
	struct stat st;
	int r = 0;

	/* Without a lock: what is to be its only writer has it still. */
	graft->old = open(backing->device, O_RDONLY | O_CLOEXEC);
	if (graft->old < 0)
		r = -errno;
	if (!r && backing->on_file) {
		graft->base_fd = open(graft->path, O_RDONLY | O_CLOEXEC);
		r = graft->base_fd < 0 ? -errno :
		    loop_attach(&graft->base, graft->base_fd, graft->path,
				graft->logical_bytes, true);
		if (!r && fstat(graft->base.fd, &st))
			r = -errno;
		dev = st.st_rdev;
	}
	if (r) {
		complain(graft->path, "try 'modprobe loop', and 'losetup -a' to see what is in use",
			 "cannot set up a read-only loop device: %s",
			 strerror(-r));
		return r;
	}
	r = layers_put_first(&graft->leaf->parents, graft->path,
			     backing->on_file ? graft->base.path :
			     backing->device, dev);
	if (r)
		complain_fault(graft->path, VHDX_FAULT_CHAIN_DEEP);
	return r;
}

/* All that can be done while the disk is in use. */
static int graft_prepare(struct graft *graft)
{
	struct attachment *leaf = attachment_new();
	dev_t dev;
	int r;

	graft->leaf = leaf;
	if (!leaf)
		return -ENOMEM;
	leaf->path = graft->child;
	leaf->verbose = graft->verbose;
	snprintf(leaf->disk.name, sizeof(leaf->disk.name), "%s",
		 graft->disk.name);
	attachment_keep_options(leaf, graft->disk.table);
	leaf->most_bytes = graft->backing.file.most_bytes;
	leaf->is_vhd = graft->new.is_vhd;
	r = newchild_locate(&graft->new, graft->child, graft->keep_name ?
			    graft->child : graft->path);
	if (!r)
		r = newchild_write(&graft->new, graft->child);
	if (r) {
		graft->child = NULL;	/* not ours to remove */
		return r;
	}
	r = stat(graft->child, &graft->made) ? -errno : 0;
	if (!r)
		r = layers_of(&leaf->parents, &graft->disk);
	if (!r)
		r = graft_make_base(graft);
	if (!r)
		r = attachment_prepare(leaf, &dev);
	return r ? r : attachment_table(leaf, dev);
}

/* The old leaf has another GUID than it had: the new one is told. */
static int graft_relink(struct graft *graft, const guid_t *guid)
{
	struct format *format = &graft->new.vhdx;
	int r;

	free(format->locator);
	format->locator = NULL;
	r = locator_make(&format->locator, &format->locator_bytes, graft->child,
			 graft->keep_name ? graft->child : graft->path, guid,
			 NULL);
	if (!r)
		r = reparent_locator(graft->leaf->image, format->locator,
				     format->locator_bytes);
	if (r)
		swap_why(&graft->swap, "'%s' cannot be linked to its parent: %s",
			  graft->child, strerror(-r));
	return r;
}

/* The old leaf is closed: does the new one name what it is?  VHD has one name for good. */
static int graft_link(struct graft *graft, struct image *old)
{
	const guid_t *guid = &old->layout.header.data_write_guid;
	int r;

	r = newchild_glance(old, graft->path);
	if (!r && old->dirty)
		r = -EBUSY;
	if (r) {
		swap_why(&graft->swap, "'%s' was not closed: %s", graft->path,
			  r > 0 ? vhdx_fault_text(r) : r == -EBUSY ?
			  "its log is not empty" : strerror(-r));
		return r;
	}
	if (graft->new.is_vhd || guid_equal(guid, &graft->new.guid))
		return 0;
	return graft_relink(graft, guid);
}

/* @bytes: a new size of the old leaf's file. */
static void graft_resize(const struct graft *graft, u64 bytes)
{
	if (truncate(graft->path, bytes))
		return;
	loop_grow(graft->base.fd);
}

static void graft_trim_vhdx(struct graft *graft, struct image *old)
{
	struct extent extent;

	image_forget(old);
	if (image_load(old) || old->dirty || old->layout.meta.leave_allocated ||
	    extent_load(&extent, old) || extent.end >= old->file_bytes)
		return;
	graft->old_bytes = old->file_bytes;
	graft_resize(graft, extent.end);
}

/* Of a VHD image the footer goes with the end.  @bytes: what it was; 0: cut it off. */
static int graft_trim_vhd(struct graft *graft, u64 bytes)
{
	struct image *old = calloc(1, sizeof(*old));
	int fd = open(graft->path, O_RDWR | O_CLOEXEC);
	struct vhd_image vhd = {};
	int r = old && fd >= 0 ? image_take(old, graft->path, fd) : -EIO;

	if (!r && bytes) {
		r = vhd_image_load(&vhd, old);
		if (!r)
			r = edit_resize(old, bytes);
		if (!r)
			r = vhd_repair_footer(&vhd, 0);
	} else if (!r) {
		graft->old_bytes = old->file_bytes;
		r = vhd_extent_trim(old);
	}
	loop_grow(graft->base.fd);
	vhd_image_free(&vhd);
	if (old)
		image_close(old);
	free(old);
	if (fd >= 0)
		close(fd);
	return r;
}

/*
 * The old leaf does not grow any more: cut off what it has not used.  Now, as a
 * parent must not change once it is one.
 */
static int graft_trim(struct graft *graft, struct image *old)
{
	int r = 0;

	if (!graft->backing.on_file || !graft->backing.file.autoclear)
		return 0;
	if (!graft->new.is_vhd)
		graft_trim_vhdx(graft, old);
	else
		r = graft_trim_vhd(graft, 0);
	if (r)
		swap_why(&graft->swap, "the file of '%s' cannot be cut off: %s",
			 graft->path, r > 0 ? vhdx_fault_text(r) : strerror(-r));
	return r;
}

static void graft_untrim(struct graft *graft)
{
	if (graft->new.is_vhd)
		graft_trim_vhd(graft, graft->old_bytes);
	else
		graft_resize(graft, graft->old_bytes);
}

static int graft_exchange(struct graft *graft)
{
	int r = graft->keep_name ? child_exchange(graft->path, graft->child) : 0;

	graft->exchanged = graft->keep_name && !r;
	if (r == -ENOTRECOVERABLE)
		swap_disorder(&graft->swap, graft->path, graft->child);
	else if (r)
		swap_why(&graft->swap, "'%s' and '%s' cannot change names: %s",
			  graft->path, graft->child, strerror(-r));
	return r;
}

/* While I/O waits. */
static int graft_change(void *arg)
{
	struct graft *graft = arg;
	int r;

	r = graft_link(graft, &graft->base_image);
	if (!r && graft->closed)
		r = graft->closed(graft);
	if (!r)
		r = graft_trim(graft, &graft->base_image);
	if (!r)
		r = swap_load(&graft->swap, &graft->leaf->disk);
	return r ? r : graft_exchange(graft);
}

static void graft_undo(void *arg)
{
	struct graft *graft = arg;

	/* The new leaf, which has its name, is not needed any more. */
	if (graft->exchanged && (!child_exchange(graft->path, graft->child) ||
				 !rename(graft->child, graft->path)))
		graft->exchanged = false;
	if (graft->exchanged)
		swap_disorder(&graft->swap, graft->path, graft->child);
	if (graft->old_bytes && !graft->exchanged)
		graft_untrim(graft);
}

/* The old leaf is a parent: nobody may write to it. */
static void graft_lock(struct graft *graft)
{
	unsigned int tries;

	/* Its writable loop device goes, and takes its lock with it. */
	if (graft->old >= 0)
		close(graft->old);
	graft->old = -1;
	if (graft->base_fd < 0)
		return;
	for (tries = 0; tries < BUSY_TRIES &&
	     use_lock_shared(graft->base_fd); tries++)
		usleep(BUSY_WAIT_US / 10);
}

static int graft_steps(struct graft *graft)
{
	static const struct swap_steps steps = {
		.change = graft_change,
		.undo = graft_undo,
	};
	int r = graft_prepare(graft);

	if (!r)
		r = signals_pending();
	if (!r) {
		graft->swap.disk = &graft->disk;
		r = swap_tables(&graft->swap, &steps, graft);
		swap_say(&graft->swap, graft->verbose);
	}
	image_close(&graft->base_image);
	if (!r)
		graft_lock(graft);
	if (r && graft->child)
		child_discard(graft->child, &graft->made);
	if (graft->leaf)
		attachment_drop(graft->leaf);
	if (!r)
		attachment_watch(graft->leaf);
	return r;
}

/**
 * graft_make() - put a new leaf on top of a disk that is in use
 * @graft: from graft_look(), with @child
 *
 * What is on the disk now stays in the old leaf; what is written from now on goes
 * to the new one.  If it fails everything is as it was.  Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int graft_make(struct graft *graft)
{
	sigset_t before;
	int r;

	signals_hold(&before);
	r = graft_steps(graft);
	signals_release(&before);
	return r;
}

/**
 * graft_free() - end with a graft, made or not
 * @graft: from graft_look()
 */
void graft_free(struct graft *graft)
{
	loop_close(&graft->base);
	if (graft->base_fd >= 0)
		close(graft->base_fd);
	if (graft->old >= 0)
		close(graft->old);
	if (graft->leaf)
		attachment_free(graft->leaf);
	newchild_free(&graft->new);
}
