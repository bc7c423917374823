// SPDX-License-Identifier: GPL-2.0
/*
 * A library to be preloaded: the call with the number $WRITE_FAULT, counted from 1,
 * of those that change a file kills the program instead, half done if it is a
 * write.  If there are not so many, that is said on standard error at the end.
 * $WRITE_STOP: it is stopped, and goes on when it is told to.
 *
 * $RENAME_FAULT, $SYNC_FAULT and $READ_FAULT: that one of the calls that rename, that
 * sync, or that read a file from a place in it, fails.  $LOCK_STOP: before that one of
 * the calls that lock a file the program is stopped.  $NO_EXCHANGE: names cannot be exchanged; $NO_LINK: no file has two.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

static int count;

static int number(const char *name)
{
	const char *text = getenv(name);

	return text ? atoi(text) : 0;
}

static int wanted(void)
{
	return number("WRITE_FAULT");
}

/* Is this call of its kind the one that fails? */
static int fails(const char *name, int *calls)
{
	if (++*calls != number(name))
		return 0;
	errno = EIO;
	return 1;
}

static int renames, syncs, reads, locks;

/* Is this the call? Then nothing of it is done, unless the program goes on. */
static int doomed(void)
{
	if (++count != wanted())
		return 0;
	if (!getenv("WRITE_STOP"))
		return 1;
	raise(SIGSTOP);
	return 0;
}

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* What is in memory can be read, as libblkid does. */
static int is_stored(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type != TMPFS_MAGIC;
}

ssize_t pread64(int fd, void *buf, size_t bytes, off64_t off)
{
	ssize_t (*call)(int, void *, size_t, off64_t) = real("pread64");

	return is_stored(fd) && fails("READ_FAULT", &reads) ?
	       -1 : call(fd, buf, bytes, off);
}

ssize_t pread(int fd, void *buf, size_t bytes, off_t off)
{
	return pread64(fd, buf, bytes, off);
}

ssize_t pwrite64(int fd, const void *buf, size_t bytes, off64_t off)
{
	ssize_t (*call)(int, const void *, size_t, off64_t) = real("pwrite64");

	if (!doomed())
		return call(fd, buf, bytes, off);
	/* Sectors are whole. */
	if (bytes > 512)
		call(fd, buf, bytes / 1024 * 512, off);
	raise(SIGKILL);
	return -1;
}

ssize_t pwrite(int fd, const void *buf, size_t bytes, off_t off)
{
	return pwrite64(fd, buf, bytes, off);
}

int ftruncate64(int fd, off64_t bytes)
{
	int (*call)(int, off64_t) = real("ftruncate64");

	if (doomed())
		raise(SIGKILL);
	return call(fd, bytes);
}

int ftruncate(int fd, off_t bytes)
{
	return ftruncate64(fd, bytes);
}

/* It is the program that dies, not the machine: nothing has to wait for a disk. */
int fsync(int fd)
{
	(void)fd;
	if (doomed())
		raise(SIGKILL);
	return fails("SYNC_FAULT", &syncs) ? -1 : 0;
}

int unlink(const char *path)
{
	int (*call)(const char *) = real("unlink");

	if (doomed())
		raise(SIGKILL);
	return call(path);
}

int link(const char *from, const char *to)
{
	int (*call)(const char *, const char *) = real("link");

	if (getenv("NO_LINK")) {
		errno = EPERM;
		return -1;
	}
	if (doomed())
		raise(SIGKILL);
	return call(from, to);
}

int rename(const char *from, const char *to)
{
	int (*call)(const char *, const char *) = real("rename");

	if (doomed())
		raise(SIGKILL);
	return fails("RENAME_FAULT", &renames) ? -1 : call(from, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to,
	      unsigned int flags)
{
	int (*call)(int, const char *, int, const char *, unsigned int) =
		real("renameat2");

	if (flags & RENAME_EXCHANGE && getenv("NO_EXCHANGE")) {
		errno = EINVAL;
		return -1;
	}
	if (doomed())
		raise(SIGKILL);
	return fails("RENAME_FAULT", &renames) ? -1 :
	       call(from_dir, from, to_dir, to, flags);
}

__attribute__((destructor)) static void end(void)
{
	if (wanted() > count)
		fprintf(stderr, "write-fault: no call was doomed\n");
	if (number("READ_FAULT") > reads)
		fprintf(stderr, "write-fault: no read failed\n");
}

int fcntl64(int fd, int command, ...)
{
	int (*call)(int, int, void *) = real("fcntl64");
	va_list args;
	void *arg;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	if (command == F_OFD_SETLK && ++locks == number("LOCK_STOP"))
		raise(SIGSTOP);
	return call(fd, command, arg);
}

int fcntl(int fd, int command, ...)
{
	va_list args;
	void *arg;

	va_start(args, command);
	arg = va_arg(args, void *);
	va_end(args);
	return fcntl64(fd, command, arg);
}
