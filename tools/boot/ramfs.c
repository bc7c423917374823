// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: initramfs files
 *
 * One or more cpio archives ("newc", Documentation/driver-api/early-userspace),
 * zeros between; the first ones as they are, such as microcode, and the rest
 * compressed.  Decompressors are programs, chosen by the first bytes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "message.h"
#include "ramfs.h"

#define RAMFS_HEADER	110
#define RAMFS_NAME	4096

static const struct ramfs_packer {
	const char *magic;
	unsigned int length;
	const char *program;
} ramfs_packers[] = {
	{ "\x1f\x8b", 2, "gzip" },
	{ "\x28\xb5\x2f\xfd", 4, "zstd" },
	{ "\xfd" "7zXZ", 5, "xz" },
	{ "\x5d\x00\x00", 3, "xz" },	/* lzma */
	{ "\x02\x21\x4c\x18", 4, "lz4" },
	{ "\x04\x22\x4d\x18", 4, "lz4" },
	{ "BZh", 3, "bzip2" },
	{ "\x89LZO", 4, "lzop" },
	{}
};

static bool ramfs_ends_in(const char *name, const char *end)
{
	size_t length = strlen(name);

	return length >= strlen(end) &&
	       !strcmp(name + length - strlen(end), end);
}

static void ramfs_take(struct ramfs *ramfs, const char *name)
{
	ramfs->tool |= ramfs_ends_in(name, "bin/vhdx");
	ramfs->module |= !!strstr(name, "/dm-vhdx.ko");
	ramfs->scripts |= ramfs_ends_in(name, "scripts/local-top/vhdx") ||
			  /* Of dracut, whose hooks have numbers. */
			  ramfs_ends_in(name, "-parse-vhdx.sh");
}

static unsigned long ramfs_number(const char *header, unsigned int field)
{
	char text[9] = "";

	memcpy(text, header + 6 + 8 * field, 8);
	return strtoul(text, NULL, 16);
}

/* Not a seek: it may be a pipe. */
static bool ramfs_skip(FILE *file, unsigned long bytes)
{
	char buffer[65536];
	size_t n;

	while (bytes) {
		n = bytes < sizeof(buffer) ? bytes : sizeof(buffer);
		if (fread(buffer, 1, n, file) != n)
			return false;
		bytes -= n;
	}
	return true;
}

/* One file of an archive.  Return: false at the archive's end, or if it is none. */
static bool ramfs_file(struct ramfs *ramfs, FILE *file, const char *start)
{
	char header[RAMFS_HEADER], name[RAMFS_NAME];
	unsigned long bytes, length;

	memcpy(header, start, 6);
	if (fread(header + 6, 1, RAMFS_HEADER - 6, file) != RAMFS_HEADER - 6)
		return false;
	bytes = ramfs_number(header, 6);
	length = ramfs_number(header, 11);
	if (!length || length > RAMFS_NAME ||
	    fread(name, 1, length, file) != length)
		return false;
	name[length - 1] = '\0';
	ramfs->files++;
	ramfs_take(ramfs, name);
	return ramfs_skip(file, (4 - (RAMFS_HEADER + length) % 4) % 4) &&
	       ramfs_skip(file, (bytes + 3) / 4 * 4);
}

static bool ramfs_is_archive(const char *start)
{
	return !memcmp(start, "070701", 6) || !memcmp(start, "070702", 6);
}

/* Archives up to what is none, of which @start takes the beginning. */
static bool ramfs_archives(struct ramfs *ramfs, FILE *file, char start[6])
{
	int c;

	for (;;) {
		do {
			c = getc(file);
		} while (!c);
		start[0] = c;
		if (c == EOF || fread(start + 1, 1, 5, file) != 5)
			return false;
		if (!ramfs_is_archive(start))
			return true;
		if (!ramfs_file(ramfs, file, start))
			return false;
	}
}

static const char *ramfs_packer(const char start[6])
{
	const struct ramfs_packer *packer = ramfs_packers;

	while (packer->magic && memcmp(start, packer->magic, packer->length))
		packer++;
	return packer->program;
}

/* The rest, from where @file is. */
static int ramfs_unpack(struct ramfs *ramfs, FILE *file, const char *program)
{
	int fds[2], status;
	char start[6];
	FILE *pipe;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		lseek(fileno(file), ftell(file), SEEK_SET);
		dup2(fileno(file), 0);
		dup2(fds[1], 1);
		execlp(program, program, "-dc", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	pipe = fdopen(fds[0], "r");
	if (pipe) {
		ramfs_archives(ramfs, pipe, start);
		fclose(pipe);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT : 0;
}

/**
 * ramfs_look() - find out what an initramfs has
 * @ramfs: result
 * @path: its file
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int ramfs_look(struct ramfs *ramfs, const char *path)
{
	FILE *file = fopen(path, "re");
	const char *program = NULL;
	char start[6];
	int r = 0;

	memset(ramfs, 0, sizeof(*ramfs));
	if (!file) {
		r = -errno;
		complain_errno(path, r, "cannot be read");
		return r;
	}
	if (ramfs_archives(ramfs, file, start)) {
		program = ramfs_packer(start);
		fseek(file, -6, SEEK_CUR);
		r = program ? ramfs_unpack(ramfs, file, program) : -EINVAL;
	}
	if (r == -ENOENT) {
		complain(path, "install it", "'%s' is needed to look into it",
			 program);
	} else if (r || !ramfs->files) {
		complain(path, "make it again, with 'update-initramfs -u' or 'dracut --force' in the image",
			 "no initramfs that can be looked into");
		r = r ?: -EINVAL;
	}
	fclose(file);
	return r;
}
