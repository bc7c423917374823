// SPDX-License-Identifier: GPL-2.0
/* vhdx umount: umount(8) and detach in one. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "detach.h"
#include "find.h"
#include "message.h"
#include "mounts.h"

/**
 * struct umount - an image that is to be unmounted
 * @disk: its mapping
 * @dir: unmount only that; empty: all that is mounted of it
 * @mounted: where something of it is mounted, the last one found
 * @dev: device of that
 */
struct umount {
	struct mapping disk;
	char dir[PATH_MAX];
	char mounted[PATH_MAX];
	dev_t dev;
};

/* The last one wins: it is on top. */
static int umount_take_dir(void *arg, const char *dir, dev_t dev)
{
	struct umount *umount = arg;

	if (!strcmp(dir, umount->dir)) {
		snprintf(umount->mounted, sizeof(umount->mounted), "%s", dir);
		umount->dev = dev;
	}
	return 0;
}

/* The same for whatever is of the disk. */
static int umount_take_any(void *arg, const char *dir, dev_t dev)
{
	struct umount *umount = arg;
	struct mapping disk;

	if (!mounts_disk(dev, &disk) && disk.dev == umount->disk.dev)
		snprintf(umount->mounted, sizeof(umount->mounted), "%s", dir);
	return 0;
}

static int umount_find_dir(struct umount *umount, const char *what)
{
	if (!realpath(what, umount->dir)) {
		complain_errno(what, errno, "cannot be looked up");
		return -ENOENT;
	}
	mounts_each(umount_take_dir, umount);
	if (!*umount->mounted) {
		complain(what, "'vhdx list' and findmnt(8) show what is there",
			 "nothing is mounted there from a disk");
		return -EINVAL;
	}
	if (mounts_disk(umount->dev, &umount->disk)) {
		complain(what, "use umount(8), and 'vhdx detach' if it is on an image by way of something else",
			 "what is mounted there is not on the disk of an image");
		return -EINVAL;
	}
	return 0;
}

/* Unmount what is to be; then see what is left. */
static int umount_all(struct umount *umount)
{
	int r = 0;

	if (*umount->dir)
		r = mounts_remove(umount->dir);
	for (; !r; r = mounts_remove(umount->mounted)) {
		*umount->mounted = '\0';
		mounts_each(umount_take_any, umount);
		if (*umount->dir || !*umount->mounted)
			break;
	}
	return r;
}

/* Return: false if something is left, or something was lost. */
static bool umount_one(const char *what, bool verbose)
{
	struct umount umount = {};
	struct stat st;
	int r;

	if (!stat(what, &st) && S_ISDIR(st.st_mode))
		r = umount_find_dir(&umount, what);
	else
		r = find_mapping(what, &umount.disk);
	if (!r)
		r = umount_all(&umount);
	if (r)
		return false;
	if (*umount.mounted) {
		note(umount.disk.name, "stays attached: more of it is mounted on '%s'",
		     umount.mounted);
		return true;
	}
	return detach_name(umount.disk.name, verbose);
}

static int umount_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "verbose", no_argument, NULL, 'v' },
		OPTION_HELP,
		{}
	};
	bool verbose = false, well = true;

	while (command_option(self, argc, argv, options) >= 0)
		verbose = true;
	command_operands(self, argc, argv, 1, argc, "DIRECTORY");
	if (mapping_start())
		return STATUS_FAILED;
	for (; optind < argc; optind++)
		well &= umount_one(argv[optind], verbose);
	return well ? STATUS_OK : STATUS_FAILED;
}

const struct command command_umount = {
	.name = "umount",
	.summary = "Unmount the file system on an image, and detach it",
	.synopsis = "[OPTION...] DIRECTORY|NAME|FILE|DEVICE...",
	.help =
"  -v, --verbose              say what is done\n"
"\n"
"Given the image, unmounts all that is mounted of it; given a directory, that,\n"
"and the image stays attached as long as more of it is mounted.\n"
"\n"
"Exit status: 0 unmounted and detached, 1 not, or something that was written is\n"
"lost, 2 usage error.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = umount_run,
};
