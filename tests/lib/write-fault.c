// SPDX-License-Identifier: GPL-2.0
/*
 * A library to be preloaded: the call with the number $WRITE_FAULT, counted from 1,
 * of those that change a file kills the program instead, half done if it is a
 * write.  If there are not so many, that is said on standard error at the end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int count;

static int wanted(void)
{
	const char *text = getenv("WRITE_FAULT");

	return text ? atoi(text) : 0;
}

static int doomed(void)
{
	return ++count == wanted();
}

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
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
	return 0;
}

int unlink(const char *path)
{
	int (*call)(const char *) = real("unlink");

	if (doomed())
		raise(SIGKILL);
	return call(path);
}

int rename(const char *from, const char *to)
{
	int (*call)(const char *, const char *) = real("rename");

	if (doomed())
		raise(SIGKILL);
	return call(from, to);
}

__attribute__((destructor)) static void end(void)
{
	if (wanted() > count)
		fprintf(stderr, "write-fault: no call was doomed\n");
}
