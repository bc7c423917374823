// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "loop.h"
#include "sysfs.h"

#define LOOP_TRIES	64	/* others may take the device that was free */
#define LOOP_RENEWALS	20	/* of a device that is worn */
#define LOOP_RENEW_US	10000

static int loop_open_free(struct loop *loop, bool read_only)
{
	int control, number;

	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return -errno;
	number = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	if (number < 0)
		return -errno;
	snprintf(loop->path, sizeof(loop->path), "/dev/loop%d", number);
	loop->fd = open(loop->path, O_CLOEXEC |
			(read_only ? O_RDONLY : O_RDWR));
	return loop->fd < 0 ? -errno : 0;
}

static bool loop_queue_is_zero(const struct loop *loop, const char *name)
{
	char attribute[64], value[32];

	snprintf(attribute, sizeof(attribute), "block/%s/queue/%s",
		 strrchr(loop->path, '/') + 1, name);
	return !sysfs_read(attribute, value, sizeof(value)) &&
	       !strcmp(value, "0");
}

/* Has somebody had its discards before, and did not want them? */
static bool loop_is_worn(const struct loop *loop)
{
	return loop_queue_is_zero(loop, "discard_max_bytes") &&
	       !loop_queue_is_zero(loop, "discard_max_hw_bytes");
}

/* One that is made anew has discards again.  Somebody may have a look at this one. */
static void loop_renew(struct loop *loop)
{
	loop_close(loop);
	if (loop_retire(loop->path))
		usleep(LOOP_RENEW_US);
}

/*
 * There are file systems that take direct I/O and then fail each read, such as
 * overlayfs over tmpfs.
 */
static int loop_try_read(struct loop *loop)
{
	char buf[512];

	if (!loop->direct || pread(loop->fd, buf, sizeof(buf), 0) >= 0)
		return 0;
	loop->direct = false;
	return ioctl(loop->fd, LOOP_SET_DIRECT_IO, 0UL) ? -errno : 0;
}

/**
 * loop_first_free() - the loop device that the next one is likely to be
 * @path: takes its node
 * @skip: so many more are going to be made before it
 */
void loop_first_free(char path[LOOP_PATH], unsigned int skip)
{
	char attribute[64], file[PATH_MAX];
	unsigned int number = 0;

	for (;; number++) {
		snprintf(attribute, sizeof(attribute),
			 "block/loop%u/loop/backing_file", number);
		if (sysfs_read(attribute, file, sizeof(file)) && !skip--)
			break;
	}
	snprintf(path, LOOP_PATH, "/dev/loop%u", number);
}

/**
 * loop_attach() - set up a loop device over a file
 * @loop: result
 * @fd: the file; the loop device keeps it open, with the lock that it has
 * @path: its name, for 'losetup' to show
 * @block_bytes: logical block size of the device
 * @read_only: refuse writes
 *
 * One that takes no discards any more, as somebody did not want them once, is removed,
 * and made anew.
 *
 * The device bypasses the page cache where the file system can do that and
 * proves it by a read.  It
 * goes away by itself when its last user closes it: until it has another one,
 * that is loop_close().
 *
 * Return: 0 or a negative errno.
 */
int loop_attach(struct loop *loop, int fd, const char *path, u32 block_bytes,
		bool read_only)
{
	struct loop_config config = {
		.fd = fd,
		.block_size = block_bytes,
		.info = {
			.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO |
				    (read_only ? LO_FLAGS_READ_ONLY : 0),
		},
	};
	struct loop_info64 info;
	int tries, r = -EBUSY;

	snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", path);
	for (tries = 0; tries < LOOP_TRIES; tries++) {
		r = loop_open_free(loop, read_only);
		if (r)
			return r;
		if (!ioctl(loop->fd, LOOP_CONFIGURE, &config)) {
			if (tries < LOOP_RENEWALS && loop_is_worn(loop)) {
				loop_renew(loop);
				continue;
			}
			r = ioctl(loop->fd, LOOP_GET_STATUS64, &info);
			loop->direct = !r &&
				       (info.lo_flags & LO_FLAGS_DIRECT_IO);
			return loop_try_read(loop);
		}
		r = -errno;
		loop_close(loop);
		if (r == -EINVAL)	/* some kernels insist on direct I/O */
			config.info.lo_flags &= ~LO_FLAGS_DIRECT_IO;
		else if (r != -EBUSY)
			return r;
	}
	return r;
}

