// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel looks for no partitions on device-mapper devices.  So each gets
 * a linear mapping, named and identified as kpartx does it.
 */
#include <blkid/blkid.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "message.h"
#include "partition.h"
#include "sysfs.h"

/* Return: false for a container of others, nothing, or what is behind the disk's end. */
static bool partition_describe(struct mapping *mapping,
			       const struct mapping *disk, blkid_partition part)
{
	u64 start = blkid_partition_get_start(part);
	u64 size = blkid_partition_get_size(part);
	int number = blkid_partition_get_partno(part);
	size_t length = strlen(disk->name);

	if (blkid_partition_is_extended(part) || !size || number <= 0 ||
	    start >= disk->sectors)
		return false;
	memset(mapping, 0, sizeof(*mapping));
	mapping->read_only = disk->read_only;
	strcpy(mapping->target, "linear");
	mapping->sectors = min_t(u64, size, disk->sectors - start);
	snprintf(mapping->name, sizeof(mapping->name), "%.100s%s%d", disk->name,
		 isdigit((unsigned char)disk->name[length - 1]) ? "p" : "",
		 number);
	snprintf(mapping->uuid, sizeof(mapping->uuid), "part%d-%.110s", number,
		 disk->uuid);
	snprintf(mapping->table, sizeof(mapping->table), "%u:%u %llu",
		 major(disk->dev), minor(disk->dev), (unsigned long long)start);
	return true;
}

static int partition_create(struct partitions *partitions,
			    const struct mapping *disk, blkid_partition part)
{
	struct mapping mapping;
	int r;

	if (!partition_describe(&mapping, disk, part))
		return 0;
	r = mapping_create(&mapping);
	if (r) {
		complain(mapping.name, "choose another name for the mapping, or remove what is in the way",
			 "cannot map partition %d: %s",
			 blkid_partition_get_partno(part), mapping_error());
		return r;
	}
	strcpy(partitions->name[partitions->count++], mapping.name);
	return 0;
}

/*
 * The partitions' mappings keep the whole disk busy.  If that carries a file
 * system, or an encrypted one, a partition table on it is a stray one.
 */
static bool partitions_are_stray(blkid_probe probe, const struct mapping *disk)
{
	const char *usage = NULL, *type = "?";

	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE |
						 BLKID_SUBLKS_USAGE);
	blkid_probe_enable_partitions(probe, 0);
	if (blkid_do_safeprobe(probe) ||
	    blkid_probe_lookup_value(probe, "USAGE", &usage, NULL) ||
	    (strcmp(usage, "filesystem") && strcmp(usage, "crypto")))
		return false;
	blkid_probe_lookup_value(probe, "TYPE", &type, NULL);
	note(disk->name, "the whole disk carries '%s', so the partitions of the table on it are not mapped; --partitions does that",
	     type);
	return true;
}

static int partitions_create_all(struct partitions *partitions,
				 const struct mapping *disk,
				 blkid_partlist list)
{
	int count = list ? blkid_partlist_numof_partitions(list) : 0;
	int i, r = 0;

	for (i = 0; !r && i < count && partitions->count < PARTITIONS_MAX; i++)
		r = partition_create(partitions, disk,
				     blkid_partlist_get_partition(list, i));
	return r;
}

