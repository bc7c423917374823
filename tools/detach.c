// SPDX-License-Identifier: GPL-2.0
/* vhdx detach */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "command.h"
#include "extent.h"
#include "loop.h"
#include "mapping.h"
#include "message.h"
#include "partition.h"
#include "sysfs.h"
#include "use.h"

struct detach_search {
	dev_t dev;
	char *name;
};

static int detach_match(void *arg, const char *name, dev_t dev)
{
	struct detach_search *search = arg;

	if (dev != search->dev)
		return 0;
	snprintf(search->name, MAPPING_NAME, "%s", name);
	return 1;
}

/* The mapping on a file or device, or the mapping that a device is. */
static bool detach_find_by_path(const char *path, char name[MAPPING_NAME])
{
	struct detach_search search = { .name = name };
	char disk[64], loop[32], holder[64], found[64];
	struct stat st;

	if (stat(path, &st))
		return false;
	if (S_ISBLK(st.st_mode)) {
		search.dev = st.st_rdev;
		if (mapping_each(detach_match, &search) > 0)
			return true;
		snprintf(disk, sizeof(disk), "dev/block/%u:%u",
			 major(st.st_rdev), minor(st.st_rdev));
	} else if (use_find_loop(&st, loop)) {
		snprintf(disk, sizeof(disk), "block/%s", loop);
	} else {
		return false;
	}
	if (!sysfs_first_holder(disk, holder, found) || !*found)
		return false;
	strcpy(name, found);
	return true;
}

/* Look up what the user means by NAME, FILE or a path in /dev/mapper. */
static int detach_find(const char *what, struct mapping *disk)
{
	char name[MAPPING_NAME];
	int r = -ENODEV;

	if (!strchr(what, '/'))
		r = mapping_get(what, disk);
	if (r == -ENODEV && detach_find_by_path(what, name))
		r = mapping_get(name, disk);
	if (r == -ENODEV) {
		complain(what, "'vhdx list' shows what is attached",
			 "not attached");
	} else if (r) {
		complain_errno(what, r, "cannot be looked up");
	} else if (strcmp(disk->target, "vhdx")) {
		complain(what, "'vhdx list' shows what is attached",
			 "no VHDX mapping");
		r = -EINVAL;
	}
	return r;
}

/* Does somebody have this device for himself, such as a file system? */
static bool detach_claimed(const char *name)
{
	char path[256];
	int fd;

	fd = open(mapping_path(path, sizeof(path), name),
		  O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EBUSY;
}

/* Before anything is removed, so that a device in use keeps its partitions. */
static int detach_check_use(const struct mapping *disk,
			    struct partitions *partitions)
{
	const char *busy = NULL;
	char foreign[MAPPING_NAME];
	unsigned int i;

	if (partitions_find(partitions, disk, foreign)) {
		complain(disk->name, "remove that first", "in use by '%s'",
			 foreign);
		return -EBUSY;
	}
	for (i = 0; !busy && i < partitions->count; i++)
		if (detach_claimed(partitions->name[i]))
			busy = partitions->name[i];
	if (!partitions->count && detach_claimed(disk->name))
		busy = disk->name;
	if (!busy)
		return 0;
	complain(busy, "unmount it or end what uses it, and try again",
		 "in use");
	return -EBUSY;
}

/* The file was extended for the disk to grow: cut off what it did not use. */
static int detach_trim(const struct loop_backing *backing)
{
	struct image image;
	int r;

	r = image_open(&image, backing->path, IMAGE_WRITE_SOON);
	if (!r && (image.st.st_dev != backing->dev ||
		   image.st.st_ino != backing->inode))
		r = -ESTALE;
	if (!r)
		r = extent_trim(&image);
	image_close(&image);
	return r;
}

static int detach_mapping(const struct mapping *disk, bool trim)
{
	struct partitions *partitions = calloc(1, sizeof(*partitions));
	struct loop_backing backing;
	unsigned int number, of;
	int r = partitions ? 0 : -ENOMEM;

	/* Ask the loop device while it is there. */
	if (sscanf(disk->table, "%u:%u", &number, &of) != 2 ||
	    loop_backing(makedev(number, of), &backing) ||
	    !backing.autoclear || backing.read_only)
		trim = false;

	if (!r)
		r = detach_check_use(disk, partitions);
	if (!r)
		r = partitions_remove(partitions);
	free(partitions);
	if (r)
		return r;
	r = mapping_remove(disk->name);
	if (r) {
		complain(disk->name, "end what uses it and try again",
			 "cannot be removed: %s", mapping_error());
		return r;
	}
	if (trim && detach_trim(&backing))
		note(backing.path, "detached, but the end of the file was not cut off");
	return 0;
}

static int detach_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "no-trim", no_argument, NULL, 'n' },
		OPTION_HELP,
		{}
	};
	struct mapping disk;
	bool trim = true;
	int r;

	while (command_option(self, argc, argv, options) >= 0)
		trim = false;
	command_operands(self, argc, argv, 1, 1, "NAME");

	r = mapping_start();
	if (!r)
		r = detach_find(argv[optind], &disk);
	if (!r)
		r = detach_mapping(&disk, trim);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_detach = {
	.name = "detach",
	.summary = "Undo an attach",
	.synopsis = "[--no-trim] NAME|FILE|DEVICE",
	.help =
"      --no-trim              leave the file as long as it is\n"
"\n"
"Removes the partitions, the mapping and the loop device, and cuts off the end\n"
"of the file that the image has not used.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = detach_run,
};
