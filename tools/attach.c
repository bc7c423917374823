// SPDX-License-Identifier: GPL-2.0
/* vhdx attach */
#define _GNU_SOURCE
#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "command.h"
#include "edit.h"
#include "extent.h"
#include "guid.h"
#include "kmsg.h"
#include "loop.h"
#include "mapping.h"
#include "message.h"
#include "output.h"
#include "partition.h"

#define ATTACH_NAME_MAX	64	/* so that partitions and DM UUID fit, too */

/**
 * struct attach - what has been set up so far
 * @path: the image's file or device
 * @options: words for the table, from the user
 * @read_only: the image is not written
 * @grow: the file may be extended
 * @image: the image
 * @extent: how far it reaches
 * @file_bytes: size of the file before it was extended
 * @data_end: everything behind that reads as zeros; 0 if nobody knows
 * @loop: over a file
 * @disk: the mapping
 * @mapped: it exists
 * @partitions: those of @disk
 */
struct attach {
	const char *path;
	const char *options;
	bool read_only;
	bool grow;
	struct image image;
	struct extent extent;
	u64 file_bytes;
	u64 data_end;
	struct loop loop;
	struct mapping disk;
	bool mapped;
	struct partitions partitions;
};

/* The file's name without directory and .vhdx, as a mapping may be called. */
static void attach_default_name(const char *path, char *name)
{
	const char *base = strrchr(path, '/');
	size_t length, i;

	base = base ? base + 1 : path;
	length = strlen(base);
	if (length > 5 && !strcasecmp(base + length - 5, ".vhdx"))
		length -= 5;
	if (length > ATTACH_NAME_MAX)
		length = ATTACH_NAME_MAX;
	for (i = 0; i < length; i++)
		name[i] = isalnum((unsigned char)base[i]) ||
			  strchr("#+-.:=@_", base[i]) ? base[i] : '_';
	name[length] = '\0';
}

static int attach_check_name(const char *name)
{
	struct mapping other;
	const char *c = name;

	while (isalnum((unsigned char)*c) || (*c && strchr("#+-.:=@_", *c)))
		c++;
	if (*c || !*name || c - name > ATTACH_NAME_MAX ||
	    !strcmp(name, ".") || !strcmp(name, "..") ||
	    !strcmp(name, "control")) {
		complain(name, "name it with up to 64 letters, digits or '#+-.:=@_'",
			 "a mapping cannot be called that");
		return -EINVAL;
	}
	if (mapping_get(name, &other) != -ENODEV) {
		complain(name, "choose another NAME or detach it first",
			 "a mapping of that name exists");
		return -EEXIST;
	}
	return 0;
}

/* Read the image: the kernel would refuse a bad one, but in fewer words. */
static int attach_load(struct attach *attach)
{
	struct image *image = &attach->image;
	int r;

	r = image_open(image, attach->path,
		       attach->read_only ? IMAGE_READ : IMAGE_WRITE);
	if (r)
		return r;
	attach->file_bytes = image->file_bytes;
	r = image_load(image);
	if (!r)
		r = extent_load(&attach->extent, image);
	if (r)
		complain_fault(attach->path, r);
	attach->disk.sectors = image->layout.meta.disk_bytes / 512;
	return r;
}

/* Make room in the file. */
static int attach_grow(struct attach *attach)
{
	struct image *image = &attach->image;
	int r;

	if (image->block_device || attach->read_only)
		return 0;
	attach->data_end = extent_data_end(image, attach->extent.end);
	if (!attach->grow)
		attach->extent.max_bytes = attach->extent.end;
	r = extent_grow(&attach->extent, image);
	if (r)
		complain_errno(attach->path, r, "cannot extend the file");
	return r;
}

