// SPDX-License-Identifier: GPL-2.0
/* A file system on the virtual disk. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

#define FILES_MAX_BYTES	(96 << 10)

/* Contents of file @number. */
static u32 files_content(u64 seed, u32 number, u8 *buf)
{
	struct dice dice;
	u32 bytes, i;

	dice_init(&dice, seed, 100000 + number);
	bytes = 1 + dice_below(&dice, FILES_MAX_BYTES - 8);
	for (i = 0; i < bytes; i += 8) {
		u64 word = dice_next(&dice);

		memcpy(buf + i, &word, 8);
	}
	return bytes;
}

static void files_path(char path[128], const char *dir, u32 number)
{
	snprintf(path, 128, "%s/dir%u/file%u", dir, number % 5, number);
}

static void files_sync(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0 || fsync(fd) || close(fd))
		die("%s: %s", path, strerror(errno));
}

/* Written under another name, synced, renamed, and the directory synced. */
static void files_write_one(struct workload *workload, const char *dir,
			    u32 number)
{
	static u8 buf[FILES_MAX_BYTES];
	u32 bytes = files_content(workload->seed, number, buf);
	char path[128], temporary[140], parent[128];
	int fd;

	files_path(path, dir, number);
	snprintf(parent, sizeof(parent), "%s/dir%u", dir, number % 5);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	mkdir(parent, 0700);
	fd = open(temporary, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, buf, bytes) != (ssize_t)bytes || fsync(fd) ||
	    close(fd) || rename(temporary, path))
		die("%s: %s", temporary, strerror(errno));
	files_sync(parent, O_RDONLY | O_DIRECTORY);
	files_sync(dir, O_RDONLY | O_DIRECTORY);
	workload_mark(workload, MARK_FILE, number);
}

/* What nobody syncs, between the files that matter. */
static void files_noise(const char *dir, struct dice *dice, u32 number)
{
	static u8 buf[FILES_MAX_BYTES];
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/noise%u", dir, dice_below(dice, 12));
	if (dice_percent(dice, 30)) {
		unlink(path);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || pwrite(fd, buf, files_content(1, number, buf),
			     dice_below(dice, 1 << 22)) < 0)
		die("%s: %s", path, strerror(errno));
	close(fd);
}

/**
 * files_write() - make a file system, write files, sync them
 * @workload: mapped
 */
void files_write(struct workload *workload)
{
	char dir[80], command[128];
	struct dice dice;
	u32 i;

	snprintf(dir, sizeof(dir), "%s/mnt", workload->dir);
	mkdir(dir, 0700);
	snprintf(command, sizeof(command), "mkfs.ext4 -q -E nodiscard /dev/mapper/%s",
		 WORKLOAD_NAME);
	if (system(command))
		die("failed: %s", command);
	workload_mark(workload, MARK_BEGIN, 0);
	if (mount("/dev/mapper/" WORKLOAD_NAME, dir, "ext4", 0, ""))
		die("cannot mount the file system: %s", strerror(errno));
	dice_init(&dice, workload->seed, 5);
	for (i = 0; i < workload->kind->rounds; i++) {
		if (dice_percent(&dice, 60))
			files_noise(dir, &dice, i);
		files_write_one(workload, dir, i);
	}
	if (umount(dir))
		die("cannot unmount the file system: %s", strerror(errno));
	rmdir(dir);
}

static int files_verify_one(const char *dir, u32 number, u64 seed)
{
	static u8 want[FILES_MAX_BYTES], have[FILES_MAX_BYTES];
	u32 bytes = files_content(seed, number, want);
	char path[128];
	ssize_t n;
	int fd;

	files_path(path, dir, number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, have, sizeof(have));
	if (fd >= 0)
		close(fd);
	if (n == (ssize_t)bytes && !memcmp(want, have, bytes))
		return 0;
	printf("  file%u was synced, but %s\n", number,
	       n < 0 ? "is not there" : "has something else in it");
	return -EIO;
}

/**
 * files_verify() - mount the file system: is all there that was synced?
 * @name: mapped device, writable: mounting it replays its journal
 * @dir: where to mount it
 * @durable: files before this number were synced
 * @seed: of their contents
 *
 * Prints what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int files_verify(const char *name, const char *dir, u32 durable, u64 seed)
{
	char device[96];
	int r = 0;
	u32 i;

	snprintf(device, sizeof(device), "/dev/mapper/%s", name);
	if (mount(device, dir, "ext4", MS_RDONLY, "")) {
		printf("  the file system cannot be mounted: %s\n",
		       strerror(errno));
		return -EIO;
	}
	for (i = 0; i < durable && !r; i++)
		r = files_verify_one(dir, i, seed);
	if (umount(dir))
		die("%s: %s", dir, strerror(errno));
	return r;
}

/**
 * files_check() - does e2fsck like it?
 * @name: mapped device, the file system's journal was replayed
 *
 * Prints what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int files_check(const char *name)
{
	char command[160];

	snprintf(command, sizeof(command),
		 "e2fsck -fn /dev/mapper/%s >/run/e2fsck.%s 2>&1", name, name);
	fflush(stdout);
	if (!system(command))
		return 0;
	printf("  e2fsck has found something:\n");
	fflush(stdout);
	snprintf(command, sizeof(command), "cat /run/e2fsck.%s", name);
	if (system(command))
		return -EIO;
	return -EIO;
}
