// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: a disk in use gets another size
 *
 * While it is suspended (see swap.c) its image is closed, clean and durable, and nobody
 * but this reads or writes it:
 *
 *  1. the image gets the size, as it would if it were not attached (resize.c,
 *     vhd-resize.c).  Its file gets no shorter than what the device over it shows, as
 *     that may be in use in ways that are not known here; only of a VHD is the end cut
 *     off, for a moment, as its footer has to be where the image ends;
 *  2. the file is extended so that the new blocks have room;
 *  3. the table with the new length is loaded.
 *
 * If that fails, or the new table cannot be resumed, the image gets its old size back,
 * and the old table goes on.  If the program is killed in between the disk stays
 * suspended.  Either the image has its old size still, and resuming it is all that has
 * to be done; or it has the new one, which no table goes with, or its file is cut: then
 * the same command goes on.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "children.h"
#include "daemon.h"
#include "edit.h"
#include "layers.h"
#include "health.h"
#include "message.h"
#include "newchild.h"
#include "signals.h"
#include "size.h"
#include "stretch.h"
#include "vhd-extent.h"
#include "vhd-link.h"

#define STRETCH_SLOW_BYTES	(1024 * (u64)SZ_1M)	/* zeros, while I/O waits */

static enum disk_format stretch_format(const struct stretch *stretch)
{
	return mapping_is_vhd(&stretch->disk) ? DISK_VHD : DISK_VHDX;
}

static u64 stretch_mapped_bytes(const struct stretch *stretch)
{
	return stretch->disk.sectors * 512;
}

/* Is what is under the mapping's name still what it is on? */
static int stretch_check_file(const struct stretch *stretch)
{
	const struct loop_backing *file = &stretch->backing.file;
	struct stat st;

	if (!stretch->backing.on_file ||
	    (!fstat(stretch->fd, &st) && st.st_dev == file->dev &&
	     st.st_ino == file->inode))
		return 0;
	complain(file->path, "detach it, and resize the file",
		 "deleted, moved or replaced since it was attached");
	return -ESTALE;
}

static int stretch_open(struct stretch *stretch)
{
	stretch->fd = open(stretch->path, O_RDWR | O_CLOEXEC);
	if (stretch->fd < 0) {
		int r = -errno;

		complain_errno(stretch->path, r, "cannot be opened for writing");
		return r;
	}
	if (!stretch->backing.on_file)
		return 0;
	stretch->loop = open(stretch->backing.device, O_RDONLY | O_CLOEXEC);
	if (stretch->loop >= 0)
		return stretch_check_file(stretch);
	complain_errno(stretch->backing.device, errno, "cannot be opened");
	return -EIO;
}

/* What can be said of the image while it is in use. */
static int stretch_describe(struct stretch *stretch, struct image *image,
			    struct vhd_image *vhd)
{
	int r;

	if (stretch_format(stretch) == DISK_VHD) {
		r = image_take(image, stretch->path, stretch->fd);
		if (!r)
			r = vhd_image_load(vhd, image);
		if (r) {
			complain_fault(stretch->path, r);
			return r;
		}
		image->layout.meta.disk_id = vhd->layout.footer.id;
		stretch->before = vhd->layout.geo.disk_bytes;
		stretch->sector_bytes = VHD_SECTOR;
		if (vhd->layout.footer.type != VHD_TYPE_DIFFERENCING ||
		    !vhd_link_is_merging(&vhd->layout))
			return 0;
		complain(stretch->path, "run the same 'vhdx merge' again, then resize",
			 "being merged into its parent, which was cut off");
		return -EBUSY;
	}
	/* One that was killed may have left the new size in the log. */
	r = stretch->disk.suspended ? image_peek(image, stretch->path) :
				      image_glance(image, stretch->path);
	if (r)
		complain_fault(stretch->path, r);
	stretch->before = image->layout.meta.disk_bytes;
	stretch->sector_bytes = image->layout.meta.logical_bytes;
	return r;
}

static int stretch_check_children(const struct stretch *stretch,
				  const struct image *image)
{
	char names[CHILDREN_TEXT];

	if (stretch->force || !children_find(image, NULL, names))
		return 0;
	complain(stretch->path, "merge or flatten them first; --force gives them up",
		 "is the parent of %s", names);
	return -EBUSY;
}