/* Is loop device @name backed by the file @st? */
static bool loop_matches(const char *name, const struct stat *st)
{
	char path[64], file[PATH_MAX];
	struct loop_info64 info;
	struct stat other;
	int fd, r;

	snprintf(path, sizeof(path), "block/%s/loop/backing_file", name);
	if (sysfs_read(path, file, sizeof(file)))
		return false;

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		r = ioctl(fd, LOOP_GET_STATUS64, &info);
		close(fd);
		if (!r)
			return info.lo_device == st->st_dev &&
			       info.lo_inode == st->st_ino;
	}
	/* Not allowed to ask the device: go by the name of the file. */
	return !stat(file, &other) && other.st_dev == st->st_dev &&
	       other.st_ino == st->st_ino;
}

/**
 * loop_each() - visit the loop devices over a file
 * @st: the file
 * @visit: called with @arg and the kernel name of each, such as "loop0";
 *         non-zero ends it
 * @arg: for @visit
 *
 * Return: what @visit returned last, or 0.
 */
int loop_each(const struct stat *st, loop_visit_fn visit, void *arg)
{
	struct dirent *entry;
	int r = 0;
	DIR *dir;

	dir = opendir("/sys/block");
	if (!dir)
		return 0;
	while (!r && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "loop", 4) &&
		    strlen(entry->d_name) < LOOP_NAME &&
		    loop_matches(entry->d_name, st))
			r = visit(arg, entry->d_name);
	closedir(dir);
	return r;
}

/*
 * Does it show all of the file and nothing else, read-only?  One that goes
 * through the page cache, as users make them, would do worse than one of ours,
 * unless it is one of ours.
 */
static bool loop_suits(int fd, const struct stat *st, u32 block_bytes,
		       bool *direct)
{
	struct loop_info64 info;
	int sector_bytes;
	uint64_t bytes;

	if (ioctl(fd, LOOP_GET_STATUS64, &info) ||
	    ioctl(fd, BLKSSZGET, &sector_bytes) ||
	    ioctl(fd, BLKGETSIZE64, &bytes))
		return false;
	*direct = info.lo_flags & LO_FLAGS_DIRECT_IO;
	return info.lo_device == st->st_dev && info.lo_inode == st->st_ino &&
	       info.lo_flags & LO_FLAGS_READ_ONLY && !info.lo_offset &&
	       !info.lo_sizelimit && !info.lo_encrypt_type &&
	       (u32)sector_bytes == block_bytes &&
	       bytes / 512 == (u64)st->st_size / 512 &&
	       (*direct || info.lo_flags & LO_FLAGS_AUTOCLEAR);
}

/**
 * struct loop_search - a loop device that is there already
 * @loop: takes it
 * @st: the file
 * @block_bytes: logical block size that it is to have
 */
struct loop_search {
	struct loop *loop;
	const struct stat *st;
	u32 block_bytes;
};

static int loop_try_sharing(void *arg, const char *name)
{
	struct loop_search *search = arg;
	struct loop *loop = search->loop;

	snprintf(loop->path, sizeof(loop->path), "/dev/%.20s", name);
	loop->fd = open(loop->path, O_RDONLY | O_CLOEXEC);
	if (loop->fd < 0)
		return 0;
	/* From here on it stays what it is. */
	if (loop_suits(loop->fd, search->st, search->block_bytes,
		       &loop->direct))
		return 1;
	loop_close(loop);
	return 0;
}

