// SPDX-License-Identifier: GPL-2.0
/*
 * A library to be preloaded: what a program writes, which names it gives and takes, and
 * when it syncs, is appended to the file $WRITE_RECORD, for tests/lib/crash-states: a
 * struct record each, and the data behind it.
 *
 * $NO_EXCHANGE: names cannot be exchanged; $NO_LINK: no file has two; $NO_TMPFILE: files have
 * a name from the start.
 * Writes that would go past these calls, by io_uring, are not possible.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Of a file: 'n' it is new, 'w' written, 'z' zeros, 't' its size; of a directory, with
 * the inode that gets the name: 'l' a name, 'r' another name, 'u' none any more, 'x' two
 * change names; 's' a sync of either.
 */
struct record {
	uint64_t kind;
	uint64_t inode;
	uint64_t off;		/* the size, if it is set; the directory's inode */
	uint64_t bytes;		/* behind this; of zeros how many is; names with their 0 */
};

static void *real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static void append(char kind, uint64_t inode, uint64_t off, const void *data,
		   size_t bytes)
{
	FILE *(*call)(const char *, const char *) = real("fopen64");
	struct record record = {
		.kind = kind, .inode = inode, .off = off, .bytes = bytes
	};
	const char *path = getenv("WRITE_RECORD");
	FILE *file;

	if (!path)
		return;
	file = call(path, "ae");
	if (!file || fwrite(&record, sizeof(record), 1, file) != 1 ||
	    fwrite(data, 1, bytes, file) != bytes || fclose(file))
		abort();
}

static void record(char kind, int fd, uint64_t off, const void *data,
		   size_t bytes)
{
	struct stat st;

	if (!fstat(fd, &st) && (S_ISREG(st.st_mode) ||
				(kind == 's' && S_ISDIR(st.st_mode))))
		append(kind, st.st_ino, off, data, bytes);
}

/* The inode of the directory that @path is in, and its name there. */
static uint64_t parent(const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	struct stat st;

	*name = slash ? slash + 1 : path;
	snprintf(dir, sizeof(dir), "%.*s",
		 slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	return stat(dir, &st) ? 0 : st.st_ino;
}

/* Names are within one directory: nothing renames from one to another. */
static void record_names(char kind, uint64_t inode, const char *from,
			 const char *to)
{
	const char *name[2] = {};
	char data[2 * NAME_MAX + 2];
	uint64_t dir = parent(from, &name[0]);
	size_t bytes;

	if (to && parent(to, &name[1]) != dir)
		abort();
	bytes = snprintf(data, sizeof(data), "%s", name[0]) + 1;
	if (to)
		bytes += snprintf(data + bytes, sizeof(data) - bytes, "%s",
				  name[1]) + 1;
	append(kind, inode, dir, data, bytes);
}

static uint64_t inode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? 0 : st.st_ino;
}

/* A file was opened: is it new?  @before: the inode that had the name. */
static void opened(int fd, const char *path, int flags, uint64_t before)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return;
	if ((flags & O_TMPFILE) == O_TMPFILE) {
		append('n', st.st_ino, 0, NULL, 0);
	} else if (flags & O_CREAT && !before) {
		append('n', st.st_ino, 0, NULL, 0);
		record_names('l', st.st_ino, path, NULL);
	} else if (flags & O_TRUNC) {
		append('t', st.st_ino, 0, NULL, 0);
	}
}

int open64(const char *path, int flags, ...)
{
	int (*call)(const char *, int, ...) = real("open64"), fd;
	uint64_t before = inode_of(path);
	mode_t mode = 0;
	va_list args;

	if ((flags & O_TMPFILE) == O_TMPFILE && getenv("NO_TMPFILE")) {
		errno = EOPNOTSUPP;
		return -1;
	}
	va_start(args, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(args, mode_t);
	va_end(args);
	fd = call(path, flags, mode);
	opened(fd, path, flags, before);
	return fd;
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (flags & (O_CREAT | O_TMPFILE))
		mode = va_arg(args, mode_t);
	va_end(args);
	return open64(path, flags, mode);
}

/* What is written into that is seen when it is synced. */
static uint64_t stream;

FILE *fopen64(const char *path, const char *how)
{
	FILE *(*call)(const char *, const char *) = real("fopen64"), *file;
	uint64_t before = inode_of(path);

	file = call(path, how);
	if (file && *how == 'w') {
		opened(fileno(file), path, O_CREAT | O_TRUNC, before);
		stream = inode_of(path);
	}
	return file;
}

FILE *fopen(const char *path, const char *how)
{
	return fopen64(path, how);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to,
	   int flags)
{
	int (*call)(int, const char *, int, const char *, int) = real("linkat");
	int r = call(from_dir, from, to_dir, to, flags);

	if (!r)
		record_names('l', inode_of(to), to, NULL);
	return r;
}

int link(const char *from, const char *to)
{
	if (!getenv("NO_LINK"))
		return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
	errno = EPERM;
	return -1;
}

int unlink(const char *path)
{
	int (*call)(const char *) = real("unlink"), r;
	uint64_t inode = inode_of(path);

	r = call(path);
	if (!r)
		record_names('u', inode, path, NULL);
	return r;
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to,
	      unsigned int flags)
{
	int (*call)(int, const char *, int, const char *, unsigned int) =
		real("renameat2");
	int r;

	if (flags & RENAME_EXCHANGE && getenv("NO_EXCHANGE")) {
		errno = EINVAL;
		return -1;
	}
	r = call(from_dir, from, to_dir, to, flags);
	if (!r)
		record_names(flags & RENAME_EXCHANGE ? 'x' : 'r', inode_of(to),
			     from, to);
	return r;
}

int rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* Then it is pwrite() that writes. */
int io_uring_queue_init(unsigned int entries, void *ring, unsigned int flags)
{
	(void)entries;
	(void)ring;
	(void)flags;
	return -ENOSYS;
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

/* All that is in it by now, at once. */
static void record_stream(const char *path)
{
	FILE *(*call)(const char *, const char *) = real("fopen64"), *file;
	static char data[65536];
	size_t bytes;

	file = call(path, "re");
	if (!file)
		abort();
	bytes = fread(data, 1, sizeof(data), file);
	fclose(file);
	append('w', stream, 0, data, bytes);
}

/* It is the program that records, not the machine: nothing has to wait for a disk. */
int fsync(int fd)
{
	char path[64];
	struct stat st;

	if (stream && !fstat(fd, &st) && st.st_ino == stream) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		record_stream(path);
		stream = 0;
	}
	record('s', fd, 0, NULL, 0);
	return 0;
}