/* A parent with a larger disk would show behind the old end. */
static int stretch_check_parents(const struct stretch *stretch)
{
	const struct layers *parents = &stretch->leaf->parents;
	struct image *image = calloc(1, sizeof(*image));
	char text[SIZE_TEXT];
	unsigned int i;
	int r = image ? 0 : -ENOMEM;

	for (i = 0; !r && i < parents->count; i++) {
		const char *name = layer_name(&parents->layer[i]);

		r = newchild_glance(image, name);
		if (r) {
			complain_fault(name, r);
		} else if (image->layout.meta.disk_bytes > stretch->before) {
			complain(stretch->path, "'vhdx flatten' makes one image of both, once it is detached",
				 "its parent '%s' has a larger disk, which would show behind %s",
				 name, size_text(text, stretch->before));
			r = -EINVAL;
		}
		image_close(image);
	}
	free(image);
	return r;
}

/* Does the device show more than the file has?  That of a VHD is cut for a moment. */
static bool stretch_is_cut(const struct stretch *stretch)
{
	uint64_t bytes;
	struct stat st;

	return stretch->loop >= 0 && !fstat(stretch->fd, &st) &&
	       !ioctl(stretch->loop, BLKGETSIZE64, &bytes) &&
	       (u64)st.st_size / 512 < bytes / 512;
}

/* One that was killed has left it suspended, with what no table can be resumed on. */
static int stretch_check_state(struct stretch *stretch)
{
	const struct mapping *disk = &stretch->disk;
	struct health health;

	health_parse(disk, &health);
	stretch->pending = disk->suspended &&
		(stretch->before != stretch_mapped_bytes(stretch) ||
		 stretch_is_cut(stretch));
	if (health_state(disk, &health) == HEALTH_ACTIVE || stretch->pending)
		return 0;
	if (disk->suspended && health_state(disk, &health) != HEALTH_FAILED)
		complain(disk->name, "'dmsetup resume' it and its partitions, unless somebody does that",
			 "suspended");
	else
		complain(disk->name, "'vhdx status' tells more",
			 "only a disk that is well gets another size");
	return -EINVAL;
}

static int stretch_check(struct stretch *stretch)
{
	struct image *image = calloc(1, sizeof(*image));
	struct vhd_image vhd = {};
	int r = image ? stretch_describe(stretch, image, &vhd) : -ENOMEM;

	if (!r)
		r = stretch_check_state(stretch);
	if (!r)
		r = stretch_check_children(stretch, image);
	if (image) {
		vhd_image_free(&vhd);
		image_close(image);
	}
	free(image);
	return r;
}

/* What its table is going to say besides. */
static int stretch_prepare(struct stretch *stretch)
{
	struct attachment *leaf = attachment_new();
	char why[OPTIONS_WHY];

	stretch->leaf = leaf;
	if (!leaf)
		return -ENOMEM;
	leaf->path = stretch->path;
	leaf->taken_fd = stretch->fd;
	leaf->is_vhd = stretch_format(stretch) == DISK_VHD;
	leaf->verbose = stretch->verbose;
	snprintf(leaf->disk.name, sizeof(leaf->disk.name), "%s",
		 stretch->disk.name);
	attachment_keep_options(leaf, stretch->disk.table);
	if (stretch->backing.on_file)
		leaf->most_bytes = stretch->backing.file.most_bytes;
	/* It is the same file. */
	if (strstr(stretch->disk.table, " no_unmap"))
		options_add(&leaf->options, "no_unmap", NULL, why);
	return layers_of(&leaf->parents, &stretch->disk);
}

