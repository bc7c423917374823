// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <blkid/blkid.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "message.h"
#include "size.h"
#include "volume.h"

/**
 * struct volumes - all of a disk
 * @count: how many
 * @volume: those
 */
struct volumes {
	unsigned int count;
	struct volume volume[PARTITIONS_MAX];
};

/* The EFI system partition, Microsoft's reserved one, and Windows' recovery. */
static const char *const volume_helpers[] = {
	"c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
	"e3c9e316-0b5c-4db8-817d-f92df00215ae",
	"de94bba4-06d1-4d40-a16a-bfd50179d6ac",
	"0xef",
	"0x27",
	NULL
};

static bool volume_is_helper(const char *type)
{
	int i;

	for (i = 0; type && volume_helpers[i]; i++)
		if (!strcasecmp(type, volume_helpers[i]))
			return true;
	return false;
}

static void volume_take(blkid_probe probe, const char *key, char *to,
			size_t size)
{
	const char *value = NULL;

	blkid_probe_lookup_value(probe, key, &value, NULL);
	snprintf(to, size, "%s", value ?: "");
}

/* What is on it. */
static int volume_probe(struct volume *volume)
{
	char path[256], usage[32];
	blkid_probe probe;

	probe = blkid_new_probe_from_filename(mapping_path(path, sizeof(path),
							   volume->name));
	if (!probe) {
		complain_errno(path, errno, "cannot be read");
		return -EIO;
	}
	blkid_probe_enable_partitions(probe, 0);
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE |
					  BLKID_SUBLKS_USAGE |
					  BLKID_SUBLKS_LABEL);
	volume->bytes = blkid_probe_get_size(probe);
	if (!blkid_do_safeprobe(probe)) {
		volume_take(probe, "TYPE", volume->type, sizeof(volume->type));
		volume_take(probe, "LABEL", volume->label,
			    sizeof(volume->label));
		volume_take(probe, "USAGE", usage, sizeof(usage));
		volume->filesystem = !strcmp(usage, "filesystem");
	}
	blkid_free_probe(probe);
	return 0;
}

/* What the partition table says a partition is for. */
static void volumes_note_helpers(struct volumes *volumes,
				 const struct mapping *disk)
{
	char path[256], type[64];
	blkid_partlist list;
	blkid_partition part;
	blkid_probe probe;
	unsigned int i;

	probe = blkid_new_probe_from_filename(mapping_path(path, sizeof(path),
							   disk->name));
	if (!probe)
		return;
	blkid_probe_enable_superblocks(probe, 0);
	blkid_probe_enable_partitions(probe, 1);
	list = blkid_probe_get_partitions(probe);
	for (i = 0; list && i < volumes->count; i++) {
		part = blkid_partlist_get_partition_by_partno(
			list, volumes->volume[i].number);
		if (!part)
			continue;
		snprintf(type, sizeof(type), "0x%02x",
			 blkid_partition_get_type(part));
		volumes->volume[i].helper =
			volume_is_helper(blkid_partition_get_type_string(part)) ||
			volume_is_helper(type);
	}
	blkid_free_probe(probe);
}

static int volumes_add(struct volumes *volumes, const char *name,
		       unsigned int number)
{
	struct volume *volume = &volumes->volume[volumes->count++];

	memset(volume, 0, sizeof(*volume));
	snprintf(volume->name, sizeof(volume->name), "%s", name);
	volume->number = number;
	return volume_probe(volume);
}

static int volume_cmp(const void *a, const void *b)
{
	const struct volume *one = a, *other = b;

	return (one->number > other->number) - (one->number < other->number);
}

static int volumes_load(struct volumes *volumes, const struct mapping *disk)
{
	struct partitions *partitions = calloc(1, sizeof(*partitions));
	char foreign[MAPPING_NAME];
	struct mapping part;
	unsigned int i, number;
	int r = 0;

	if (!partitions)
		return -ENOMEM;
	partitions_find(partitions, disk, foreign);
	volumes->count = 0;
	for (i = 0; !r && i < partitions->count; i++)
		if (!mapping_get(partitions->name[i], &part) &&
		    sscanf(part.uuid, "part%u-", &number) == 1)
			r = volumes_add(volumes, part.name, number);
	if (!r && !volumes->count)
		r = volumes_add(volumes, disk->name, 0);
	else if (!r)
		volumes_note_helpers(volumes, disk);
	/* The kernel lists mappings in no order that anybody would expect. */
	qsort(volumes->volume, volumes->count, sizeof(*volumes->volume),
	      volume_cmp);
	free(partitions);
	return r;
}

