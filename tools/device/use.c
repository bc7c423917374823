// SPDX-License-Identifier: GPL-2.0
/*
 * Two things tell that an image is in use: a lock on it, and a kernel device
 * on top of it.
 *
 * Locks are open file description locks: a writer's is exclusive and over the
 * whole file.  A reader's are those of QEMU when it reads, shared, and on
 * single bytes, so that any number of readers of either kind get along, and
 * no writer of either kind with them.  A loop device keeps the open file that
 * it was given, and with it the lock: an attached image stays locked until it
 * is detached.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backing.h"
#include "sysfs.h"
#include "use.h"

/*
 * QEMU's bytes: a shared lock on one of the first says what is done, on one of
 * the second (100 behind) that others are not to do the same.
 */
#define USE_READS		100
#define USE_WRITES		101
#define USE_NO_WRITES		201
#define USE_NO_RESIZE		203

/*
 * And bytes of our own, with shared locks, as QEMU does it: who only reads an image,
 * and may not write it, can keep others from some things as well.
 */
#define USE_NAMES		50	/* its name is being written down */
#define USE_RENAMES		51	/* it is being changed */

/* Do others have a shared lock on a byte?  Only those who lock the whole file do not say that. */
static bool use_is_said(int fd, off_t byte)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1,
	};

	return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK &&
	       lock.l_len;
}

/*
 * Does QEMU have the image open for writing?  It says so by a shared lock on a
 * byte that goes with ours.
 */
static bool use_qemu_writes(int fd)
{
	return use_is_said(fd, USE_WRITES);
}

static int use_set_lock(int fd, short type, off_t start, off_t bytes)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = bytes,
	};

	/* There are file systems without locks. */
	return fcntl(fd, F_OFD_SETLK, &lock) &&
	       (errno == EAGAIN || errno == EACCES) ? -EAGAIN : 0;
}

/* Does anybody write it, or is there a merge into it? */
static bool use_is_written(int fd)
{
	struct flock lock = {
		.l_type = F_RDLCK,
		.l_whence = SEEK_SET,
		.l_len = USE_READS + 1,
	};

	if (!fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK)
		return true;
	return use_qemu_writes(fd);
}

/**
 * use_lock_shared() - lock an image against writers
 * @fd: the image
 *
 * Return: 0, also where the file system has no locks; -EAGAIN if somebody
 * writes it.
 */
int use_lock_shared(int fd)
{
	int r = use_set_lock(fd, F_RDLCK, USE_READS, 1);

	if (!r)
		r = use_set_lock(fd, F_RDLCK, USE_NO_WRITES, 1);
	if (!r)
		r = use_set_lock(fd, F_RDLCK, USE_NO_RESIZE, 1);
	return r || use_is_written(fd) ? -EAGAIN : 0;
}

/**
 * use_lock_name() - see that the name of an image stays what it is
 * @fd: the image, after use_lock_shared()
 * @change: to change it; else to write it down, which several may do at a time
 *
 * Return: 0, also where the file system has no locks; -EAGAIN if others are at it.
 */
int use_lock_name(int fd, bool change)
{
	/* Each says first what it does, so of two at least one sees the other. */
	int r = use_set_lock(fd, F_RDLCK, change ? USE_RENAMES : USE_NAMES, 1);

	if (r || use_is_said(fd, USE_RENAMES))
		return -EAGAIN;
	return change && use_is_said(fd, USE_NAMES) ? -EAGAIN : 0;
}

/**
 * use_lock_merge() - lock an image against all but those who read it now
 * @fd: the image, open for writing
 *
 * use_lock() of the same file takes the rest, once those are gone.
 *
 * Return: 0, also where the file system has no locks; -EAGAIN if somebody
 * writes it.
 */
int use_lock_merge(int fd)
{
	return use_set_lock(fd, F_WRLCK, 0, USE_READS);
}

/**
 * use_lock() - lock an image against everybody
 * @fd: the image, open for writing
 *
 * Return: 0, also where the file system has no locks; -EAGAIN if it is in use.
 */
int use_lock(int fd)
{
	return use_set_lock(fd, F_WRLCK, 0, 0);
}

/**
 * use_probe() - does anybody write an image?
 * @fd: the image
 *
 * Locks nothing, so that nobody is kept from anything.
 *
 * Return: 0 or -EAGAIN.
 */
