// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: which clusters of an NTFS are free
 *
 * libntfs-3g reads the volume through here, and writes nothing.  What $Bitmap calls free
 * counts only if nothing contradicts it:
 *
 * - Windows has left the volume for good: it is not to be checked, $LogFile is clean,
 *   nothing is hibernated, be it by a "fast startup" or with its cache;
 * - no shadow copy was ever made on it.  What those hold of files that are gone is where
 *   it was, in clusters that are free;
 * - each record of the file table can be read, and each cluster that any of them names,
 *   be it a part of another one, is marked as used.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>		/* which ntfs-3g's own headers may leave out */

#include <ntfs-3g/attrib.h>
#include <ntfs-3g/device.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/logfile.h>
#include <ntfs-3g/logging.h>
#include <ntfs-3g/mft.h>
#include <ntfs-3g/runlist.h>
#include <ntfs-3g/volume.h>

#include "ntfs-free.h"

#define NTFS_FREE_SECTOR	512
#define NTFS_FREE_RECORDS	256	/* of the file table are read at a time */

/* What Windows' volume shadow copies have in the boot file, once there was one. */
#define NTFS_FREE_SHADOW_OFF	0x1e00
#define NTFS_FREE_CATALOG_OFF	0x30

static const u8 ntfs_free_shadow_id[16] = {
	0x6b, 0x87, 0x08, 0x38, 0x76, 0xc1, 0x48, 0x4e,
	0xb7, 0xae, 0x04, 0x04, 0x6e, 0x6c, 0xc7, 0x52,
};

static const char ntfs_free_damaged[] =
	"it does not agree with itself about what is in use: let Windows check it";

/* --- the device ------------------------------------------------------------------ */

/**
 * struct ntfs_free_device - what the library takes for a device
 * @source: what it reads
 * @at: where it reads next
 */
struct ntfs_free_device {
	const struct ntfs_free *source;
	s64 at;
};

static int ntfs_free_open(struct ntfs_device *dev, int flags)
{
	if ((flags & O_ACCMODE) != O_RDONLY) {
		errno = EROFS;
		return -1;
	}
	NDevSetOpen(dev);
	NDevSetReadOnly(dev);
	return 0;
}

static int ntfs_free_close(struct ntfs_device *dev)
{
	NDevClearOpen(dev);
	return 0;
}

/* Not beyond the end: so the library finds out that there is less than it was told. */
static s64 ntfs_free_seek(struct ntfs_device *dev, s64 offset, int whence)
{
	struct ntfs_free_device *device = dev->d_private;

	if (whence == SEEK_CUR)
		offset += device->at;
	else if (whence == SEEK_END)
		offset += device->source->bytes;
	if (offset < 0 || (u64)offset > device->source->bytes) {
		errno = EINVAL;
		return -1;
	}
	device->at = offset;
	return offset;
}

static s64 ntfs_free_pread(struct ntfs_device *dev, void *buf, s64 count,
			   s64 offset)
{
	const struct ntfs_free *source =
		((struct ntfs_free_device *)dev->d_private)->source;
	u64 from = offset, to;
	u8 *bounce;
	int r;

	if (offset < 0 || count < 0 || (u64)offset > source->bytes ||
	    (u64)count > source->bytes - offset) {
		errno = EIO;
		return -1;
	}
	from -= from % NTFS_FREE_SECTOR;
	to = ((u64)offset + count + NTFS_FREE_SECTOR - 1) / NTFS_FREE_SECTOR *
	     NTFS_FREE_SECTOR;
	bounce = malloc(to - from + 1);
	if (!bounce)
		return -1;
	r = to > source->bytes ? -EIO :
	    source->read(source->arg, from, bounce, to - from);
	memcpy(buf, bounce + (offset - from), r ? 0 : count);
	free(bounce);
	errno = -r;
	return r ? -1 : count;
}

static s64 ntfs_free_read(struct ntfs_device *dev, void *buf, s64 count)
{
	struct ntfs_free_device *device = dev->d_private;
	s64 n = ntfs_free_pread(dev, buf, count, device->at);

	device->at += n > 0 ? n : 0;
	return n;
}

static s64 ntfs_free_pwrite(struct ntfs_device *dev, const void *buf, s64 count,
			    s64 offset)
{
	(void)dev;
	(void)buf;
	(void)count;
	(void)offset;
	errno = EROFS;
	return -1;
}

static s64 ntfs_free_write(struct ntfs_device *dev, const void *buf, s64 count)
{
	return ntfs_free_pwrite(dev, buf, count, 0);
}

static int ntfs_free_sync(struct ntfs_device *dev)
{
	(void)dev;
	return 0;
}

