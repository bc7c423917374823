// SPDX-License-Identifier: GPL-2.0
/*
 * Is what a direct read of a disk returns what a file has?
 *
 *   same DEV FILE
 *
 * Status 0: yes, to the last byte; 1: no, and it says where they differ; 2: one cannot be read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE (1u << 20)

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | flags);

	if (fd < 0) {
		fprintf(stderr, "same: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	return fd;
}

/* All of a piece, but for what lies behind the end. */
static size_t read_piece(int fd, const char *path, unsigned char *to)
{
	size_t done = 0;
	ssize_t n;

	while (done < PIECE && (n = read(fd, to + done, PIECE - done)) != 0) {
		if (n < 0) {
			fprintf(stderr, "same: %s: %s\n", path, strerror(errno));
			exit(2);
		}
		done += n;
		/* The end of a file that is read directly; going on would not be aligned. */
		if (n % 512)
			break;
	}
	return done;
}

int main(int argc, char **argv)
{
	unsigned char *a = aligned_alloc(4096, PIECE), *b = aligned_alloc(4096, PIECE);
	unsigned long long at = 0;
	size_t n, m, i;
	int dev, file;

	if (argc != 3 || !a || !b)
		return 2;
	dev = open_or_die(argv[1], O_DIRECT);
	file = open_or_die(argv[2], 0);
	do {
		n = read_piece(dev, argv[1], a);
		m = read_piece(file, argv[2], b);
		if (n != m || memcmp(a, b, n)) {
			for (i = 0; i < n && i < m && a[i] == b[i]; i++)
				;
			fprintf(stderr, "same: %s and %s differ at byte %llu%s\n", argv[1], argv[2], at + i,
				i < n && i < m ? "" : ", where one ends");
			return 1;
		}
		at += n;
	} while (n == PIECE);
	return 0;
}
