// SPDX-License-Identifier: GPL-2.0
/*
 * pack - between images and what the fuzzers take
 *
 *   pack cases DIR OUT		the images of tests/images/mkvhdx.py in DIR:
 *				OUT/seeds/... and OUT/seeds.all with next to no
 *				payload, OUT/cases.all with all of it
 *   pack image PACKED IMAGE	what a fuzzer found, as an image for 'vhdx check'
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"
#include "sparse.h"

#define PACK_MAX	(64U << 20)
#define PACK_SEED_MAX	(40U << 10)	/* larger ones only slow a fuzzer down */
#define PACK_KEEP	64		/* bytes of a page of payload */

static void die(const char *what, const char *why)
{
	fprintf(stderr, "pack: %s: %s\n", what, why);
	exit(1);
}

static void pack_write(const char *path, const void *buf, size_t size)
{
	FILE *file = fopen(path, "we");

	if (!file || fwrite(buf, size, 1, file) != 1 || fclose(file))
		die(path, strerror(errno));
}

/* Drop most of what is payload: pages full of noise that are no log data. */
static void pack_thin(struct sparse *image)
{
	struct sparse_page **list = sparse_sorted(image);
	u32 i, j, noise;

	for (i = 0; i < image->pages; i++) {
		u8 *data = list[i]->data;

		if (!memcmp(data, VHDX_LOG_DATA, 4) ||
		    list[i]->index * VHDX_SECTOR < VHDX_HEAD_BYTES)
			continue;
		for (noise = j = 0; j < VHDX_SECTOR; j++)
			noise += !!data[j];
		if (noise < VHDX_SECTOR * 3 / 4)
			continue;
		/* The first page of each block is enough to tell them apart. */
		j = list[i]->index % (SZ_1M / VHDX_SECTOR) ? 0 : PACK_KEEP;
		memset(data + j, 0, VHDX_SECTOR - j);
	}
	free(list);
}

static struct sparse *pack_load(const char *path)
{
	struct sparse *image = sparse_new();
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || sparse_from_fd(image, fd))
		die(path, strerror(errno));
	close(fd);
	return image;
}

/* One line of cases.tsv. */
static void pack_case(const char *dir, const char *out, char *line,
		      FILE *cases, FILE *seeds)
{
	static u8 packed[PACK_MAX];
	char number[16], file[200], mode[8], path[4096], name[256];
	unsigned long long device;
	struct sparse *image;
	size_t size;

	if (sscanf(line, "%15[^\t]\t%199[^\t]\t%llu\t%7[^\t]", number, file,
		   &device, mode) != 4)
		die("cases.tsv", line);
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	image = pack_load(path);
	if (device)
		image->bytes = device;
	image->flags = strcmp(mode, "rw") ? 0 : SPARSE_WRITABLE;

	snprintf(name, sizeof(name), "%s.%s", file, mode);
	size = sparse_pack(image, packed, sizeof(packed));
	if (!size || !archive_add(cases, name, packed, size))
		die(name, "cannot be packed");

	pack_thin(image);
	size = sparse_pack(image, packed, PACK_SEED_MAX);
	sparse_free(image);
	if (!size)
		return;
	if (!archive_add(seeds, name, packed, size))
		die(name, "cannot be packed");
	snprintf(path, sizeof(path), "%s/seeds/%s", out, name);
	pack_write(path, packed, size);
}

static FILE *pack_open(const char *dir, const char *name, const char *mode)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, mode);
	if (!file)
		die(path, strerror(errno));
	return file;
}

static void pack_cases(const char *dir, const char *out)
{
	FILE *tsv = pack_open(dir, "cases.tsv", "re");
	FILE *cases = pack_open(out, "cases.all", "we");
	FILE *seeds = pack_open(out, "seeds.all", "we");
	char line[1024];

	while (fgets(line, sizeof(line), tsv))
		pack_case(dir, out, line, cases, seeds);
	if (fclose(cases) || fclose(seeds))
		die(out, strerror(errno));
	fclose(tsv);
}

static void pack_image(const char *from, const char *to)
{
	static u8 packed[PACK_MAX];
	struct sparse *image;
	size_t size;
	FILE *file = fopen(from, "re");
	int fd, r;

	if (!file)
		die(from, strerror(errno));
	size = fread(packed, 1, sizeof(packed), file);
	fclose(file);
	image = sparse_unpack(packed, size);
	fd = open(to, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	r = fd < 0 ? -errno : sparse_to_fd(image, fd);
	if (r)
		die(to, strerror(-r));
	printf("%llu bytes, %s, %s sectors\n", (unsigned long long)image->bytes,
	       image->flags & SPARSE_WRITABLE ? "rw" : "ro",
	       image->flags & SPARSE_LOGICAL_4K ? "4096-byte" : "512-byte");
	sparse_free(image);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "cases")) {
		pack_cases(argv[2], argv[3]);
	} else if (argc == 4 && !strcmp(argv[1], "image")) {
		pack_image(argv[2], argv[3]);
	} else {
		fputs("usage: pack cases DIR OUT | pack image PACKED IMAGE\n",
		      stderr);
		return 2;
	}
	return 0;
}