/**
 * stretch_look() - see whether a disk can get another size, and what it is on
 * @stretch: with @disk; stretch_free() it
 *
 * Afterwards @path and @before are known.  Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int stretch_look(struct stretch *stretch)
{
	const struct mapping *disk = &stretch->disk;
	int r, monitor;

	stretch->fd = -1;
	stretch->loop = -1;
	backing_get(&stretch->backing, disk);
	stretch->path = stretch->backing.on_file ? stretch->backing.file.path :
						   stretch->backing.device;
	if (mapping_is_stock(disk) || health_read_only(disk)) {
		complain(disk->name, "detach it, and resize the image",
			 mapping_is_stock(disk) ? "attached with --stock" :
			 "attached read-only");
		return -EROFS;
	}
	/* Its footer has to be where the file ends, which moves. */
	monitor = mapping_is_vhd(disk) ? daemon_find(disk->dev) : -1;
	if (monitor >= 0) {
		close(monitor);
		complain(disk->name, "detach it, and resize the image",
			 "a VHD image whose file grows in steps");
		return -EBUSY;
	}
	if (layers_merging(disk)) {
		complain(disk->name, "wait for its end", "a merge of it is going on");
		return -EBUSY;
	}
	r = stretch_open(stretch);
	if (!r)
		r = stretch_prepare(stretch);
	if (!r)
		r = stretch_check(stretch);
	return r;
}

/* Blocks of a fixed image are zeroed while I/O waits: it has to be quick. */
static int stretch_check_pace(struct stretch *stretch,
			      const struct image *image)
{
	const struct vhdx_meta *meta = &image->layout.meta;
	struct hostfs host;
	int r;

	if (stretch_format(stretch) != DISK_VHDX || !meta->leave_allocated ||
	    meta->has_parent || stretch->bytes < stretch->before +
				STRETCH_SLOW_BYTES)
		return 0;
	r = image->block_device ? 0 : hostfs_look(&host, image->fd);
	if (r || (!image->block_device && hostfs_takes_holes(&host, image->fd)))
		return r;
	swap_why(&stretch->swap, "the disk would have to wait while 1 GiB of zeros or more is written: detach it first");
	return -EFBIG;
}

static int stretch_check_room(struct stretch *stretch, const struct newsize *size)
{
	u64 most = stretch->backing.file.most_bytes, bytes = 0, room;
	char need[SIZE_TEXT], have[SIZE_TEXT];
	bool lacks = newsize_lacks(size, &bytes, &room);

	/* Before anything is written: what moves would be there already. */
	if (most && size->vhdx.end + bytes > most)
		return -EDQUOT;
	if (!newsize_fits(size)) {
		swap_why(&stretch->swap, "as a VHD its image would have too many blocks, or become longer than 2 TiB");
		return -EFBIG;
	}
	if (!lacks)
		return 0;
	size_text_two(need, bytes, have, room);
	swap_why(&stretch->swap, "its image has to grow by %s, there are %s",
		 need, have);
	return -ENOSPC;
}

/*
 * Somebody did not want the file to be as long as all blocks would take.  That is told
 * by the device over it: the file may have been cut by one that was killed.
 */
static void stretch_find_limit(struct stretch *stretch, const struct image *image)
{
	struct hostfs host;
	u64 shown;

	if (stretch->loop < 0 || stretch->leaf->most_bytes ||
	    ioctl(stretch->loop, BLKGETSIZE64, &shown))
		return;
	if (shown < stretch_mapped_bytes(stretch) &&
	    !hostfs_look(&host, image->fd) &&
	    hostfs_takes_holes(&host, image->fd))
		stretch->leaf->most_bytes = shown;
}

/* What one that was killed has left to be done. */
static int stretch_replay(struct stretch *stretch, struct image *image)
{
	int r;

	if (!stretch->pending)
		return 0;
	image->reader.parents = true;
	r = image_load(image);
	return r || !image->dirty ? r : edit_replay(image);
}

/* The image of a VHD ends where its footer is; one with a log has to have none. */
static int stretch_begin(struct stretch *stretch)
{
	struct image *image = calloc(1, sizeof(*image));
	int r = image ? image_take(image, stretch->path, stretch->fd) : -ENOMEM;

	if (!r)
		stretch_find_limit(stretch, image);
	if (!r && stretch_format(stretch) == DISK_VHD) {
		stretch->written = true;
		r = vhd_extent_trim(image);
	} else if (!r) {
		r = stretch_replay(stretch, image);
	}
	if (image)
		image_close(image);
	free(image);
	return r;
}

