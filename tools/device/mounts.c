// SPDX-License-Identifier: GPL-2.0
/*
 * mount(8) and umount(8) do it: they know about helpers, options that are not
 * the kernel's, and who else has to be told.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "backing.h"
#include "message.h"
#include "mounts.h"
#include "program.h"
#include "target.h"

#define MOUNTS_SAID	1024

/*
 * What mount(8) or umount(8) say begins with their name and the directory, and
 * the first line is what matters.
 */
static const char *mounts_reason(char said[MOUNTS_SAID], const char *program)
{
	char *text = said, *colon;
	size_t length;

	said[strcspn(said, "\n")] = '\0';
	length = strlen(said);
	if (length && said[length - 1] == '.')
		said[length - 1] = '\0';
	if (!strncmp(text, program, strlen(program)) &&
	    !strncmp(text + strlen(program), ": /", 3)) {
		colon = strstr(text + strlen(program) + 2, ": ");
		if (colon)
			text = colon + 2;
	}
	if (*text)
		return text;
	snprintf(said, MOUNTS_SAID, "%s(8) says nothing, or is not there",
		 program);
	return said;
}

/* In one line. */
static void mounts_note(const char *dir, char said[MOUNTS_SAID])
{
	char *c;

	for (c = said; *c; c++)
		if (*c == '\n')
			*c = ' ';
	if (*said)
		note(dir, "%s", said);
}

/* How a file system is mounted that may not even replay its journal. */
static const struct mounts_journal {
	const char *type;
	const char *options;
} mounts_journals[] = {
	{ "ext3", "noload" },
	{ "ext4", "noload" },
	{ "xfs", "norecovery,nouuid" },
	{ "btrfs", "rescue=nologreplay" },
	{ "f2fs", "norecovery" },
	{}
};

static const char *mounts_no_journal(const char *type)
{
	const struct mounts_journal *journal;

	for (journal = mounts_journals; journal->type; journal++)
		if (!strcmp(journal->type, type))
			return journal->options;
	return NULL;
}

/* Once, with these. */
static int mounts_try(const char *device, const char *dir, const char *type,
		      const struct mounts_how *how, const char *more,
		      char said[MOUNTS_SAID])
{
	char options[1024];
	const char *argv[9] = { "mount" };
	int n = 1;

	snprintf(options, sizeof(options), "%s%s%s%s%s",
		 how->read_only ? "ro" : "rw", more ? "," : "", more ?: "",
		 how->options ? "," : "", how->options ?: "");
	if (type) {
		argv[n++] = "-t";
		argv[n++] = type;
	}
	argv[n++] = "-o";
	argv[n++] = options;
	argv[n++] = "--";
	argv[n++] = device;
	argv[n++] = dir;
	return program_run(argv, said, MOUNTS_SAID);
}

/**
 * mounts_add() - mount a file system
 * @volume: what it is on
 * @dir: where
 * @how: how
 *
 * One that would have to replay its journal, and may not, is mounted without.
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int mounts_add(const struct volume *volume, const char *dir,
	       const struct mounts_how *how)
{
	const char *more = how->read_only ? mounts_no_journal(volume->type) :
					    NULL;
	char device[256], said[MOUNTS_SAID], again[MOUNTS_SAID];
	int r;

	mapping_path(device, sizeof(device), volume->name);
	r = mounts_try(device, dir, how->type, how, NULL, said);
	/* Without ntfs-3g; mount(8) knows the driver by no other name. */
	if (r && !how->type && !strcmp(volume->type, "ntfs"))
		r = mounts_try(device, dir, "ntfs3", how, NULL, again);
	if (r && more) {
		r = mounts_try(device, dir, how->type, how, more, again);
		if (!r) {
			note(dir, "its journal was not replayed, as nothing may be written: what was written last may be missing");
			*said = '\0';
		}
	}
	if (r) {
		complain(dir, "'dmesg' may tell more",
			 "%s of '%s' cannot be mounted: %s",
			 *volume->type ? volume->type : "the file system",
			 volume->name, mounts_reason(said, "mount"));
		return -EIO;
	}
	mounts_note(dir, said);
	return 0;
}

/**
 * mounts_remove() - unmount a file system
 * @dir: where it is mounted
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int mounts_remove(const char *dir)
{
	const char *argv[] = { "umount", "--", dir, NULL };
	char said[MOUNTS_SAID];

	if (!program_run(argv, said, sizeof(said)))
		return 0;
	complain(dir, "end what uses it and try again",
		 "cannot be unmounted: %s", mounts_reason(said, "umount"));
	return -EBUSY;
}

/**
 * mounts_each() - visit what is mounted from a block device
 * @visit: called for each, what was mounted first before the rest; non-zero
 *         ends it
 * @arg: for @visit
 *
 * Return: what @visit returned last, 0, or a negative errno.
 */
int mounts_each(mounts_visit_fn visit, void *arg)
{
	struct mntent *entry;
	struct stat st;
	FILE *file;
	int r = 0;

	file = setmntent("/proc/self/mounts", "re");
	if (!file)
		return -errno;
	while (!r && (entry = getmntent(file)))
		if (*entry->mnt_fsname == '/' &&
		    !stat(entry->mnt_fsname, &st) && S_ISBLK(st.st_mode))
			r = visit(arg, entry->mnt_dir, st.st_rdev);
	endmntent(file);
	return r;
}

/**
 * mounts_disk() - the disk of an image that a device belongs to
 * @dev: the disk itself, or a partition of it
 * @disk: result
 *
 * Return: 0 or a negative errno; -ENODEV if it belongs to none.
 */
int mounts_disk(dev_t dev, struct mapping *disk)
{
	u32 event;
	int r = target_get(dev, disk, &event);

	if (!r && !strncmp(disk->uuid, "part", 4) && strstr(disk->uuid, "-VHDX-"))
		r = target_get(backing_dev(disk), disk, &event);
	if (!r && !mapping_is_image(disk))
		r = -ENODEV;
	return r;
}