/**
 * loop_share() - use a read-only loop device over a file that is there already
 * @loop: result
 * @st: the file
 * @block_bytes: logical block size of the device
 *
 * One that goes away by itself does not do so before loop_close().
 *
 * Return: 0, or -ENOENT if there is none that suits.
 */
int loop_share(struct loop *loop, const struct stat *st, u32 block_bytes)
{
	struct loop_search search = {
		.loop = loop,
		.st = st,
		.block_bytes = block_bytes,
	};

	loop->fd = -1;
	if (loop_each(st, loop_try_sharing, &search))
		return 0;
	*loop->path = '\0';
	return -ENOENT;
}

/**
 * loop_close() - stop using a loop device
 * @loop: the device; one that was never set up is left alone
 */
void loop_close(struct loop *loop)
{
	if (loop->fd >= 0)
		close(loop->fd);
	loop->fd = -1;
}

/**
 * loop_limit() - let a loop device show no more than the beginning of its file
 * @loop: the device
 * @bytes: how much, whole sectors
 *
 * However large the file is, or gets.
 *
 * Return: 0 or a negative errno.
 */
int loop_limit(const struct loop *loop, u64 bytes)
{
	struct loop_info64 info;

	if (ioctl(loop->fd, LOOP_GET_STATUS64, &info))
		return -errno;
	info.lo_sizelimit = bytes;
	return ioctl(loop->fd, LOOP_SET_STATUS64, &info) ? -errno : 0;
}

/**
 * loop_grow() - let a loop device see that its file is larger
 * @fd: the device
 *
 * Return: 0 or a negative errno.
 */
int loop_grow(int fd)
{
	return ioctl(fd, LOOP_SET_CAPACITY, 0) ? -errno : 0;
}

/**
 * loop_no_discard() - let nobody make holes in the file by discards
 * @loop: the device; loop_retire() it afterwards
 *
 * Return: 0 or a negative errno.
 */
int loop_no_discard(const struct loop *loop)
{
	char path[64];
	int fd, r;

	snprintf(path, sizeof(path), "/sys/block/%s/queue/discard_max_bytes",
		 strrchr(loop->path, '/') + 1);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write(fd, "0", 1) == 1 ? 0 : -errno;
	close(fd);
	return r;
}

/**
 * loop_retire() - remove a loop device from the system
 * @device: its node
 *
 * What loop_no_discard() has set is there for whoever gets the device next: kernels from
 * 6.9 on keep it, and let nobody take it back.  The kernel makes a new one when it is
 * asked for one.
 *
 * Return: 0 or a negative errno: -EBUSY if it has a file, or is open.
 */
int loop_retire(const char *device)
{
	int number, control, r;

	if (sscanf(device, "/dev/loop%d", &number) != 1)
		return -EINVAL;
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return -errno;
	r = ioctl(control, LOOP_CTL_REMOVE, number) ? -errno : 0;
	close(control);
	return r;
}

/**
 * loop_backing() - find the file under a loop device
 * @dev: the device
 * @backing: result
 *
 * Return: 0 or a negative errno; -ENOTBLK if it is no loop device.
 */
int loop_backing(dev_t dev, struct loop_backing *backing)
{
	struct loop_info64 info;
	char name[64], path[128];
	int fd, r;

	r = sysfs_name(dev, name);
	if (r)
		return r;
	snprintf(path, sizeof(path), "block/%s/loop/backing_file", name);
	if (sysfs_read(path, backing->path, sizeof(backing->path)))
		return -ENOTBLK;
	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = ioctl(fd, LOOP_GET_STATUS64, &info) ? -errno : 0;
	close(fd);
	if (r)
		return r;
	backing->dev = info.lo_device;
	backing->inode = info.lo_inode;
	backing->autoclear = info.lo_flags & LO_FLAGS_AUTOCLEAR;
	backing->read_only = info.lo_flags & LO_FLAGS_READ_ONLY;
	backing->most_bytes = info.lo_sizelimit;
	return 0;
}
