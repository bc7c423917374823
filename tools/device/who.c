// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel says only that something is in use.  /proc tells by whom, as far
 * as the caller may see it: mounted file systems, swap space, and processes.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "who.h"

/* Is this path the file or device that is looked for? */
static bool who_is(const char *path, const struct stat *st)
{
	struct stat other;

	if (stat(path, &other))
		return false;
	if (S_ISBLK(st->st_mode))
		return S_ISBLK(other.st_mode) && other.st_rdev == st->st_rdev;
	return other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

static bool who_mounts(const struct stat *st, char *by, size_t size)
{
	struct mntent *entry;
	bool found = false;
	FILE *file;

	file = setmntent("/proc/self/mounts", "re");
	if (!file)
		return false;
	while (!found && (entry = getmntent(file))) {
		found = *entry->mnt_fsname == '/' &&
			who_is(entry->mnt_fsname, st);
		if (found)
			snprintf(by, size, "the file system mounted on '%s'",
				 entry->mnt_dir);
	}
	endmntent(file);
	return found;
}

static bool who_swaps(const struct stat *st)
{
	char line[PATH_MAX + 128];
	bool found = false;
	FILE *file;

	file = fopen("/proc/swaps", "re");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, " \t\n")] = '\0';
		found = *line == '/' && who_is(line, st);
	}
	fclose(file);
	return found;
}

/* Does the open file @fd of a process carry a lock? */
static bool who_locks(int proc, const char *fd)
{
	char path[PATH_MAX], text[4096];
	ssize_t n;
	int info;

	snprintf(path, sizeof(path), "fdinfo/%s", fd);
	info = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return false;
	n = read(info, text, sizeof(text) - 1);
	close(info);
	text[n > 0 ? n : 0] = '\0';
	return strstr(text, "\nlock:");
}

/* 0: the process does not have it open, 1: it does, 2: with a lock on it. */
static int who_opened(int proc, const struct stat *st)
{
	struct dirent *entry;
	char path[PATH_MAX];
	struct stat other;
	int found = 0, fd;
	DIR *dir;

	fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return 0;
	while (found < 2 && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "fd/%s", entry->d_name);
		if (!isdigit((unsigned char)*entry->d_name) ||
		    fstatat(proc, path, &other, 0))
			continue;
		if (S_ISBLK(st->st_mode) ? S_ISBLK(other.st_mode) &&
		    other.st_rdev == st->st_rdev :
		    other.st_dev == st->st_dev && other.st_ino == st->st_ino)
			found = who_locks(proc, entry->d_name) ? 2 : 1;
	}
	closedir(dir);
	return found;
}

static void who_name_process(int proc, const char *pid, char *by, size_t size)
{
	char name[32] = "?";
	ssize_t n;
	int fd;

	fd = openat(proc, "comm", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, name, sizeof(name) - 1);
		close(fd);
		name[n > 0 ? n : 0] = '\0';
		name[strcspn(name, "\n")] = '\0';
	}
	snprintf(by, size, "process %s (%s)", pid, name);
}

/* Who has a lock on it, if there is one, else who has it open. */
static bool who_opens(const struct stat *st, char *by, size_t size)
{
	struct dirent *entry;
	int best = 0, found, proc;
	DIR *dir;

	dir = opendir("/proc");
	if (!dir)
		return false;
	while (best < 2 && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)*entry->d_name) ||
		    atoi(entry->d_name) == getpid())
			continue;
		proc = openat(dirfd(dir), entry->d_name,
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (proc < 0)
			continue;
		found = who_opened(proc, st);
		if (found > best) {
			best = found;
			who_name_process(proc, entry->d_name, by, size);
		}
		close(proc);
	}
	closedir(dir);
	return best;
}

/**
 * who_find() - say who uses a file or a block device
 * @st: the file or device
 * @by: takes the description, to go behind "in use by "
 * @size: size of @by
 *
 * Return: what to do about it; NULL if nobody can be found, which need not mean
 * that there is nobody: others' processes and mount points may be hidden.
 */
const char *who_find(const struct stat *st, char *by, size_t size)
{
	if (S_ISBLK(st->st_mode) && who_mounts(st, by, size))
		return "unmount it first";
	if (who_swaps(st)) {
		snprintf(by, size, "the system, as swap space");
		return "'swapoff' it first";
	}
	return who_opens(st, by, size) ? "end that first" : NULL;
}
