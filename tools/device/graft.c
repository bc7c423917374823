// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: a snapshot of a disk in use
 *
 * What takes time is done before: the new leaf is made, complete and durable,
 * and has its loop device; the old one gets a read-only one; what is in memory
 * is written.  Then
 *
 *  1. file systems on the partitions and on the disk are frozen, and the disk is
 *     suspended: the old leaf is closed, clean and durable.
 *  2. The GUID that the old leaf has now is that which the new one names.  It
 *     changes only if the old one was closed in between and opened again.
 *  3. The old leaf's file is cut off behind what it has used, and the new table
 *     is loaded, with the old leaf as the first parent.
 *  4. With --keep-name the files change names.  Before the first write to the
 *     new leaf: from then on what is attached under the old name must be it.
 *     A crash before that leaves an empty child that nobody misses; a crash after
 *     it leaves a leaf that shows what its parent holds.
 *  5. The disk is resumed, with the new table, and then its partitions.
 *
 * If a step fails those before it are undone, and the old table is resumed.  The
 * old leaf's writable loop device is held open until then, or it would be gone.
 * While the disk is suspended nothing is printed: it may be where the terminal's
 * log or this program is.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <mntent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "busy.h"
#include "child.h"
#include "graft.h"
#include "guid.h"
#include "health.h"
#include "kmsg.h"
#include "locator.h"
#include "message.h"
#include "module.h"
#include "reparent.h"
#include "signals.h"
#include "use.h"

static void graft_why(struct graft *graft, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void graft_why(struct graft *graft, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(graft->why, sizeof(graft->why), fmt, args);
	va_end(args);
}

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
	return graft_check_file(graft);
}

static int graft_describe(struct graft *graft)
{
	struct image *image = calloc(1, sizeof(*image));
	int r;

	if (!image)
		return -ENOMEM;
	r = image_glance(image, graft->path);
	if (r) {
		complain_fault(graft->path, r);
	} else {
		graft->guid = image->layout.header.data_write_guid;
		graft->format.meta.block_bytes = graft->block_bytes;
		graft->format.log_bytes = SZ_1M;
		child_inherit(&graft->format.meta, &image->layout.meta);
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
	backing_get(&graft->backing, &graft->disk);
	graft->path = graft->backing.on_file ? graft->backing.file.path :
					       graft->backing.device;
	r = graft_check(graft);
	return r ? r : graft_describe(graft);
}

/* What the old table has, but for what depends on the file. */
static void graft_keep_options(struct graft *graft)
{
	struct options *options = &graft->leaf->options;
	char *copy = strdup(graft->disk.table), *rest = copy, *word, *value;
	char why[OPTIONS_WHY];

	word = strtok_r(rest, " ", &rest);
	word = word ? strtok_r(rest, " ", &rest) : NULL;
	while (word && (word = strtok_r(rest, " ", &rest))) {
		graft->leaf->search.any_id |= !strcmp(word, "ignore_parent_id");
		if (!options_known(word))
			continue;
		value = options_takes_value(word) ? strtok_r(rest, " ", &rest) :
						    NULL;
		if (strcmp(word, "zeroed_from") && strcmp(word, "no_unmap"))
			options_add(options, word, value, why);
	}
	free(copy);
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
				graft->format.meta.logical_bytes, true);
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
	graft_keep_options(graft);
	r = child_locate(&graft->format, graft->child, graft->keep_name ?
			 graft->child : graft->path, &graft->guid);
	if (!r)
		r = child_write(&graft->format, graft->child);
	if (r) {
		graft->child = NULL;	/* not ours to remove */
		return r;
	}
	r = layers_of(&leaf->parents, &graft->disk);
	if (!r)
		r = graft_make_base(graft);
	if (!r)
		r = attachment_prepare(leaf, &dev);
	return r ? r : attachment_table(leaf, dev);
}