/**
 * partitions_create() - map the partitions of a disk
 * @partitions: result, filled in as far as possible after a failure too
 * @disk: the disk, mapped
 * @wanted: which ones
 *
 * No partition table, or one that makes no sense, means no partitions.  Says
 * what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int partitions_create(struct partitions *partitions, const struct mapping *disk,
		      enum partitions_wanted wanted)
{
	blkid_probe probe, whole;
	blkid_partlist list;
	char path[256];
	int r = 0;

	partitions->count = 0;
	if (wanted == PARTITIONS_NONE)
		return 0;
	mapping_path(path, sizeof(path), disk->name);
	probe = blkid_new_probe_from_filename(path);
	if (!probe) {
		complain_errno(path, errno, "cannot look for partitions");
		return -EIO;
	}
	blkid_probe_enable_superblocks(probe, 0);
	blkid_probe_enable_partitions(probe, 1);
	list = blkid_probe_get_partitions(probe);
	if (list && blkid_partlist_numof_partitions(list) &&
	    wanted == PARTITIONS_AUTO) {
		whole = blkid_new_probe_from_filename(path);
		if (whole && partitions_are_stray(whole, disk))
			list = NULL;
		blkid_free_probe(whole);
	}
	r = partitions_create_all(partitions, disk, list);
	blkid_free_probe(probe);
	return r;
}

/* One that is mapped; what is elsewhere now is left to who has moved it. */
static int partition_follow(const struct mapping *disk, blkid_partition part)
{
	struct mapping mapping, now;
	int r;

	if (!partition_describe(&mapping, disk, part) ||
	    mapping_get(mapping.name, &now) ||
	    strcmp(now.uuid, mapping.uuid) || now.targets != 1 ||
	    strcmp(now.target, mapping.target) ||
	    strcmp(now.table, mapping.table) ||
	    now.sectors == mapping.sectors)
		return 0;
	if (now.sectors > mapping.sectors && now.open_count) {
		note(now.name, "in use, and larger than its partition: it stays so until the disk is attached again");
		return 0;
	}
	r = mapping_load(&mapping);
	if (!r)
		r = mapping_resume(mapping.name);
	if (r)
		complain(mapping.name, "the kernel log ('dmesg') may tell more",
			 "cannot get the size of its partition: %s",
			 mapping_error());
	return r;
}

/**
 * partitions_follow() - give partition mappings the sizes that the table says
 * @disk: the disk, as it is now
 *
 * Those that are there, while they are in use, too.  Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int partitions_follow(const struct mapping *disk)
{
	blkid_partlist list;
	blkid_probe probe;
	char path[256];
	int i, r = 0;

	mapping_path(path, sizeof(path), disk->name);
	probe = blkid_new_probe_from_filename(path);
	if (!probe)
		return 0;
	blkid_probe_enable_superblocks(probe, 0);
	blkid_probe_enable_partitions(probe, 1);
	list = blkid_probe_get_partitions(probe);
	for (i = 0; !r && list && i < blkid_partlist_numof_partitions(list); i++)
		r = partition_follow(disk, blkid_partlist_get_partition(list, i));
	blkid_free_probe(probe);
	return r;
}

struct partition_search {
	struct partitions *partitions;
	const struct mapping *disk;
	char *foreign;
};

static int partition_take_holder(void *arg, const char *holder)
{
	struct partition_search *search = arg;
	struct partitions *partitions = search->partitions;
	char path[128], uuid[MAPPING_UUID] = "", name[MAPPING_NAME];
	const char *rest;

	snprintf(path, sizeof(path), "block/%.64s/dm/name", holder);
	if (sysfs_read(path, name, sizeof(name)))
		snprintf(name, sizeof(name), "%.64s", holder);
	snprintf(path, sizeof(path), "block/%.64s/dm/uuid", holder);
	sysfs_read(path, uuid, sizeof(uuid));

	rest = strchr(uuid, '-');
	if (strncmp(uuid, "part", 4) || !rest ||
	    strcmp(rest + 1, search->disk->uuid) ||
	    partitions->count == PARTITIONS_MAX) {
		strcpy(search->foreign, name);
		return -EBUSY;
	}
	strcpy(partitions->name[partitions->count++], name);
	return 0;
}

/**
 * partitions_find() - find the partition mappings of a disk
 * @partitions: result
 * @disk: the disk
 * @foreign: takes the name of something else that uses the disk
 *
 * Return: 0, or -EBUSY if there is something else.
 */
int partitions_find(struct partitions *partitions, const struct mapping *disk,
		    char foreign[MAPPING_NAME])
{
	struct partition_search search = {
		.partitions = partitions,
		.disk = disk,
		.foreign = foreign,
	};
	char path[64];

	partitions->count = 0;
	snprintf(path, sizeof(path), "dev/block/%u:%u", major(disk->dev),
		 minor(disk->dev));
	return sysfs_each_holder(path, partition_take_holder, &search);
}

/**
 * partitions_remove() - remove partition mappings, the last one first
 * @partitions: those; afterwards those that are left
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int partitions_remove(struct partitions *partitions)
{
	const char *name;
	int r;

	for (; partitions->count; partitions->count--) {
		name = partitions->name[partitions->count - 1];
		r = mapping_remove(name);
		if (r && r != -ENXIO) {
			complain(name, "unmount it or end what uses it, and try again",
				 "cannot be removed: %s", mapping_error());
			return r;
		}
	}
	return 0;
}
