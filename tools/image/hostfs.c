// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: files that must not have holes
 *
 * Windows does not attach a VHDX whose file is sparse, and NTFS marks a file
 * as sparse when it gets its first hole: when it is extended without being
 * written (ntfs-3g), or when a hole is punched.  The mark goes when the last
 * hole is filled.  So on NTFS nothing is extended but by writing zeros, and no
 * holes are filled but by that: ntfs3's fallocate() on a sparse file allocates
 * clusters without zeroing them, and shows what they held.
 *
 * exFAT and FAT have no holes at all: what extends a file takes the space and
 * writes the zeros.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "hostfs.h"
#include "message.h"
#include "size.h"

#define HOSTFS_CHUNK	SZ_1M		/* written at a time */
#define HOSTFS_PROBE	(4 * SZ_1M)	/* to see whether that takes space */

/* Some are in <linux/magic.h> of newer systems only. */
#define HOSTFS_NTFS3	0x7366746e
#define HOSTFS_NTFS	0x5346544e
#define HOSTFS_EXFAT	0x2011bab0
#define HOSTFS_ZFS	0x2fc12fc1
#define HOSTFS_BCACHEFS	0xca451a4e

#define HOSTFS_NTFS_SPARSE	0x200
#define HOSTFS_NTFS_COMPRESSED	0x800
#define HOSTFS_NTFS_ENCRYPTED	0x4000

/* NTFS file attributes, as ntfs-3g and ntfs3 show them. */
static bool hostfs_ntfs_attributes(int fd, u32 *attributes)
{
	u32 raw;

	if (fgetxattr(fd, "system.ntfs_attrib_be", &raw, 4) == 4)
		*attributes = be32toh(raw);
	else if (fgetxattr(fd, "system.ntfs_attrib", &raw, 4) == 4)
		*attributes = le32toh(raw);
	else
		return false;
	return true;
}

static void hostfs_look_ntfs(struct hostfs *host, u32 attributes)
{
	host->name = "NTFS";
	host->ntfs = true;
	host->sparse = attributes & HOSTFS_NTFS_SPARSE;
	host->packed = attributes & (HOSTFS_NTFS_COMPRESSED |
				     HOSTFS_NTFS_ENCRYPTED);
}

static bool hostfs_overwrites(int fd)
{
	int flags;

	return !ioctl(fd, FS_IOC_GETFLAGS, &flags) && (flags & FS_NOCOW_FL);
}

/**
 * hostfs_look() - find out about a file and its file system
 * @host: result
 * @fd: the file
 *
 * Return: 0 or a negative errno.
 */
int hostfs_look(struct hostfs *host, int fd)
{
	u32 attributes = 0;
	struct statfs fs;
	struct stat st;

	memset(host, 0, sizeof(*host));
	if (fstatfs(fd, &fs) || fstat(fd, &st))
		return -errno;
	host->whole = st.st_size && st.st_blocks * 512ULL >= (u64)st.st_size;
	switch ((u32)fs.f_type) {
	case HOSTFS_NTFS:
	case HOSTFS_NTFS3:
		hostfs_ntfs_attributes(fd, &attributes);
		hostfs_look_ntfs(host, attributes);
		break;
	case HOSTFS_EXFAT:
		host->name = "exFAT";
		break;
	case MSDOS_SUPER_MAGIC:
		host->name = "FAT";
		host->max_bytes = UINT32_MAX;
		break;
	case BTRFS_SUPER_MAGIC:
		host->name = "btrfs";
		host->copies = !hostfs_overwrites(fd);
		break;
	case HOSTFS_ZFS:
	case HOSTFS_BCACHEFS:
	case NILFS_SUPER_MAGIC:
		host->copies = true;
		break;
	default:	/* FUSE says not which one, but ntfs-3g tells itself */
		if (hostfs_ntfs_attributes(fd, &attributes))
			hostfs_look_ntfs(host, attributes);
	}
	return 0;
}

/**
 * hostfs_takes_holes() - may a file be extended without taking space?
 * @host: from hostfs_look()
 * @fd: the file, open for writing; it gets larger for a moment
 *
 * Return: false if that would take the space, or make the file sparse where it
 * must not be.
 */
bool hostfs_takes_holes(const struct hostfs *host, int fd)
{
	struct stat before, after;
	bool holes = true;

	if (host->ntfs)
		return host->sparse;
	if (fstat(fd, &before))
		return true;
	/* What cannot be extended at all fails later, with a reason. */
	if (!ftruncate(fd, before.st_size + HOSTFS_PROBE) &&
	    !fstat(fd, &after))
		holes = (after.st_blocks - before.st_blocks) * 512LL <
			HOSTFS_PROBE / 2;
	else if (errno == ENOSPC || errno == EDQUOT)
		holes = false;
	return ftruncate(fd, before.st_size) ? true : holes;
}

