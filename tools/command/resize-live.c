// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx resize of a disk that is attached: what is on it is asked for by way of its
 * device, and follows by way of that.  What is done to its image is in stretch.c.
 *
 * DOC: the copy of a partition table
 *
 * It moves while the disk has the larger of both sizes, as it does in an image.  A
 * crash in between leaves a table whose copy is not at the end of the disk, which is
 * none the worse for it, and the same command goes on.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "busy.h"
#include "message.h"
#include "resize-run.h"
#include "signals.h"

/**
 * struct resize_live - a disk that is attached
 * @run: what is to be done to it
 * @stretch: it gets another size
 * @had: partition mappings that it has, or had
 * @apart: they are removed
 * @path: its node
 * @fd: that, open; -1: not
 */
struct resize_live {
	struct resize_run *run;
	struct stretch stretch;
	struct partitions had;
	bool apart;
	char path[256];
	int fd;
};

static void live_close(struct resize_live *live)
{
	disk_close(&live->run->disk);
	gpt_free(&live->run->gpt);
	live->run->has_gpt = false;
	if (live->fd >= 0)
		close(live->fd);
	live->fd = -1;
}

/* @flags: O_EXCL, so that nobody begins to use it. */
static int live_open(struct resize_live *live, int flags)
{
	int r;

	live->fd = open(live->path, O_RDWR | O_CLOEXEC | flags);
	if (live->fd < 0) {
		r = -errno;
		if (r == -EBUSY)
			busy_say(live->stretch.disk.name);
		else
			complain_errno(live->path, r, "cannot be opened");
		return r;
	}
	r = disk_take(&live->run->disk, live->path, DISK_RAW, live->fd,
		      NULL);
	if (r)
		complain_errno(live->path, r, "cannot be read");
	return r ? r : resize_look(live->run);
}

static int live_put(void *arg, u64 at, const void *buf, u32 bytes)
{
	struct resize_live *live = arg;

	if (pwrite(live->fd, buf, bytes, at) != (ssize_t)bytes ||
	    fsync(live->fd))
		return errno ? -errno : -EIO;
	return 0;
}

/* The copy of the partition table goes to where a disk of @bytes ends. */
static int live_move_gpt(struct resize_live *live, u64 bytes)
{
	struct resize_run *run = live->run;
	int r;

	if (!run->has_gpt || gpt_fits(&run->gpt, bytes))
		return 0;
	if (bytes < gpt_disk_bytes(&run->gpt, 0)) {
		note(run->path, "there is no place for the copy of its partition table");
		return 0;
	}
	r = gpt_move(&run->gpt, bytes, live_put, live);
	if (r)
		complain_errno(live->path, r,
			       "the copy of its partition table cannot be written");
	return r;
}

/* What gets smaller is used by nobody, and nobody begins to. */
static int live_take_alone(struct resize_live *live)
{
	const struct mapping *disk = &live->stretch.disk;
	int r;

	live_close(live);
	r = busy_wait(&live->had, disk, 0);
	if (r)
		return r;
	live->apart = live->had.count;
	r = live->apart ? partitions_remove(&live->had) : 0;
	return r ? r : live_open(live, O_EXCL);
}

static int live_check(struct resize_live *live)
{
	struct resize_run *run = live->run;
	struct stretch *stretch = &live->stretch;
	u64 least = resize_minimum(run);
	int r;

	if (run->minimum) {
		run->bytes = least < run->before ? least : run->before;
		if (!run->bytes)
			return resize_check_shrink(run);
	}
	r = resize_check_limits(run, mapping_is_vhd(&stretch->disk));
	if (!r && run->bytes < run->before)
		r = resize_check_shrink(run);
	return r;
}

/* The file systems are not asked: somebody waits for their disk. */
static int live_go_on(struct resize_live *live)
{
	struct resize_run *run = live->run;

	run->before = live->stretch.before;
	if (run->minimum || run->bytes < run->before) {
		complain(run->path, "give it the size that its image has, or more",
			 "suspended in the middle of another run, which got as far as %llu bytes",
			 (unsigned long long)run->before);
		return -EINVAL;
	}
	run->disk.logical_bytes = live->stretch.sector_bytes;
	return resize_check_limits(run, mapping_is_vhd(&live->stretch.disk));
}

static int live_prepare(struct resize_live *live)
{
	struct resize_run *run = live->run;
	char foreign[MAPPING_NAME];
	int r;

	partitions_find(&live->had, &live->stretch.disk, foreign);
	if (live->stretch.pending)
		return live_go_on(live);
	r = live_open(live, 0);
	if (!r)
		r = live_check(live);
	if (r || run->dry_run || run->bytes >= run->before)
		return r;
	r = live_take_alone(live);
	if (!r)
		r = live_check(live);
	return r ? r : live_move_gpt(live, run->bytes);
}

/* With the size that it has by now. */
static int live_follow(struct resize_live *live)
{
	struct mapping *disk = &live->stretch.disk;
	struct partitions again;
	int r;

	live_close(live);
	if (mapping_get(disk->name, disk))
		return -ENODEV;
	/* Whatever went wrong was said; to look at it would mean to wait for it. */
	if (disk->suspended)
		return -EBUSY;
	r = live_open(live, 0);
	if (!r)
		r = live_move_gpt(live, disk->sectors * 512);
	live_close(live);
	if (live->apart)
		return partitions_create(&again, disk, PARTITIONS_ALL) ?: r;
	return r || !live->had.count ? r : partitions_follow(disk);
}

static int live_do(struct resize_live *live)
{
	struct stretch *stretch = &live->stretch;
	u64 before = live->run->before;
	int r, follow;

	stretch->bytes = live->run->bytes;
	r = stretch->bytes == before && !stretch->pending ? 0 :
	    stretch_make(stretch);
	follow = live_follow(live);
	live->run->before = before;
	return r ? r : follow;
}

/**
 * resize_live() - give a disk that is attached another size
 * @run: how
 * @disk: the mapping
 *
 * Says what is wrong, and what was done.
 *
 * Return: 0, a fault or a negative errno.
 */
int resize_live(struct resize_run *run, const struct mapping *disk)
{
	struct resize_live *live = calloc(1, sizeof(*live));
	sigset_t before;
	int r;

	if (!live)
		return -ENOMEM;
	live->run = run;
	live->fd = -1;
	live->stretch.disk = *disk;
	live->stretch.force = run->force;
	live->stretch.verbose = run->verbose;
	mapping_path(live->path, sizeof(live->path), disk->name);
	signals_hold(&before);
	r = stretch_look(&live->stretch);
	if (!r)
		r = live_prepare(live);
	if (!r && !run->dry_run)
		r = live_do(live);
	else if (live->apart)
		live_follow(live);
	signals_release(&before);
	if (!r)
		resize_print(run, &live->stretch);
	live_close(live);
	stretch_free(&live->stretch);
	free(live);
	return r;
}
