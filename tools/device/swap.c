// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: a disk in use gets another table
 *
 * File systems on the partitions and on the disk are frozen, and the disk is
 * suspended: then its image is closed, clean and durable.  What is to be done to
 * images is done, and the new table loaded; the disk is resumed with it, and then its
 * partitions.
 *
 * If a step fails those before it are undone, and the old table is resumed.  While
 * the disk is suspended nothing is printed: it may be where the terminal's log or
 * this program is.
 *
 * The node of the disk is locked meanwhile, so that there is one such change at a
 * time; a program that is killed takes its lock with it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mntent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kmsg.h"
#include "message.h"
#include "swap.h"

/**
 * swap_why() - keep what is to be said later
 * @swap: the change
 * @fmt: the sentence
 */
void swap_why(struct swap *swap, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(swap->why, sizeof(swap->why), fmt, args);
	va_end(args);
}

/**
 * swap_disorder() - files could not get the names back that they had
 * @swap: the change
 * @name: the name of the image that the disk is on
 * @other: another one, which that may have now
 */
void swap_disorder(struct swap *swap, const char *name, const char *other)
{
	char why[SWAP_WHY];

	snprintf(why, sizeof(why), "%s", swap->why);
	swap->disorder = true;
	swap_why(swap, "%s%sits image '%s' is to be found as '%s', or by a name like that",
		 why, *why ? "; " : "", name, other);
}

/* Is a file system's device the disk or one of its partitions? */
static bool swap_is_on(const struct swap *swap, dev_t dev)
{
	struct mapping part;
	unsigned int i;

	if (dev == swap->disk->dev)
		return true;
	for (i = 0; i < swap->partitions.count; i++)
		if (!mapping_get(swap->partitions.name[i], &part) &&
		    part.dev == dev)
			return true;
	return false;
}

/* What is written now need not be written while I/O waits. */
static void swap_flush(const struct swap *swap)
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
		    !swap_is_on(swap, st.st_rdev))
			continue;
		fd = open(entry->mnt_dir, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		syncfs(fd);
		close(fd);
	}
	if (mounts)
		endmntent(mounts);
	fd = open(mapping_path(path, sizeof(path), swap->disk->name),
		  O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* Has one that was killed left it suspended? */
static bool swap_is_still(const struct swap *swap, const char *name)
{
	struct mapping now;

	return swap->resumes && !mapping_get(name, &now) && now.suspended;
}

/* File systems on partitions are frozen, one after the other, then the disk. */
static int swap_suspend(struct swap *swap)
{
	const struct partitions *partitions = &swap->partitions;
	const char *name = swap->disk->name;
	int r = 0;

	for (; !r && swap->still < partitions->count; swap->still++) {
		name = partitions->name[swap->still];
		if (!swap_is_still(swap, name))
			r = mapping_suspend(name);
		if (r)
			break;
	}
	if (!r) {
		name = swap->disk->name;
		if (!swap_is_still(swap, name))
			r = mapping_suspend(name);
	}
	if (r)
		swap_why(swap, "'%s' cannot be suspended: %s", name,
			 mapping_error());
	return r;
}

/**
 * swap_load() - load the new table
 * @swap: the change
 * @next: the table
 *
 * Return: 0 or a negative errno.
 */
int swap_load(struct swap *swap, const struct mapping *next)
{
	char reason[SWAP_WHY / 2];
	int kmsg = kmsg_open(), r;

	r = mapping_load(next);
	if (r) {
		if (!kmsg_find(kmsg, "vhdx: ", reason, sizeof(reason)))
			snprintf(reason, sizeof(reason), "%s", mapping_error());
		swap_why(swap, "the new table cannot be loaded: %s", reason);
	}
	kmsg_close(kmsg);
	return r;
}

static u64 swap_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

/* The disk goes on, and so do they: whatever was in the way may be gone already. */
static void swap_resume_partitions(struct swap *swap, u32 *cookie)
{
	while (swap->still) {
		const char *name = swap->partitions.name[--swap->still];

		if (mapping_resume_begin(name, cookie) &&
		    mapping_resume_begin(name, cookie))
			complain(name, "the kernel log ('dmesg') tells more; 'dmsetup resume' it",
				 "it stays suspended: %s", mapping_error());
	}
}

/* While I/O waits. */
static int swap_while_still(struct swap *swap, const struct swap_steps *steps,
			    void *arg)
{
	const char *name = swap->disk->name;
	bool suspended, lost = false;
	u64 start = swap_now();
	u32 cookie = 0;
	int r, back = 0;

	r = swap_suspend(swap);
	suspended = !r;
	if (!r)
		r = steps->change(arg);
	if (!r) {
		r = mapping_resume_begin(name, &cookie);
		lost = r;
		if (r)
			swap_why(swap, "the new table cannot be resumed: %s",
				 mapping_error());
	}
	if (r && suspended) {
		steps->undo(arg);
		/* The table that has been, unless it is still there. */
		back = lost ? mapping_load(swap->disk) : mapping_clear(name);
		if (!back || !lost)
			back = mapping_resume_begin(name, &cookie);
	}
	swap_resume_partitions(swap, &cookie);
	swap->pause_us = swap_now() - start;
	mapping_resume_end(cookie);
	if (back)
		complain(name, "the kernel log ('dmesg') tells more; 'dmsetup resume' it",
			 "it stays suspended: %s", mapping_error());
	return r;
}

/* Return: what holds the lock, or a negative errno. */
static int swap_lock(struct swap *swap)
{
	char path[256];
	int fd = open(mapping_path(path, sizeof(path), swap->disk->name),
		      O_RDONLY | O_CLOEXEC), r;

	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	r = -errno;
	if (r == -EWOULDBLOCK)
		swap_why(swap, "somebody else changes it right now");
	else
		swap_why(swap, "it cannot be locked: %s", strerror(-r));
	if (fd >= 0)
		close(fd);
	return r;
}

/**
 * swap_tables() - let a disk go on with another table
 * @swap: with @disk; the rest zeros
 * @steps: what is done meanwhile
 * @arg: for that
 *
 * swap_say() says what was wrong, if @steps have told swap_why().
 *
 * Return: 0 or a negative errno.
 */
int swap_tables(struct swap *swap, const struct swap_steps *steps, void *arg)
{
	char foreign[MAPPING_NAME];
	int r, lock = swap_lock(swap);

	if (lock < 0)
		return lock;
	/* What else is on the disk keeps its I/O for a moment. */
	partitions_find(&swap->partitions, swap->disk, foreign);
	if (!swap->resumes)
		swap_flush(swap);
	message_hold();
	/* This program may be on the disk, too. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		note(swap->disk->name, "memory cannot be locked");
	r = swap_while_still(swap, steps, arg);
	munlockall();
	message_release();
	close(lock);
	return r;
}

/**
 * swap_say() - say what could not be said in between
 * @swap: from swap_tables()
 * @verbose: also how long I/O had to wait
 */
void swap_say(const struct swap *swap, bool verbose)
{
	const char *advice = swap->disorder ?
		"rename it, as what has its name now does not have what is written" :
		"everything is as it was; the kernel log ('dmesg') may tell more";

	if (*swap->why)
		complain(swap->disk->name, advice, "%s", swap->why);
	if (verbose)
		note(swap->disk->name, "I/O waited for %llu.%03llu ms",
		     (unsigned long long)swap->pause_us / 1000,
		     (unsigned long long)swap->pause_us % 1000);
}
