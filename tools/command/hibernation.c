// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx hibernation: may this machine hibernate?
 *
 * DOC: what must not be hibernated to
 *
 * After the kernel has taken its picture of memory it writes it to the swap
 * space.  In an image that allocates blocks, changes its tables and those of
 * the file system below, and the picture knows nothing of it: what goes on
 * from it later destroys both.  So swap in an image is not for that, nor is a
 * machine whose root needs a program, ntfs-3g, which sleeps by then.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "command.h"
#include "field.h"
#include "message.h"
#include "mounts.h"
#include "source.h"
#include "state.h"
#include "sysfs.h"

#define HIBERNATION_SWAPS	"/proc/swaps"

/* Of what a swap space is on. */
static int hibernation_is_disk(void *arg, const char *name, const char *uuid)
{
	(void)arg;
	(void)name;
	return !strncmp(uuid, "VHDX-", 5) || strstr(uuid, "-VHDX-");
}

/**
 * struct hibernation_mount - the search for what a file is on
 * @path: of the file
 * @length: of the longest directory on the way to it that is mounted
 * @dev: the device there
 */
struct hibernation_mount {
	const char *path;
	size_t length;
	dev_t dev;
};

static int hibernation_visit_mount(void *arg, const char *dir, dev_t dev)
{
	struct hibernation_mount *mount = arg;
	size_t length = strcmp(dir, "/") ? strlen(dir) : 0;

	if (!strncmp(mount->path, dir, length) && mount->path[length] == '/' &&
	    length >= mount->length) {
		mount->length = length;
		mount->dev = dev;
	}
	return 0;
}

/* A device or a file: the device. */
static dev_t hibernation_swap_dev(const char *path)
{
	struct hibernation_mount mount = { .path = path };
	struct stat st;

	if (stat(path, &st))
		return 0;
	if (S_ISBLK(st.st_mode))
		return st.st_rdev;
	if (major(st.st_dev))
		return st.st_dev;
	/* btrfs has numbers of its own. */
	mounts_each(hibernation_visit_mount, &mount);
	return mount.dev;
}

static bool hibernation_swap_is_bad(const char *path)
{
	dev_t dev = hibernation_swap_dev(path);
	char name[64];

	return dev && !sysfs_name(dev, name) &&
	       sysfs_each_below(name, hibernation_is_disk, NULL);
}

static bool hibernation_check_swaps(void)
{
	FILE *file = fopen(HIBERNATION_SWAPS, "re");
	char line[1024], path[1024];
	bool fine = true;

	while (file && fgets(line, sizeof(line), file)) {
		if (*line != '/' ||
		    field_decode(path, sizeof(path), line,
				 strcspn(line, " \t")) ||
		    !hibernation_swap_is_bad(path))
			continue;
		complain(path, "turn it off ('swapoff') and have another one outside of images",
			 "this swap space is in a VHDX image: hibernating to it would destroy the image");
		fine = false;
	}
	if (file)
		fclose(file);
	return fine;
}

static int hibernation_check_image(void *arg, const char *name,
				   const struct state_image *image)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char needle[PATH_MAX + 8], *line = NULL;
	bool *fine = arg;
	size_t size = 0;

	snprintf(needle, sizeof(needle), " %s ", image->host);
	while (*image->host && file && getline(&line, &size, file) >= 0) {
		if (!strstr(line, needle) || !strstr(line, " - fuse"))
			continue;
		complain(name, "boot a kernel that has ntfs3",
			 "its image is on an NTFS that is mounted by ntfs-3g, a program, which would sleep while it is needed: this machine cannot hibernate");
		*fine = false;
	}
	free(line);
	if (file)
		fclose(file);
	return 0;
}

static int hibernation_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { OPTION_HELP, {} };
	bool fine;

	while (command_option(self, argc, argv, options) >= 0)
		;
	command_operands(self, argc, argv, 0, 0, NULL);
	fine = hibernation_check_swaps();
	if (state_has("no-resume")) {
		complain("resume=", "correct it, make the initramfs again if it has that of its own, and boot once more",
			 "the device was not there when the initramfs attached the images, which cannot wait: a machine that hibernates now would not wake up");
		fine = false;
	}
	state_each_image(hibernation_check_image, &fine);
	return fine ? STATUS_OK : STATUS_FAILED;
}

const struct command command_hibernation = {
	.name = "hibernation",
	.summary = "Say whether images allow this machine to hibernate",
	.synopsis = "",
	.help =
"systemd runs it before it hibernates, which it does not if this fails.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = hibernation_run,
};