/* Find or make the block device to map. */
static int attach_device(struct attach *attach, dev_t *dev)
{
	struct image *image = &attach->image;
	struct stat st;
	int r;

	if (image->block_device) {
		*dev = image->st.st_rdev;
		/* The mapping wants to have it exclusively, too. */
		close(image->fd);
		image->fd = -1;
		return 0;
	}

	r = loop_attach(&attach->loop, image->fd, attach->path,
			image->layout.meta.logical_bytes, attach->read_only);
	if (!r && fstat(attach->loop.fd, &st))
		r = -errno;
	if (r) {
		complain(attach->path, "try 'modprobe loop', and 'losetup -a' to see what is in use",
			 "cannot set up a loop device: %s", strerror(-r));
		return r;
	}
	if (!attach->loop.direct)
		note(attach->path, "the file system does not take direct I/O for this image, so it goes through the page cache");
	*dev = st.st_rdev;
	return 0;
}

static int attach_make_table(struct attach *attach, dev_t dev)
{
	struct mapping *disk = &attach->disk;
	unsigned int words = 0;
	char options[512] = "";
	bool in_word = false;
	int n = 0;
	char *c;

	if (attach->read_only)
		n += snprintf(options + n, sizeof(options) - n, " read_only");
	if (attach->data_end &&
	    attach->data_end < attach->image.file_bytes)
		n += snprintf(options + n, sizeof(options) - n,
			      " zeroed_from %" PRIu64, attach->data_end / 512);
	if (attach->options)
		n += snprintf(options + n, sizeof(options) - n, " %s",
			      attach->options);
	if (n >= (int)sizeof(options)) {
		complain(attach->path, NULL, "--options is too long");
		return -EINVAL;
	}
	for (c = options; *c; c++) {
		words += !isspace((unsigned char)*c) && !in_word;
		in_word = !isspace((unsigned char)*c);
	}

	strcpy(disk->target, "vhdx");
	n = snprintf(disk->table, sizeof(disk->table), "%u:%u", major(dev),
		     minor(dev));
	if (words)
		snprintf(disk->table + n, sizeof(disk->table) - n, " %u%s",
			 words, options);
	return 0;
}

static int attach_map(struct attach *attach)
{
	struct mapping *disk = &attach->disk;
	char id[GUID_TEXT], reason[512];
	int kmsg, r;

	disk->read_only = attach->read_only;
	snprintf(disk->uuid, sizeof(disk->uuid), "VHDX-%s-%.64s",
		 guid_text(id, &attach->image.layout.meta.disk_id), disk->name);

	kmsg = kmsg_open();
	r = mapping_create(disk);
	if (r) {
		if (!kmsg_find(kmsg, "vhdx: ", reason, sizeof(reason)))
			snprintf(reason, sizeof(reason), "%s", mapping_error());
		complain(attach->path, "the kernel log ('dmesg') may tell more",
			 "cannot be mapped: %s", reason);
	}
	kmsg_close(kmsg);
	if (r)
		return r;
	attach->mapped = true;
	return mapping_get(disk->name, disk);
}

/* Undo what has been done, the last step first. */
static void attach_undo(struct attach *attach)
{
	partitions_remove(&attach->partitions);
	if (attach->mapped && mapping_remove(attach->disk.name))
		complain(attach->disk.name, "run 'vhdx detach' on it",
			 "cannot be removed: %s", mapping_error());
	loop_close(&attach->loop);
	if (attach->image.fd < 0 ||
	    attach->image.file_bytes <= attach->file_bytes)
		return;
	if (attach->mapped) {
		/* It may have replayed the log into the new space. */
		image_forget(&attach->image);
		extent_trim(&attach->image);
	} else {
		edit_resize(&attach->image, attach->file_bytes);
	}
}

/* Signals that end the program: all of them, to be looked at between steps. */
static void attach_hold_signals(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, before);
}

/* Has one come that would have ended the program? */
static int attach_interrupted(void)
{
	struct sigaction action;
	sigset_t pending;
	int number;

	sigpending(&pending);
	for (number = 1; number < NSIG; number++)
		if (sigismember(&pending, number) == 1 &&
		    !sigaction(number, NULL, &action) &&
		    action.sa_handler != SIG_IGN)
			return -EINTR;
	return 0;
}