static int ntfs_free_stat(struct ntfs_device *dev, struct stat *st)
{
	(void)dev;
	(void)st;
	errno = EOPNOTSUPP;
	return -1;
}

static int ntfs_free_ioctl(struct ntfs_device *dev, unsigned long request,
			   void *arg)
{
	(void)dev;
	(void)request;
	(void)arg;
	errno = EOPNOTSUPP;
	return -1;
}

static struct ntfs_device_operations ntfs_free_operations = {
	.open = ntfs_free_open,
	.close = ntfs_free_close,
	.seek = ntfs_free_seek,
	.read = ntfs_free_read,
	.write = ntfs_free_write,
	.pread = ntfs_free_pread,
	.pwrite = ntfs_free_pwrite,
	.sync = ntfs_free_sync,
	.stat = ntfs_free_stat,
	.ioctl = ntfs_free_ioctl,
};

/* --- may it be relied upon? ------------------------------------------------------ */

/* The log; and whether Windows, or its cache, is to go on from where it was. */
static const char *ntfs_free_judge_log(ntfs_volume *vol)
{
	ntfs_inode *ni = ntfs_inode_open(vol, FILE_LogFile);
	ntfs_attr *log = ni ? ntfs_attr_open(ni, AT_DATA, AT_UNNAMED, 0) : NULL;
	RESTART_PAGE_HEADER *page = NULL;
	const char *why = NULL;

	if (!log)
		why = "its log cannot be read: let Windows check it";
	else if (!ntfs_check_logfile(log, &page) ||
		 !ntfs_is_logfile_clean(log, page))
		why = "its log has to be replayed: let Windows mount it once";
	else if (page && page->major_ver == const_cpu_to_le16(2) &&
		 page->minor_ver == const_cpu_to_le16(0))
		why = "Windows has more of it in its cache: shut it down, by 'shutdown /s /t 0'";
	free(page);
	if (log)
		ntfs_attr_close(log);
	if (ni)
		ntfs_inode_close(ni);
	return why;
}

static const char *ntfs_free_judge_shadows(ntfs_volume *vol)
{
	static const u8 none[8];
	u8 header[NTFS_FREE_SECTOR];

	if (ntfs_pread(vol->dev, NTFS_FREE_SHADOW_OFF, sizeof(header), header) !=
	    sizeof(header))
		return "it cannot be read";
	if (memcmp(header, ntfs_free_shadow_id, sizeof(ntfs_free_shadow_id)) ||
	    !memcmp(header + NTFS_FREE_CATALOG_OFF, none, sizeof(none)))
		return NULL;
	return "it has shadow copies, or had some, and what they hold is in what is free: trim it in Windows";
}

static const char *ntfs_free_judge(ntfs_volume *vol, const struct ntfs_free *source)
{
	const char *why;

	if ((u64)vol->nr_clusters > source->bytes >> vol->cluster_size_bits)
		return "it is larger than its partition";
	if (!(vol->major_ver == 3 && vol->minor_ver <= 1) &&
	    !(vol->major_ver == 1 && vol->minor_ver == 2))
		return "of that version it is not known what is in use";
	if (vol->flags & VOLUME_IS_DIRTY)
		return "it was not unmounted, or has errors: let Windows check it";
	if (vol->flags & ~(VOLUME_MOUNTED_ON_NT4 | VOLUME_MODIFIED_BY_CHKDSK))
		return "Windows has more to do on it: let it mount it once";
	if (ntfs_volume_check_hiberfile(vol, 0))
		return errno == EPERM ?
		       "Windows is hibernated, as by its fast startup: shut it down, by 'shutdown /s /t 0'" :
		       "it cannot be told whether Windows is hibernated: let Windows check it";
	why = ntfs_free_judge_log(vol);
	return why ? why : ntfs_free_judge_shadows(vol);
}

/* --- what is in use ---------------------------------------------------------------- */

static bool ntfs_free_is_used(const u8 *map, s64 cluster)
{
	return map[cluster >> 3] & 1 << (cluster & 7);
}

/* $Bitmap, to be freed. */
static u8 *ntfs_free_load_map(ntfs_volume *vol)
{
	s64 bytes = (vol->nr_clusters + 7) / 8, n = -1;
	u8 *map = malloc(bytes);

	if (map && vol->lcnbmp_na->data_size >= bytes)
		n = ntfs_attr_pread(vol->lcnbmp_na, 0, bytes, map);
	if (n == bytes)
		return map;
	free(map);
	return NULL;
}