static const char *volume_advice(const struct volume *volume)
{
	if (!strcmp(volume->type, "LVM2_member"))
		return "use 'vhdx attach', 'vgchange -ay' and mount(8)";
	if (!strncmp(volume->type, "crypto", 6) ||
	    !strcmp(volume->type, "BitLocker"))
		return "use 'vhdx attach', 'cryptsetup open' and mount(8)";
	if (!strcmp(volume->type, "linux_raid_member"))
		return "use 'vhdx attach', 'mdadm --assemble' and mount(8)";
	return "see with 'vhdx attach' and lsblk(8) what is there";
}

/* "1: ext4 'root', 10 GiB; 2: ..." */
static void volumes_describe(const struct volumes *volumes, char *text,
			     size_t size)
{
	const struct volume *volume;
	char bytes[SIZE_TEXT];
	size_t n = 0;
	unsigned int i;

	*text = '\0';
	for (i = 0; i < volumes->count && n < size; i++) {
		volume = &volumes->volume[i];
		n += snprintf(text + n, size - n, "%s%u: %s%s%s%s, %s",
			      i ? "; " : "", volume->number,
			      *volume->type ? volume->type : "nothing known",
			      *volume->label ? " '" : "", volume->label,
			      *volume->label ? "'" : "",
			      size_text(bytes, volume->bytes));
	}
}

/* Return: the only one with a file system; NULL if there are none, or more. */
static const struct volume *volumes_only(const struct volumes *volumes,
					 bool helpers, unsigned int *count)
{
	const struct volume *volume, *found = NULL;
	unsigned int i;

	*count = 0;
	for (i = 0; i < volumes->count; i++) {
		volume = &volumes->volume[i];
		if (volume->filesystem && volume->helper == helpers) {
			found = volume;
			++*count;
		}
	}
	return *count == 1 ? found : NULL;
}

static const struct volume *volumes_pick(const struct volumes *volumes,
					 const char *name)
{
	const struct volume *found;
	unsigned int count;
	char all[1024];

	found = volumes_only(volumes, false, &count);
	if (!found && !count)
		found = volumes_only(volumes, true, &count);
	if (found)
		return found;
	volumes_describe(volumes, all, sizeof(all));
	if (count)
		complain(name, "choose one with --partition",
			 "there are %u file systems on it (%s)", count, all);
	else if (volumes->count == 1)
		complain(name, volume_advice(volumes->volume),
			 "there is no file system on it (%s)",
			 *volumes->volume->type ? volumes->volume->type :
						  "nothing known");
	else
		complain(name, volume_advice(&volumes->volume[volumes->count - 1]),
			 "there is no file system on it (%s)", all);
	return NULL;
}

static const struct volume *volumes_number(const struct volumes *volumes,
					   const char *name,
					   unsigned int number)
{
	const struct volume *found = NULL;
	char all[1024];
	unsigned int i;

	for (i = 0; i < volumes->count; i++)
		if (volumes->volume[i].number == number)
			found = &volumes->volume[i];
	if (!found) {
		volumes_describe(volumes, all, sizeof(all));
		complain(name, NULL, "it has no partition %u (%s)", number,
			 all);
	} else if (!found->filesystem) {
		complain(name, volume_advice(found),
			 "there is no file system on partition %u (%s)",
			 number, *found->type ? found->type : "nothing known");
		found = NULL;
	}
	return found;
}

/**
 * volume_choose() - find what to mount of a disk
 * @disk: the disk, with its partitions mapped
 * @number: of the partition, 0: the whole disk, VOLUME_ANY: the one that has a
 *          file system, those of firmware and recovery not counted if there is
 *          another
 * @volume: result
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int volume_choose(const struct mapping *disk, int number,
		  struct volume *volume)
{
	struct volumes *volumes = calloc(1, sizeof(*volumes));
	const struct volume *found = NULL;
	int r;

	if (!volumes)
		return -ENOMEM;
	r = volumes_load(volumes, disk);
	if (!r) {
		found = number == VOLUME_ANY ?
			volumes_pick(volumes, disk->name) :
			volumes_number(volumes, disk->name, number);
		r = found ? 0 : -ENODATA;
	}
	if (found)
		*volume = *found;
	free(volumes);
	return r;
}