static int hostfs_write(int fd, const void *buf, size_t bytes, u64 off)
{
	const char *from = buf;
	ssize_t n;

	while (bytes) {
		n = pwrite(fd, from, bytes, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		from += n;
		off += n;
		bytes -= n;
	}
	return 0;
}

/* What the file system gives space to at a time: no smaller than a hole is. */
static u32 hostfs_cluster(int fd)
{
	struct statfs fs;
	u32 bytes = 4096;

	if (!fstatfs(fd, &fs) && fs.f_bsize >= 512 &&
	    fs.f_bsize <= HOSTFS_CHUNK && !(fs.f_bsize & (fs.f_bsize - 1)))
		bytes = fs.f_bsize;
	return bytes;
}

static bool hostfs_is_zero(const char *buf, size_t bytes)
{
	return !buf[0] && !memcmp(buf, buf + 1, bytes - 1);
}

/* Write those clusters of @buf, which is at @off, that are zero. */
static int hostfs_rewrite_clusters(int fd, const char *buf, u32 bytes, u64 off,
				   u32 cluster)
{
	u32 start, end;
	int r = 0;

	for (start = 0; !r && start < bytes; start = end) {
		end = start;
		while (end < bytes && hostfs_is_zero(buf + end,
				min_t(u32, cluster, bytes - end)))
			end = min_t(u32, end + cluster, bytes);
		if (end > start)
			r = hostfs_write(fd, buf + start, end - start,
					 off + start);
		else
			end += cluster;
	}
	return r;
}

/* Write the zeros that are there, which gives space to holes. */
static int hostfs_rewrite_zeros(int fd, u64 from, u64 to)
{
	u32 cluster = hostfs_cluster(fd);
	char *buf = malloc(HOSTFS_CHUNK);
	ssize_t n;
	u64 off;
	int r = buf ? 0 : -ENOMEM;

	for (off = from; !r && off < to; off += n) {
		n = pread(fd, buf, min_t(u64, HOSTFS_CHUNK, to - off), off);
		if (n <= 0) {
			r = n < 0 ? -errno : 0;
			break;
		}
		r = hostfs_rewrite_clusters(fd, buf, n, off, cluster);
		progress("Taking space", off + n - from, to - from);
	}
	progress_end();
	free(buf);
	return r;
}

/**
 * hostfs_reserve() - give a part of a file space of its own
 * @host: from hostfs_look()
 * @fd: the file, open for writing; nobody else writes it
 * @from: bytes from its start
 * @to: end, not behind that of the file
 *
 * What is there stays.  Space that is shared with copies of the file is made
 * the file's own where the file system can do that.
 *
 * Return: 0 or a negative errno.
 */
int hostfs_reserve(const struct hostfs *host, int fd, u64 from, u64 to)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!host->ntfs) {
		if (!fallocate(fd, FALLOC_FL_KEEP_SIZE |
			       FALLOC_FL_UNSHARE_RANGE, from, to - from) ||
		    !fallocate(fd, FALLOC_FL_KEEP_SIZE, from, to - from))
			return 0;
		if (errno != EOPNOTSUPP && errno != ENOSYS)
			return -errno;
	}
	if (st.st_blocks * 512ULL >= (u64)st.st_size)
		return 0;
	return hostfs_rewrite_zeros(fd, from, to);
}

static int hostfs_append_zeros(int fd, u64 from, u64 to, bool (*stop)(void))
{
	char *zeros = calloc(1, HOSTFS_CHUNK);
	u64 off, part;
	int r = zeros ? 0 : -ENOMEM;

	for (off = from; !r && off < to; off += part) {
		part = min_t(u64, HOSTFS_CHUNK, to - off);
		r = stop && stop() ? -EINTR :
		    hostfs_write(fd, zeros, part, off);
		if (!stop)
			progress("Writing zeros", off + part - from, to - from);
	}
	if (!stop)
		progress_end();
	free(zeros);
	return r;
}

/**
 * hostfs_extend() - extend a file by space of its own that reads as zeros
 * @host: from hostfs_look()
 * @fd: the file, open for writing
 * @from: its size
 * @to: the new one
 * @stop: looked at now and then: ends it with -EINTR; NULL: never, and a
 *        terminal sees how far it has come
 *
 * If it fails the file has its old size.
 *
 * Return: 0 or a negative errno.
 */
int hostfs_extend(const struct hostfs *host, int fd, u64 from, u64 to,
		  bool (*stop)(void))
{
	int r;

	if (host->max_bytes && to > host->max_bytes)
		return -EFBIG;
	if (to - from > hostfs_free_bytes(fd))
		return -ENOSPC;
	if (host->ntfs)
		r = hostfs_append_zeros(fd, from, to, stop);
	else
		r = ftruncate(fd, to) ? -errno : 0;
	/* What has been added by then would be lost space. */
	if (r && ftruncate(fd, from))
		return -errno;
	return r;
}

/**
 * hostfs_free_bytes() - how much space the file system has left
 * @fd: a file on it
 *
 * Return: bytes; as much as can be if nobody knows.
 */
u64 hostfs_free_bytes(int fd)
{
	struct statfs fs;

	/* A tmpfs without a limit has no blocks at all. */
	if (fstatfs(fd, &fs) || !fs.f_blocks)
		return UINT64_MAX;
	return (u64)fs.f_bfree * fs.f_bsize;
}

/**
 * hostfs_note_windows() - say what Windows has against a file
 * @host: from hostfs_look()
 * @path: the file
 */
void hostfs_note_windows(const struct hostfs *host, const char *path)
{
	if (host->ntfs && host->packed)
		note(path, "the file is compressed or encrypted, and Windows attaches no such file: take that attribute off in Windows, or copy it to where it gets none");
	else if (host->ntfs && host->sparse)
		note(path, "the file is sparse, and Windows attaches no sparse file: 'cp --sparse=never' makes a copy that it does attach");
}

/**
 * hostfs_note_copies() - say that no space can be reserved, if that is so
 * @host: from hostfs_look()
 * @path: the file
 */
void hostfs_note_copies(const struct hostfs *host, const char *path)
{
	if (host->copies)
		note(path, "the file system writes what is overwritten to new places, so no space can be kept for the log and the tables of the image: see that some stays free");
}
