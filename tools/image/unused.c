// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: what a file system does not use
 *
 * Each file system that is known, and that nobody has left unfinished, is asked by its
 * own library, which reads through here and writes nothing, or by programs that get it as
 * a file, see unused-tool.c.  What these call free may be dropped, as it might be
 * discarded; but only blocks of the image of which that is true from end to end.
 *
 * Everything else is kept: other file systems, volume managers, encryption, swap,
 * partition tables, what is between partitions and behind a file system's end.  Tables of
 * logical partitions lie between those; where one lies in a partition, that is kept.  So is
 * all of a disk, or of a partition, that has both a file system as a whole and partitions:
 * one of them is left over from before, and nobody knows which.
 */
#define _GNU_SOURCE
#include <blkid/blkid.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "content.h"
#include "ebr.h"
#include "message.h"
#include "unused.h"

static void unused_keep(struct unused_part *part, const char *why)
{
	snprintf(part->kept, sizeof(part->kept), "%s", why);
}

/* Return: the one thing that is on a file, as far as can be told. */
static void unused_probe(struct unused_part *part, int fd)
{
	blkid_probe probe = blkid_new_probe();
	const char *type;
	int r = -1;

	if (probe && !blkid_probe_set_device(probe, fd, 0, 0)) {
		blkid_probe_enable_superblocks(probe, 1);
		blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE |
						  BLKID_SUBLKS_BADCSUM);
		blkid_probe_enable_partitions(probe, 0);
		r = blkid_do_safeprobe(probe);
	}
	if (!r && !blkid_probe_lookup_value(probe, "TYPE", &type, NULL))
		snprintf(part->type, sizeof(part->type), "%s", type);
	else if (r == -2)
		strcpy(part->type, "several things");
	else
		unused_keep(part, r > 0 ? "nothing that is known" :
					  "it cannot be looked at");
	blkid_free_probe(probe);
}

static int unused_ask(struct unused *unused, struct unused_part *part)
{
	static const struct {
		const char *type;
		int (*ask)(struct unused *unused, struct unused_part *part);
	} known[] = {
		{ "ext2", unused_ext }, { "ext3", unused_ext },
		{ "ext4", unused_ext }, { "ntfs", unused_ntfs },
		{ "xfs", unused_xfs }, { "vfat", unused_fat },
		{ "exfat", unused_exfat }, { "btrfs", unused_btrfs },
	};
	unsigned int i;

	if (part->kept[0])
		return 0;
	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(part->type, known[i].type))
			return known[i].ask(unused, part);
	unused_keep(part, "of that it is not known what is in use");
	return 0;
}

/* One that is left over from before is no less there for libblkid's not seeing it. */
static int unused_check_table_in(struct unused *unused, struct unused_part *part)
{
	u8 table[VHDX_SECTOR];
	int r;

	if (!part->type[0] || part->bytes < unused->disk->logical_bytes)
		return 0;
	r = disk_read(unused->disk, part->from, table,
		      unused->disk->logical_bytes);
	if (!r && ebr_has_partitions(table))
		unused_keep(part, "there are partitions, too");
	return r;
}

static struct unused_part *unused_new(struct unused *unused)
{
	struct unused_part *more = realloc(unused->part, (unused->parts + 1) *
					   sizeof(*more));

	if (!more)
		return NULL;
	unused->part = more;
	memset(&more[unused->parts], 0, sizeof(*more));
	return &more[unused->parts++];
}

static int unused_look(struct unused *unused, int number, u64 from, u64 bytes)
{
	struct unused_part *part = unused_new(unused);
	int fd;

	if (!part)
		return -ENOMEM;
	part->number = number;
	part->from = from;
	part->bytes = bytes;
	fd = content_file(unused->disk, from, from + bytes);
	if (fd < 0)
		return fd;
	unused_probe(part, fd);
	close(fd);
	return unused_check_table_in(unused, part);
}

/*
 * Is a partition more than a place for a file system?  Those of a dynamic disk of Windows
 * hold its volumes, in pieces, of which only the first one's beginning is here; others
 * have a table of their own.
 */
static bool unused_is_divided(blkid_partition part)
{
	static const char *const guids[] = {
		"5808c8aa-7e8f-42e0-85d2-e1e90434cfb3",	/* LDM metadata */
		"af9b60a0-1431-4f62-bc68-3311714a69ad",	/* LDM data */
		NULL
	};
	static const u8 types[] = {
		0x42,			/* LDM */
		0x63,			/* UnixWare */
		0x81,			/* Minix */
		0xa5, 0xa6, 0xa9,	/* BSD */
		0xbf,			/* Solaris */
		0
	};
	const char *guid = blkid_partition_get_type_string(part);
	unsigned int i;

	for (i = 0; guid && guids[i]; i++)
		if (!strcasecmp(guid, guids[i]))
			return true;
	for (i = 0; !guid && types[i]; i++)
		if (blkid_partition_get_type(part) == types[i])
			return true;
	return false;
}

static int unused_look_partition(struct unused *unused, blkid_partition part)
{
	u64 from = (u64)blkid_partition_get_start(part) * 512;
	u64 bytes = (u64)blkid_partition_get_size(part) * 512, left;
	struct unused_part *more;
	int r;

	if (!bytes || from >= unused->disk->bytes)
		return 0;
	/* Linux has the rest of one that goes on behind the end: it may overlap, too. */
	left = unused->disk->bytes - from;
	r = unused_look(unused, blkid_partition_get_partno(part), from,
			min_t(u64, bytes, left));
	if (!r && bytes > left)
		unused_keep(&unused->part[unused->parts - 1],
			    "it ends behind the end of the disk");
	if (!r && unused_is_divided(part))
		unused_keep(&unused->part[unused->parts - 1],
			    "by its type it is divided, as that of a dynamic disk is");
	if (!r) {
		more = &unused->part[unused->parts - 1];
		more->extended = blkid_partition_is_extended(part);
		more->logical = blkid_partition_is_logical(part);
	}
	return r;
}