/* Is a file system's device the disk or one of its partitions? */
static bool graft_is_on(const struct graft *graft, dev_t dev)
{
	struct mapping part;
	unsigned int i;

	if (dev == graft->disk.dev)
		return true;
	for (i = 0; i < graft->partitions.count; i++)
		if (!mapping_get(graft->partitions.name[i], &part) &&
		    part.dev == dev)
			return true;
	return false;
}

/* What is written now need not be written while I/O waits. */
static void graft_flush(const struct graft *graft)
{
	struct mntent *entry;
	struct stat st;
	FILE *mounts;
	char path[256];
	int fd;

	mounts = setmntent("/proc/self/mounts", "re");
	while (mounts && (entry = getmntent(mounts))) {
		/* Others are left alone: a server may not answer. */
		if (*entry->mnt_fsname != '/' ||
		    stat(entry->mnt_fsname, &st) || !S_ISBLK(st.st_mode) ||
		    !graft_is_on(graft, st.st_rdev))
			continue;
		fd = open(entry->mnt_dir, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		syncfs(fd);
		close(fd);
	}
	if (mounts)
		endmntent(mounts);
	fd = open(mapping_path(path, sizeof(path), graft->disk.name),
		  O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* File systems on partitions are frozen, one after the other, then the disk. */
static int graft_suspend(struct graft *graft)
{
	const struct partitions *partitions = &graft->partitions;
	const char *name = graft->disk.name;
	int r = 0;

	for (; !r && graft->still < partitions->count; graft->still++) {
		name = partitions->name[graft->still];
		r = mapping_suspend(name);
		if (r)
			break;
	}
	if (!r) {
		name = graft->disk.name;
		r = mapping_suspend(name);
	}
	if (r)
		graft_why(graft, "'%s' cannot be suspended: %s", name,
			  mapping_error());
	return r;
}

/* The old leaf is closed: does the new one name what it is? */
static int graft_link(struct graft *graft, struct image *old)
{
	const guid_t *guid = &old->layout.header.data_write_guid;
	struct format *format = &graft->format;
	int r;

	r = image_glance(old, graft->path);
	if (!r && old->dirty)
		r = -EBUSY;
	if (r) {
		graft_why(graft, "'%s' was not closed: %s", graft->path,
			  r > 0 ? vhdx_fault_text(r) : r == -EBUSY ?
			  "its log is not empty" : strerror(-r));
		return r;
	}
	if (guid_equal(guid, &graft->guid))
		return 0;
	free(format->locator);
	format->locator = NULL;
	r = locator_make(&format->locator, &format->locator_bytes, graft->child,
			 graft->keep_name ? graft->child : graft->path, guid,
			 NULL);
	if (!r)
		r = reparent_locator(graft->leaf->image, format->locator,
				     format->locator_bytes);
	if (r)
		graft_why(graft, "'%s' cannot be linked to its parent: %s",
			  graft->child, strerror(-r));
	return r;
}

static void graft_resize(const struct graft *graft, u64 bytes)
{
	if (truncate(graft->path, bytes))
		return;
	loop_grow(graft->base.fd);
}

/*
 * The old leaf does not grow any more: cut off what it has not used.  Now, as a
 * parent must not change once it is one.
 */
static void graft_trim(struct graft *graft, struct image *old)
{
	struct extent extent;

	if (!graft->backing.on_file || !graft->backing.file.autoclear)
		return;
	image_forget(old);
	if (image_load(old) || old->dirty || old->layout.meta.leave_allocated ||
	    extent_load(&extent, old) || extent.end >= old->file_bytes)
		return;
	graft->old_bytes = old->file_bytes;
	graft_resize(graft, extent.end);
}

static int graft_load(struct graft *graft)
{
	char reason[GRAFT_WHY / 2];
	int kmsg = kmsg_open(), r;

	r = mapping_load(&graft->leaf->disk);
	if (r) {
		if (!kmsg_find(kmsg, "vhdx: ", reason, sizeof(reason)))
			snprintf(reason, sizeof(reason), "%s", mapping_error());
		graft_why(graft, "the new table cannot be loaded: %s", reason);
	}
	kmsg_close(kmsg);
	return r;
}

static int graft_exchange(struct graft *graft)
{
	int r = graft->keep_name ? child_exchange(graft->path, graft->child) : 0;

	graft->exchanged = graft->keep_name && !r;
	if (r)
		graft_why(graft, "'%s' and '%s' cannot change names: %s",
			  graft->path, graft->child, strerror(-r));
	return r;
}

/* The table that has been, unless it is still there. */
static int graft_go_back(struct graft *graft, bool lost)
{
	if (graft->exchanged && !child_exchange(graft->path, graft->child))
		graft->exchanged = false;
	if (graft->old_bytes && !graft->exchanged)
		graft_resize(graft, graft->old_bytes);
	return lost ? mapping_load(&graft->disk) :
		      mapping_clear(graft->disk.name);
}

static u64 graft_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

/* The disk goes on, and so do they: whatever was in the way may be gone already. */
static void graft_resume_partitions(struct graft *graft, u32 *cookie)
{
	while (graft->still) {
		const char *name = graft->partitions.name[--graft->still];

		if (mapping_resume_begin(name, cookie) &&
		    mapping_resume_begin(name, cookie))
			complain(name, "the kernel log ('dmesg') tells more; 'dmsetup resume' it",
				 "it stays suspended: %s", mapping_error());
	}
}

/* While I/O waits. */
static int graft_swap(struct graft *graft, struct image *old)
{
	const char *name = graft->disk.name;
	bool suspended, lost = false;
	u64 start = graft_now();
	u32 cookie = 0;
	int r, back = 0;

	r = graft_suspend(graft);
	suspended = !r;
	if (!r)
		r = graft_link(graft, old);
	if (!r) {
		graft_trim(graft, old);
		r = graft_load(graft);
	}
	if (!r)
		r = graft_exchange(graft);
	if (!r) {
		r = mapping_resume_begin(name, &cookie);
		lost = r;
		if (r)
			graft_why(graft, "the new table cannot be resumed: %s",
				  mapping_error());
	}
	if (r && suspended) {
		back = graft_go_back(graft, lost);
		if (!back || !lost)
			back = mapping_resume_begin(name, &cookie);
	}
	graft_resume_partitions(graft, &cookie);
	graft->pause_us = graft_now() - start;
	mapping_resume_end(cookie);
	if (back)
		complain(name, "the kernel log ('dmesg') tells more; 'dmsetup resume' it",
			 "it stays suspended: %s", mapping_error());
	return r;
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

static void graft_say(const struct graft *graft)
{
	const char *advice = "everything is as it was; the kernel log ('dmesg') may tell more";

	if (*graft->why)
		complain(graft->disk.name, advice, "%s", graft->why);
	if (graft->verbose)
		note(graft->disk.name, "I/O waited for %llu.%03llu ms",
		     (unsigned long long)graft->pause_us / 1000,
		     (unsigned long long)graft->pause_us % 1000);
}

static int graft_steps(struct graft *graft)
{
	char foreign[MAPPING_NAME];
	struct image *old = calloc(1, sizeof(*old));
	int r = old ? graft_prepare(graft) : -ENOMEM;

	if (!r)
		r = signals_pending();
	if (!r) {
		/* What else is on the disk keeps its I/O for a moment. */
		partitions_find(&graft->partitions, &graft->disk, foreign);
		graft_flush(graft);
		/* This program may be on the disk, too. */
		if (mlockall(MCL_CURRENT | MCL_FUTURE))
			note(graft->disk.name, "memory cannot be locked");
		r = graft_swap(graft, old);
		munlockall();
		graft_say(graft);
	}
	if (old)
		image_close(old);
	free(old);
	if (!r)
		graft_lock(graft);
	if (r && graft->child && !graft->exchanged)
		unlink(graft->child);
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
	free(graft->format.locator);
}