/* Are all clusters that an attribute of a file has marked as used? */
static bool ntfs_free_check_runs(ntfs_volume *vol, const u8 *map,
				 const ATTR_RECORD *attr)
{
	runlist_element *runs = ntfs_mapping_pairs_decompress(vol, attr, NULL);
	const runlist_element *run;
	bool good = runs;
	s64 at;

	for (run = runs; good && run->length; run++) {
		if (run->lcn < 0)	/* a hole, or part of another record */
			continue;
		good = run->lcn <= vol->nr_clusters &&
		       run->length <= vol->nr_clusters - run->lcn;
		for (at = 0; good && at < run->length; at++)
			good = ntfs_free_is_used(map, run->lcn + at);
	}
	free(runs);
	return good;
}

/* All that a record says; those that it is continued in come by themselves. */
static bool ntfs_free_check_record(ntfs_volume *vol, const u8 *map, s64 number,
				   MFT_RECORD *record)
{
	ntfs_attr_search_ctx *walk;
	bool good = true;

	if (!ntfs_is_file_record(record->magic))
		return false;
	if (!(record->flags & MFT_RECORD_IN_USE))
		return true;
	if (ntfs_mft_record_check(vol, number, record))
		return false;
	walk = ntfs_attr_get_search_ctx(NULL, record);
	if (!walk)
		return false;
	while (good && !ntfs_attr_lookup(AT_UNUSED, NULL, 0, CASE_SENSITIVE, 0,
					 NULL, 0, walk))
		if (walk->attr->non_resident)
			good = ntfs_free_check_runs(vol, map, walk->attr);
	good &= walk->attr->type == AT_END;
	ntfs_attr_put_search_ctx(walk);
	return good;
}

static bool ntfs_free_check_files(ntfs_volume *vol, const u8 *map)
{
	u32 bytes = vol->mft_record_size;
	s64 count = vol->mft_na->initialized_size >> vol->mft_record_size_bits;
	u8 *records = malloc((size_t)bytes * NTFS_FREE_RECORDS);
	s64 at, part, i;
	bool good = records && count;

	for (at = 0; good && at < count; at += part) {
		part = count - at < NTFS_FREE_RECORDS ? count - at :
							NTFS_FREE_RECORDS;
		good = ntfs_attr_mst_pread(vol->mft_na,
					   at << vol->mft_record_size_bits,
					   part, bytes, records) == part;
		for (i = 0; good && i < part; i++)
			good = ntfs_free_check_record(vol, map, at + i,
					(MFT_RECORD *)(records + i * bytes));
	}
	free(records);
	return good;
}

static void ntfs_free_collect(ntfs_volume *vol, const u8 *map,
			      const struct ntfs_free *source)
{
	s64 from = 0, to;

	while (from < vol->nr_clusters) {
		while (from < vol->nr_clusters && ntfs_free_is_used(map, from))
			from++;
		for (to = from; to < vol->nr_clusters &&
		     !ntfs_free_is_used(map, to); to++)
			;
		if (to > from)
			source->add(source->arg, (u64)from << vol->cluster_size_bits,
				    (u64)to << vol->cluster_size_bits);
		from = to;
	}
}

static const char *ntfs_free_look(ntfs_volume *vol, const struct ntfs_free *source)
{
	const char *why = ntfs_free_judge(vol, source);
	u8 *map;

	if (why)
		return why;
	map = ntfs_free_load_map(vol);
	if (!map)
		return "its map of what is in use cannot be read: let Windows check it";
	if (ntfs_free_is_used(map, 0) && ntfs_free_check_files(vol, map))
		ntfs_free_collect(vol, map, source);
	else
		why = ntfs_free_damaged;
	free(map);
	return why;
}

/**
 * ntfs_free_find() - find out what an NTFS does not use
 * @source: the file system
 * @why: takes why it cannot be told; then nothing was added
 * @size: of that
 *
 * Nothing is written, and nothing said.
 *
 * Return: 0, also if @why is filled in; or a negative errno.
 */
int ntfs_free_find(const struct ntfs_free *source, char *why, size_t size)
{
	struct ntfs_free_device device = { .source = source };
	struct ntfs_device *dev;
	ntfs_volume *vol;
	const char *text;

	ntfs_log_set_handler(ntfs_log_handler_null);
	dev = ntfs_device_alloc(source->name, 0, &ntfs_free_operations, &device);
	if (!dev)
		return -ENOMEM;
	vol = ntfs_device_mount(dev, NTFS_MNT_RDONLY);
	if (!vol) {
		snprintf(why, size, "it cannot be read (%s): let Windows check it",
			 strerror(errno));
		ntfs_device_free(dev);
		return 0;
	}
	text = ntfs_free_look(vol, source);
	if (text)
		snprintf(why, size, "%s", text);
	ntfs_umount(vol, TRUE);
	return 0;
}