/* Is a logical partition where it belongs? */
static bool unused_is_within(const struct unused_part *part,
			     const struct unused_part *extended)
{
	return extended->extended && part->logical &&
	       part->from >= extended->from &&
	       part->from + part->bytes <= extended->from + extended->bytes;
}

/* Two that overlap are both kept. */
static void unused_check_overlaps(struct unused *unused)
{
	struct unused_part *a, *b;
	unsigned int i, j;

	for (i = 0; i < unused->parts; i++)
		for (j = 0; j < unused->parts; j++) {
			a = &unused->part[i];
			b = &unused->part[j];
			if (i != j && a->from < b->from + b->bytes &&
			    b->from < a->from + a->bytes &&
			    !unused_is_within(a, b) && !unused_is_within(b, a))
				unused_keep(a, "it overlaps with another partition");
		}
}

/* A table that logical partitions are found by is nothing of a file system's. */
static int unused_check_table(void *arg, u64 at)
{
	struct unused *unused = arg;
	struct unused_part *part;
	unsigned int i;

	for (i = 0; i < unused->parts; i++) {
		part = &unused->part[i];
		if (!part->extended && at < part->from + part->bytes &&
		    part->from < at + unused->disk->logical_bytes)
			unused_keep(part, "a table of logical partitions is in it");
	}
	return 0;
}

static int unused_check_partitions(struct unused *unused)
{
	unsigned int i, left = 0;
	int r;

	unused_check_overlaps(unused);
	r = ebr_each(unused->disk, unused_check_table, unused);
	/* What is in them is told, and kept or not. */
	for (i = 0; i < unused->parts; i++)
		if (!unused->part[i].extended)
			unused->part[left++] = unused->part[i];
	unused->parts = left;
	return r;
}

static int unused_look_partitions(struct unused *unused, blkid_probe probe)
{
	blkid_partlist list = blkid_probe_get_partitions(probe);
	int i, count = list ? blkid_partlist_numof_partitions(list) : 0;
	struct unused_part *whole;
	int r;

	r = unused_look(unused, 0, 0, unused->disk->bytes);
	if (r || !count)
		return r;
	whole = unused->part;
	if (whole->type[0]) {
		unused_keep(whole, "there are partitions, too");
		return 0;
	}
	unused->parts = 0;
	for (i = 0; !r && i < count; i++)
		r = unused_look_partition(unused,
				blkid_partlist_get_partition(list, i));
	return r ? r : unused_check_partitions(unused);
}

/**
 * struct unused_tables - the disk as libblkid sees it, but for logical partitions
 * @disk: the disk
 * @fd: what is at both of its ends
 */
struct unused_tables {
	struct disk *disk;
	int fd;
};

static int unused_add_table(void *arg, u64 at)
{
	const struct unused_tables *tables = arg;
	u32 bytes = tables->disk->logical_bytes;
	u8 buf[VHDX_SECTOR];
	int r = disk_read(tables->disk, at, buf, bytes);

	if (!r && pwrite(tables->fd, buf, bytes, at) != (ssize_t)bytes)
		r = -EIO;
	return r;
}

static int unused_look_disk(struct unused *unused)
{
	struct unused_tables tables = { .disk = unused->disk };
	int fd = content_file(unused->disk, 0, unused->disk->bytes), r;
	blkid_probe probe = blkid_new_probe();

	tables.fd = fd;
	r = fd < 0 ? fd : ebr_each(unused->disk, unused_add_table, &tables);
	if (!r && !probe)
		r = -ENOMEM;
	if (!r && blkid_probe_set_device(probe, fd, 0, 0))
		r = -EIO;
	if (!r) {
		blkid_probe_set_sectorsize(probe, unused->disk->logical_bytes);
		blkid_probe_enable_superblocks(probe, 0);
		blkid_probe_enable_partitions(probe, 1);
		r = unused_look_partitions(unused, probe);
	}
	blkid_free_probe(probe);
	if (fd >= 0)
		close(fd);
	return r;
}

/**
 * unused_find() - find out what nobody uses
 * @unused: result; unused_free() it, also after a failure
 * @disk: the disk, with all of its parents
 * @block_shift: log2 of the size of its image's blocks
 *
 * Says what is wrong, but not what is kept.
 *
 * Return: 0 or a negative errno.
 */
int unused_find(struct unused *unused, struct disk *disk, u32 block_shift)
{
	u64 blocks = (disk->bytes + (1ULL << block_shift) - 1) >> block_shift;
	unsigned int i;
	int r;

	memset(unused, 0, sizeof(*unused));
	unused->disk = disk;
	unused->block_shift = block_shift;
	unused->map = calloc(BITS_TO_LONGS(blocks + 1), sizeof(long));
	r = unused->map ? unused_look_disk(unused) : -ENOMEM;
	for (i = 0; !r && i < unused->parts; i++)
		r = unused_ask(unused, &unused->part[i]);
	if (r)
		complain_errno(disk->path, r,
			       "cannot find out what is in use on it");
	return r;
}

/**
 * unused_free() - free memory
 * @unused: from unused_find(), or all zeros
 */
void unused_free(struct unused *unused)
{
	free(unused->map);
	free(unused->part);
	unused->map = NULL;
	unused->part = NULL;
}