/* What is left behind unless it is undone. */
static int attach_steps(struct attach *attach)
{
	dev_t dev;
	int r;

	r = attach_grow(attach);
	if (!r)
		r = attach_interrupted();
	if (!r)
		r = attach_device(attach, &dev);
	if (!r)
		r = attach_make_table(attach, dev);
	if (!r)
		r = attach_interrupted();
	if (!r)
		r = attach_map(attach);
	if (!r)
		r = partitions_create(&attach->partitions, &attach->disk);
	if (!r)
		r = attach_interrupted();
	if (r)
		attach_undo(attach);
	loop_close(&attach->loop);
	return r;
}

static int attach_all(struct attach *attach)
{
	sigset_t before;
	int r;

	r = mapping_start();
	if (!r)
		r = attach_check_name(attach->disk.name);
	if (!r)
		r = attach_load(attach);
	if (!r)
		r = mapping_need_target("vhdx", "dm-vhdx");
	if (r)
		return r;
	attach_hold_signals(&before);
	r = attach_steps(attach);
	/* A signal that has come ends the program here. */
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

static void attach_print(const struct attach *attach, bool json)
{
	static const struct output_column columns[] = {
		{ "Partition", -1 },
		{}
	};
	struct output out;
	char path[256];
	unsigned int i;

	output_begin(&out, json);
	if (!json)
		puts(mapping_path(path, sizeof(path), attach->disk.name));
	output_text(&out, "name", NULL, attach->disk.name);
	output_text(&out, "path", NULL,
		    mapping_path(path, sizeof(path), attach->disk.name));
	output_text(&out, "backing_device", NULL,
		    *attach->loop.path ? attach->loop.path : attach->path);
	output_bool(&out, "read_only", NULL, attach->read_only);
	output_size(&out, "virtual_size", NULL, attach->disk.sectors * 512);
	if (json)
		output_list(&out, "partitions", columns);
	for (i = 0; i < attach->partitions.count; i++) {
		mapping_path(path, sizeof(path), attach->partitions.name[i]);
		if (!json) {
			puts(path);
			continue;
		}
		output_row(&out);
		output_text(&out, "name", NULL, attach->partitions.name[i]);
		output_text(&out, "path", NULL, path);
	}
	if (json)
		output_list_end(&out);
	output_end(&out);
}

static int attach_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "read-only", no_argument, NULL, 'r' },
		{ "no-grow", no_argument, NULL, 'n' },
		{ "options", required_argument, NULL, 'o' },
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	struct attach *attach = calloc(1, sizeof(*attach));
	bool json = false;
	int c, r;

	if (!attach) {
		complain_errno(self->name, ENOMEM, "cannot start");
		return STATUS_FAILED;
	}
	attach->grow = true;
	attach->loop.fd = -1;
	attach->image.fd = -1;
	while ((c = command_option(self, argc, argv, options)) >= 0) {
		attach->read_only |= c == 'r';
		attach->grow &= c != 'n';
		json |= c == 'J';
		if (c == 'o')
			attach->options = optarg;
	}
	command_operands(self, argc, argv, 1, 2, "FILE");
	attach->path = argv[optind];
	if (optind + 1 < argc)
		snprintf(attach->disk.name, sizeof(attach->disk.name), "%s",
			 argv[optind + 1]);
	else
		attach_default_name(attach->path, attach->disk.name);

	r = attach_all(attach);
	if (!r)
		attach_print(attach, json);
	image_close(&attach->image);
	free(attach);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_attach = {
	.name = "attach",
	.summary = "Map an image to a block device in /dev/mapper",
	.synopsis = "[OPTION...] FILE|DEVICE [NAME]",
	.help =
"      --read-only            never write to the image\n"
"      --no-grow              do not extend the file; writes to new blocks wait or\n"
"                             fail when it is full\n"
"      --options 'WORD...'    options for the target, such as\n"
"                             'commit_interval 500' or 'error_if_no_space'\n"
"      --json                 print JSON\n"
"\n"
"NAME is the file's name without .vhdx if it is not given.  Prints the paths of\n"
"the device and of its partitions.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = attach_run,
};
