// SPDX-License-Identifier: GPL-2.0
/*
 * A library to be preloaded: what a program writes, and when it syncs, is appended to
 * the file $WRITE_RECORD, for tests/lib/crash-states: a struct record each, and the data
 * behind it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct record {
	uint64_t kind;		/* 'w', 'z', 't', 's' */
	uint64_t inode;
	uint64_t off;		/* the size, if it is set */
	uint64_t bytes;		/* behind this; of zeros how many is */
};

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static void record(char kind, int fd, uint64_t off, const void *data,
		   size_t bytes)
{
	const char *path = getenv("WRITE_RECORD");
	struct record record = { .kind = kind, .off = off, .bytes = bytes };
	struct stat st;
	FILE *file;

	if (!path || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return;
	record.inode = st.st_ino;
	file = fopen(path, "ae");
	if (!file || fwrite(&record, sizeof(record), 1, file) != 1 ||
	    fwrite(data, 1, bytes, file) != bytes || fclose(file))
		abort();
}

ssize_t pwrite64(int fd, const void *buf, size_t bytes, off64_t off)
{
	ssize_t (*call)(int, const void *, size_t, off64_t) = real("pwrite64");

	record('w', fd, off, buf, bytes);
	return call(fd, buf, bytes, off);
}

ssize_t pwrite(int fd, const void *buf, size_t bytes, off_t off)
{
	return pwrite64(fd, buf, bytes, off);
}

int ftruncate64(int fd, off64_t bytes)
{
	int (*call)(int, off64_t) = real("ftruncate64");

	record('t', fd, bytes, NULL, 0);
	return call(fd, bytes);
}

int ftruncate(int fd, off_t bytes)
{
	return ftruncate64(fd, bytes);
}

/* What is allocated was zeros, or is not there. */
int fallocate64(int fd, int mode, off64_t off, off64_t bytes)
{
	int (*call)(int, int, off64_t, off64_t) = real("fallocate64");
	uint64_t length = bytes;
	struct stat st;
	int r = call(fd, mode, off, bytes);

	if (r)
		return r;
	if (mode & (FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE))
		record('z', fd, off, &length, sizeof(length));
	else if (!(mode & FALLOC_FL_KEEP_SIZE) && !fstat(fd, &st))
		record('t', fd, st.st_size, NULL, 0);
	return 0;
}

int fallocate(int fd, int mode, off_t off, off_t bytes)
{
	return fallocate64(fd, mode, off, bytes);
}

int fsync(int fd)
{
	record('s', fd, 0, NULL, 0);
	return 0;
}
