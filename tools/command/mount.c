// SPDX-License-Identifier: GPL-2.0
/* vhdx mount: attach and mount(8) in one. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "detach.h"
#include "find.h"
#include "message.h"
#include "mounts.h"
#include "name.h"
#include "signals.h"
#include "stock.h"

/* Options without a short form. */
enum {
	MOUNT_NAME = OPTION_LONG,
	MOUNT_STOCK,
};

/**
 * struct mount - what the user wants, and what there is
 * @path: the image
 * @dir: where
 * @name: of the mapping; NULL: as the file is called
 * @number: of the partition, as for volume_choose()
 * @how: for mount(8)
 * @stock: without the module
 * @verbose: say what is done
 * @disk: the mapping
 * @ours: it was made for this
 */
struct mount {
	const char *path;
	const char *dir;
	const char *name;
	int number;
	struct mounts_how how;
	bool stock;
	bool verbose;
	struct mapping disk;
	bool ours;
};

static int mount_check_dir(const struct mount *mount)
{
	struct stat st;

	if (stat(mount->dir, &st)) {
		complain_errno(mount->dir, errno, "cannot mount there");
		return -ENOENT;
	}
	if (S_ISDIR(st.st_mode))
		return 0;
	complain(mount->dir, "make one", "no directory to mount on");
	return -ENOTDIR;
}

static int mount_attach(struct mount *mount)
{
	struct attachment *image = attachment_new();
	struct stock stock = {};
	int r;

	if (!image) {
		complain_errno(mount->path, ENOMEM, "cannot start");
		return -ENOMEM;
	}
	image->path = mount->path;
	image->read_only = mount->how.read_only;
	image->verbose = mount->verbose;
	image->wanted = mount->number > 0 ? PARTITIONS_ALL :
			mount->number ? PARTITIONS_AUTO : PARTITIONS_NONE;
	if (mount->name)
		snprintf(image->disk.name, sizeof(image->disk.name), "%s",
			 mount->name);
	else
		name_from_path(mount->path, image->disk.name);
	r = mount->stock ? stock_make(&stock, image) : attachment_make(image);
	mount->disk = image->disk;
	mount->ours = !r;
	stock_free(&stock);
	attachment_free(image);
	return r;
}

/* What is attached already is used as it is. */
static int mount_find(struct mount *mount)
{
	int r = find_image(mount->path, &mount->disk);

	if (r)
		return r == -ENODEV ? mount_attach(mount) : r;
	if (mount->disk.read_only && !mount->how.read_only) {
		complain(mount->path, "add --read-only, or detach it first",
			 "attached as '%s', and only to be read",
			 mount->disk.name);
		return -EROFS;
	}
	return 0;
}

static int mount_steps(struct mount *mount)
{
	struct volume volume;
	int r = mount_find(mount);

	if (r)
		return r;
	r = volume_choose(&mount->disk, mount->number, &volume);
	if (!r)
		r = signals_pending();
	if (!r)
		r = mounts_add(&volume, mount->dir, &mount->how);
	if (!r) {
		r = signals_pending();
		if (r)
			mounts_remove(mount->dir);
	}
	if (!r && mount->verbose)
		note(mount->dir, "%s of '%s' mounted", volume.type,
		     volume.name);
	if (r && mount->ours)
		detach_name(mount->disk.name, false);
	return r;
}

static int mount_number(const struct command *self, const char *text)
{
	if (!*text || text[strspn(text, "0123456789")] || strlen(text) > 3)
		command_usage(self, "--partition needs a number, not '%s'",
			      text);
	return strtoul(text, NULL, 10);
}

static void mount_option(struct mount *mount, const struct command *self, int c)
{
	mount->how.read_only |= c == 'r';
	mount->verbose |= c == 'v';
	mount->stock |= c == MOUNT_STOCK;
	if (c == 'o')
		mount->how.options = optarg;
	else if (c == 't')
		mount->how.type = optarg;
	else if (c == 'p')
		mount->number = mount_number(self, optarg);
	else if (c == MOUNT_NAME)
		mount->name = optarg;
}

/* As mount(8) has it: the image itself is not written then either. */
static bool mount_has_ro(const char *options)
{
	size_t length;

	for (; options && *options; options += length + !!options[length]) {
		length = strcspn(options, ",");
		if (length == 2 && !strncmp(options, "ro", 2))
			return true;
	}
	return false;
}

static int mount_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "read-only", no_argument, NULL, 'r' },
		{ "partition", required_argument, NULL, 'p' },
		{ "types", required_argument, NULL, 't' },
		{ "options", required_argument, NULL, 'o' },
		{ "name", required_argument, NULL, MOUNT_NAME },
		{ "stock", no_argument, NULL, MOUNT_STOCK },
		{ "verbose", no_argument, NULL, 'v' },
		OPTION_HELP,
		{}
	};
	struct mount mount = { .number = VOLUME_ANY };
	sigset_t before;
	int c, r;

	while ((c = command_option(self, argc, argv, options)) >= 0)
		mount_option(&mount, self, c);
	command_operands(self, argc, argv, 2, 2,
			 argc - optind ? "DIRECTORY" : "FILE");
	mount.path = argv[optind];
	mount.dir = argv[optind + 1];
	mount.how.read_only |= mount_has_ro(mount.how.options);
	r = mount_check_dir(&mount);
	if (!r)
		r = mapping_start();
	if (r)
		return STATUS_FAILED;
	signals_hold(&before);
	r = mount_steps(&mount);
	signals_release(&before);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_mount = {
	.name = "mount",
	.summary = "Attach an image and mount the file system on it",
	.synopsis = "[OPTION...] FILE|DEVICE DIRECTORY",
	.help =
"  -r, --read-only            never write to the image\n"
"  -p, --partition N          the file system on partition N; 0: on the whole disk\n"
"  -t, --types TYPE           type of the file system, for mount(8)\n"
"  -o, --options OPTION[,...]\n"
"                             options for mount(8)\n"
"      --name NAME            name of the mapping\n"
"      --stock                without the module, see 'vhdx help attach'\n"
"  -v, --verbose              say what is done\n"
"\n"
"Without --partition there has to be one file system, those for firmware and\n"
"recovery not counted. 'vhdx umount' undoes all of it; so does this command if it\n"
"fails half way.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = mount_run,
};