int use_probe(int fd)
{
	return use_is_written(fd) ? -EAGAIN : 0;
}

static void use_alarm(int signal)
{
	(void)signal;
}

/**
 * use_lock_wait() - lock an image for writing once it is free
 * @fd: the image, open for writing
 * @seconds: how long to wait for it
 *
 * Return: 0, also where the file system has no locks; -EAGAIN if it was not
 * free in time.
 */
int use_lock_wait(int fd, unsigned int seconds)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct sigaction action = { .sa_handler = use_alarm }, old;
	int r;

	sigaction(SIGALRM, &action, &old);
	alarm(seconds);
	r = fcntl(fd, F_OFD_SETLKW, &lock) ? errno : 0;
	alarm(0);
	sigaction(SIGALRM, &old, NULL);
	return r == EINTR || r == EAGAIN || r == EACCES ? -EAGAIN : 0;
}

static int use_take_loop(void *arg, const char *name)
{
	snprintf(arg, LOOP_NAME, "%s", name);
	return 1;
}

/**
 * struct use_kinds - the kernel devices on an image
 * @readers: those that cannot be written
 * @writers: the others
 */
struct use_kinds {
	unsigned int readers;
	unsigned int writers;
};

static int use_count_device(void *arg, const char *name)
{
	struct use_kinds *kinds = arg;
	char path[64], text[8];

	snprintf(path, sizeof(path), "block/%.40s/ro", name);
	if (!sysfs_read(path, text, sizeof(text)) && !strcmp(text, "1"))
		kinds->readers++;
	else
		kinds->writers++;
	return 0;
}

/**
 * use_is_read_only() - do kernel devices use an image, and only read it?
 * @st: the image, a file or a block device
 *
 * Return: true if so.
 */
bool use_is_read_only(const struct stat *st)
{
	struct use_kinds kinds = {};
	char disk[64];

	if (S_ISBLK(st->st_mode)) {
		snprintf(disk, sizeof(disk), "dev/block/%u:%u",
			 major(st->st_rdev), minor(st->st_rdev));
		sysfs_each_holder(disk, use_count_device, &kinds);
	} else {
		loop_each(st, use_count_device, &kinds);
	}
	return kinds.readers && !kinds.writers;
}

/* Is a device, by its directory below /sys, a parent only in a mapping? */
static bool use_is_parent(const char *disk, const char *name)
{
	struct mapping mapping;
	unsigned int number, of;
	char path[80], text[32];

	snprintf(path, sizeof(path), "%s/dev", disk);
	return mapping_possible() && !mapping_get(name, &mapping) &&
	       mapping_is_ours(&mapping) &&
	       !sysfs_read(path, text, sizeof(text)) &&
	       sscanf(text, "%u:%u", &number, &of) == 2 &&
	       backing_dev(&mapping) != makedev(number, of);
}

/**
 * use_find() - find the kernel device that uses an image
 * @st: the image, a file or a block device
 * @by: takes its description, such as "/dev/loop0, mapped as 'vm1'"
 * @size: size of @by
 *
 * Return: true if there is one.
 */
bool use_find(const struct stat *st, char *by, size_t size)
{
	char disk[64], loop[LOOP_NAME] = "", holder[64];
	char name[SYSFS_DM_NAME];
	bool held;

	if (S_ISBLK(st->st_mode)) {
		snprintf(disk, sizeof(disk), "dev/block/%u:%u",
			 major(st->st_rdev), minor(st->st_rdev));
	} else {
		if (!loop_each(st, use_take_loop, loop))
			return false;
		snprintf(disk, sizeof(disk), "block/%s", loop);
	}

	held = sysfs_first_holder(disk, holder, name);
	if (held && *name && use_is_parent(disk, name))
		snprintf(by, size, *loop ? "/dev/%s, as a parent of '%s'" :
			 "%sthe mapping '%s', as a parent", *loop ? loop : "",
			 name);
	else if (held && *name && *loop)
		snprintf(by, size, "/dev/%s, mapped as '%s'", loop, name);
	else if (held && *name)
		snprintf(by, size, "the mapping '%s'", name);
	else if (held || *loop)
		snprintf(by, size, "/dev/%s", *loop ? loop : holder);
	return held || *loop;
}
