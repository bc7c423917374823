// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "busy.h"
#include "message.h"
#include "who.h"

#define BUSY_IDLE_MS	5000

static int busy_open(const char *name)
{
	char path[256];

	return open(mapping_path(path, sizeof(path), name),
		    O_RDONLY | O_CLOEXEC | O_EXCL);
}

/* Does somebody have this device for himself, such as a file system? */
static bool busy_claimed(const char *name)
{
	int fd = busy_open(name);
	bool busy = fd < 0 && errno == EBUSY;

	if (fd >= 0)
		close(fd);
	return busy;
}

/* Milliseconds, by a clock that nobody sets. */
static int64_t busy_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Is it open more than @users times, for longer than udev would have it? */
static bool busy_opened(const char *name, unsigned int users)
{
	struct mapping now;
	unsigned int tries;

	for (tries = 0; tries < BUSY_TRIES; tries++) {
		if (tries)
			usleep(BUSY_WAIT_US);
		if (mapping_get(name, &now) || now.open_count <= users)
			return false;
	}
	return true;
}

/**
 * busy_say() - say who uses a mapping
 * @name: its name
 */
void busy_say(const char *name)
{
	const char *advice = NULL;
	char by[256], path[256];
	struct stat st;

	if (!stat(mapping_path(path, sizeof(path), name), &st))
		advice = who_find(&st, by, sizeof(by));
	if (advice)
		complain(name, advice, "in use by %s", by);
	else
		complain(name, "unmount it or end what uses it, and try again",
			 "in use");
}

/* Return: the name of the device that is in use; NULL if none is. */
static const char *busy_find(struct partitions *partitions,
			     const struct mapping *disk,
			     char foreign[MAPPING_NAME])
{
	const char *name = disk->name;
	unsigned int i;

	*foreign = '\0';
	if (partitions_find(partitions, disk, foreign))
		return name;
	for (i = 0; i < partitions->count; i++)
		if (busy_claimed(partitions->name[i]) ||
		    busy_opened(partitions->name[i], 0))
			return partitions->name[i];
	if ((!partitions->count && busy_claimed(name)) ||
	    busy_opened(name, partitions->count))
		return name;
	return NULL;
}

/*
 * A mapping on the disk that nobody uses, such as a logical volume, is likely
 * to stay.  What is about to be removed, as an encrypted one after its file
 * system was unmounted, is so soon.
 */
static void busy_limit(const char *foreign, int64_t *end)
{
	int64_t limit = busy_now() + BUSY_IDLE_MS;
	struct mapping on_top;

	if (*foreign && !mapping_get(foreign, &on_top) &&
	    !on_top.open_count && *end > limit)
		*end = limit;
}

/* Until something is mounted or unmounted, or for a second. */
static void busy_pause(int mounts)
{
	struct pollfd poll_fd = { .fd = mounts, .events = POLLPRI };

	poll(&poll_fd, 1, 1000);
}

/**
 * busy_wait() - see that a disk and its partitions are not in use
 * @partitions: takes those that it has
 * @disk: the disk
 * @seconds: how long to wait for it
 *
 * To be called before anything is removed, so that a device in use keeps its
 * partitions.  Says what is wrong.
 *
 * Return: 0 or -EBUSY.
 */
int busy_wait(struct partitions *partitions, const struct mapping *disk,
	      unsigned int seconds)
{
	int mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	char foreign[MAPPING_NAME];
	const char *busy;
	int64_t end = 0;

	while ((busy = busy_find(partitions, disk, foreign)) && seconds) {
		/* To look for it may have taken longer than that. */
		if (!end) {
			note(busy, "in use: waiting up to %u s for that to end",
			     seconds);
			end = busy_now() + seconds * 1000LL;
		} else if (busy_now() >= end) {
			break;
		}
		busy_limit(foreign, &end);
		busy_pause(mounts);
	}
	if (mounts >= 0)
		close(mounts);
	if (!busy)
		return 0;
	if (*foreign)
		complain(disk->name, "remove that first", "in use by '%s'",
			 foreign);
	else
		busy_say(busy);
	return -EBUSY;
}