/* Give the image another size. */
static int stretch_write(struct stretch *stretch, u64 bytes, bool checks)
{
	struct disk *disk = &stretch->image_disk;
	struct newsize size;
	int r = disk_take(disk, stretch->path, stretch_format(stretch),
			  stretch->fd, NULL);

	if (!r && chain_leaf(&disk->chain)->dirty)
		r = -EBUSY;
	if (!r && bytes != disk->bytes) {
		newsize_init(&size, disk, bytes);
		size.vhdx.littered = true;
		if (checks)
			r = stretch_check_pace(stretch, chain_leaf(&disk->chain));
		if (!r && checks)
			r = stretch_check_room(stretch, &size);
		stretch->written |= !r;
		if (!r)
			r = newsize_write(&size);
	}
	disk_close(disk);
	return r;
}

/* The device over the file is to show what it has now: @all of that, whatever it takes. */
static int stretch_extend(struct stretch *stretch, bool all)
{
	const struct loop loop = { .fd = stretch->loop };
	struct attachment *leaf = stretch->leaf;
	u64 most = stretch->backing.file.most_bytes, end;
	int r = attachment_reload(leaf);

	if (r || stretch->loop < 0)
		return r;
	end = leaf->extent.end + (leaf->is_vhd ? VHD_FOOTER_BYTES : 0);
	if (most && end > most)
		r = all ? loop_limit(&loop, round_up_u64(end, SZ_1M)) : -EDQUOT;
	return r ? r : loop_grow(stretch->loop);
}

static const char *stretch_text(int r)
{
	switch (r) {
	case -EDQUOT:
		return "it would be larger than it was attached to become, with --max-size";
	case -EBUSY:
		return "its log is not empty";
	case -EOPNOTSUPP:
		return "behind the table of its blocks is something that cannot move";
	default:
		return r > 0 ? vhdx_fault_text(r) : strerror(-r);
	}
}

/* While I/O waits. */
static int stretch_change(void *arg)
{
	struct stretch *stretch = arg;
	int r = stretch_begin(stretch);

	if (!r)
		r = stretch_write(stretch, stretch->bytes, true);
	if (!r)
		r = stretch_extend(stretch, false);
	if (!r)
		r = attachment_table(stretch->leaf, backing_dev(&stretch->disk));
	if (r && !*stretch->swap.why)
		swap_why(&stretch->swap, "its image cannot get another size: %s",
			 stretch_text(r));
	return r ? r : swap_load(&stretch->swap, &stretch->leaf->disk);
}

/* As it was, but that what is behind the image now need not be zeros. */
static void stretch_undo(void *arg)
{
	struct stretch *stretch = arg;
	struct attachment *leaf = stretch->leaf;
	int r;

	if (!stretch->written)
		return;
	r = stretch_write(stretch, stretch_mapped_bytes(stretch), false);
	if (!r)
		r = stretch_extend(stretch, true);
	if (r) {
		complain(stretch->path, "run the same command again",
			 "did not get its old size back: %s", stretch_text(r));
		leaf->data_end = 0;
	}
	if (!attachment_table(leaf, backing_dev(&stretch->disk)))
		strcpy(stretch->disk.table, leaf->disk.table);
}

/**
 * stretch_make() - give the disk its size
 * @stretch: from stretch_look(), with @bytes
 *
 * If it fails everything is as it was.  Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int stretch_make(struct stretch *stretch)
{
	static const struct swap_steps steps = {
		.change = stretch_change,
		.undo = stretch_undo,
	};
	sigset_t before;
	int r;

	if (stretch->bytes > stretch->before) {
		r = stretch_check_parents(stretch);
		if (r)
			return r;
	}
	signals_hold(&before);
	r = signals_pending();
	if (!r) {
		stretch->swap.disk = &stretch->disk;
		stretch->swap.resumes = stretch->pending;
		r = swap_tables(&stretch->swap, &steps, stretch);
		swap_say(&stretch->swap, stretch->verbose);
	}
	if (!r)
		attachment_watch(stretch->leaf);
	signals_release(&before);
	return r;
}

/**
 * stretch_free() - end with a disk, whatever its size
 * @stretch: from stretch_look()
 */
void stretch_free(struct stretch *stretch)
{
	if (stretch->leaf)
		attachment_free(stretch->leaf);
	if (stretch->loop >= 0)
		close(stretch->loop);
	if (stretch->fd >= 0)
		close(stretch->fd);
}
