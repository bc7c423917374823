// SPDX-License-Identifier: GPL-2.0
/*
 * libblkid wants a file, which the disk of an image is not: it gets one in memory,
 * as large as the disk, with what is at its start and its end.
 */
#define _GNU_SOURCE
#include <blkid/blkid.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "content.h"
#include "ebr.h"
#include "message.h"
#include "size.h"

#define CONTENT_BYTES	SZ_1M	/* of each end */

/* A part of what begins at @start. */
static int content_copy(struct disk *disk, int fd, u64 start, u64 from, u64 to,
			void *buf)
{
	int r = disk_read(disk, start + from, buf, to - from);

	if (!r && pwrite(fd, buf, to - from, from) != (ssize_t)(to - from))
		r = -errno;
	return r;
}

/**
 * content_file() - a file for libblkid
 * @disk: the disk
 * @from: where on it the file is to begin, in bytes, whole sectors
 * @to: where it is to end
 *
 * Return: a file with what is at both ends, to be closed; or a negative errno.
 */
int content_file(struct disk *disk, u64 from, u64 to)
{
	u64 bytes = to - from, head = min_t(u64, CONTENT_BYTES, bytes);
	u64 tail = max_t(u64, head, bytes - head) / VHDX_SECTOR * VHDX_SECTOR;
	int fd = memfd_create("vhdx-content", MFD_CLOEXEC), r = 0;
	void *buf = malloc(2 * CONTENT_BYTES);

	if (fd < 0 || !buf || ftruncate(fd, bytes))
		r = buf ? -errno : -ENOMEM;
	if (!r)
		r = content_copy(disk, fd, from, 0, head, buf);
	if (!r && tail < bytes)
		r = content_copy(disk, fd, from, tail, bytes, buf);
	free(buf);
	if (!r)
		return fd;
	if (fd >= 0)
		close(fd);
	return r;
}

static void content_take(char to[CONTENT_NAME], const char *value)
{
	strncpy(to, value, CONTENT_NAME - 1);
}

static void content_probe(struct content *content, blkid_probe probe)
{
	const char *value;

	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_enable_partitions(probe, 1);
	while (!blkid_do_probe(probe)) {
		if (!blkid_probe_lookup_value(probe, "PTTYPE", &value, NULL))
			content_take(content->table, value);
		if (!blkid_probe_lookup_value(probe, "TYPE", &value, NULL))
			content_take(content->type, value);
		if (!blkid_probe_lookup_value(probe, "BLOCK_SIZE", &value,
					      NULL))
			content->sector_bytes = strtoul(value, NULL, 10);
	}
}

static u64 content_le(const u8 *at, u32 bytes)
{
	u64 value = 0;

	while (bytes--)
		value = value << 8 | at[bytes];
	return value;
}

static u64 content_be(const u8 *at, u32 bytes)
{
	u64 value = 0;

	for (; bytes; at++, bytes--)
		value = value << 8 | *at;
	return value;
}

/* What the file systems say of their size that are the most common. */
static u64 content_fs_end(const struct content *content, const u8 *head)
{
	const u8 *ext = head + 1024;
	u64 blocks;

	if (!strncmp(content->type, "ext", 3)) {
		blocks = content_le(ext + 4, 4);
		if (content_le(ext + 0x60, 4) & 0x80)	/* 64bit */
			blocks |= content_le(ext + 0x150, 4) << 32;
		return blocks << (10 + (content_le(ext + 24, 4) & 15));
	}
	if (!strcmp(content->type, "xfs"))
		return content_be(head + 8, 8) * content_be(head + 4, 4);
	/* Behind its sectors there is a copy of the first one. */
	if (!strcmp(content->type, "ntfs"))
		return (content_le(head + 0x28, 8) + 1) *
		       content_le(head + 11, 2);
	return 0;
}

static u64 content_partitions_end(blkid_probe probe)
{
	blkid_partlist list = blkid_probe_get_partitions(probe);
	int i, count = list ? blkid_partlist_numof_partitions(list) : 0;
	blkid_partition part;
	u64 end = 0;

	for (i = 0; i < count; i++) {
		part = blkid_partlist_get_partition(list, i);
		end = max_t(u64, end, (u64)(blkid_partition_get_start(part) +
			    blkid_partition_get_size(part)) * 512);
	}
	return end;
}

/* Both may be there: one of them old, or a RAID's own data behind it all. */
static int content_find_end(struct content *content, blkid_probe probe, int fd)
{
	u64 partitions = content->table[0] ? content_partitions_end(probe) : 0;
	u8 head[VHDX_SECTOR] = {};

	content->end = partitions;
	if (content->table[0] && !content->type[0])
		return 0;
	if (pread(fd, head, sizeof(head), 0) < 0)
		return -errno;
	/* Of which libblkid has told nothing, as the file system begins in it. */
	if (!content->table[0] && ebr_has_partitions(head)) {
		content_take(content->table, "dos");
		return 0;
	}
	content->end = content_fs_end(content, head);
	if (content->end)
		content->end = max_t(u64, content->end, partitions);
	return 0;
}

/**
 * content_look() - find out what a disk holds
 * @content: result
 * @disk: the disk
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int content_look(struct content *content, struct disk *disk)
{
	blkid_probe probe = blkid_new_probe();
	int fd = content_file(disk, 0, disk->bytes), r = 0;

	memset(content, 0, sizeof(*content));
	if (fd < 0 || !probe)
		r = fd < 0 ? fd : -ENOMEM;
	if (!r && blkid_probe_set_device(probe, fd, 0, 0))
		r = -EIO;
	if (!r) {
		blkid_probe_set_sectorsize(probe, disk->logical_bytes);
		content_probe(content, probe);
		r = content_find_end(content, probe, fd);
	} else {
		complain_errno(disk->path, r, "cannot find out what it holds");
	}
	blkid_free_probe(probe);
	if (fd >= 0)
		close(fd);
	return r;
}

/**
 * content_takes_sectors() - would that be readable with other sectors?
 * @content: from content_look()
 * @logical_bytes: size of the sectors
 *
 * Return: false for partition tables, which count in sectors, and for what has
 * smaller ones of its own.
 */
bool content_takes_sectors(const struct content *content, u32 logical_bytes)
{
	if (content->table[0])
		return false;
	return !content->type[0] || content->sector_bytes >= logical_bytes;
}
