// SPDX-License-Identifier: GPL-2.0
/* vhdx attach */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "command.h"
#include "daemon.h"
#include "edit.h"
#include "extent.h"
#include "guid.h"
#include "hostfs.h"
#include "identify.h"
#include "kmsg.h"
#include "loop.h"
#include "mapping.h"
#include "message.h"
#include "module.h"
#include "name.h"
#include "options.h"
#include "output.h"
#include "partition.h"
#include "signals.h"

/* Options without a short form. */
enum {
	ATTACH_NO_GROW = OPTION_LONG,
	ATTACH_PARTITIONS,
	ATTACH_NO_PARTITIONS,
};

/**
 * struct attach - what has been set up so far
 * @path: the image's file or device
 * @options: words for the table, from the user
 * @wanted: which partitions to map
 * @dry_run: change nothing, print the table
 * @verbose: say what is done
 * @read_only: the image is not written
 * @grow: the file may be extended
 * @image: the image
 * @extent: how far it reaches
 * @host: its file and the file system below, before the file was extended
 * @steps: the file has to be extended while it is attached
 * @file_bytes: size of the file before it was extended
 * @data_end: everything behind that reads as zeros; 0 if nobody knows
 * @loop: over a file
 * @disk: the mapping
 * @mapped: it exists
 * @partitions: those of @disk
 */
struct attach {
	const char *path;
	struct options options;
	enum partitions_wanted wanted;
	bool dry_run;
	bool verbose;
	bool read_only;
	bool grow;
	struct image image;
	struct extent extent;
	struct hostfs host;
	bool steps;
	u64 file_bytes;
	u64 data_end;
	struct loop loop;
	struct mapping disk;
	bool mapped;
	struct partitions partitions;
};

static int attach_check_name(const char *name)
{
	struct mapping other;
	int r = name_check(name);

	if (r)
		return r;
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
		identify_complain(image, r);
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
	r = hostfs_look(&attach->host, image->fd);
	attach->data_end = extent_data_end(image, attach->extent.end);
	if (!attach->grow)
		attach->extent.max_bytes = attach->extent.end;
	if (!r)
		r = extent_grow(&attach->extent, image, &attach->host,
				&attach->steps);
	if (r) {
		complain_errno(attach->path, r, "cannot extend the file");
		return r;
	}
	r = extent_reserve(image, &attach->host);
	if (r) {
		complain_errno(attach->path, r, "cannot reserve space for log and tables of the image");
		return r;
	}
	hostfs_note_windows(&attach->host, attach->path);
	hostfs_note_copies(&attach->host, attach->path);
	return 0;
}

/* Must no holes be made in the file? */
static bool attach_is_whole(const struct attach *attach)
{
	return attach->host.whole ||
	       (attach->host.ntfs && !attach->host.sparse);
}

/* ... and does the target know how? */
static bool attach_no_unmap(const struct attach *attach)
{
	char lack[256];

	return attach_is_whole(attach) &&
	       !strstr(attach->options.text, " no_unmap") &&
	       !module_lacks("no_unmap", lack, sizeof(lack));
}

/* An upgrade may have brought a tool that is newer than what is loaded. */
static int attach_check_module(const struct attach *attach)
{
	char lack[256];

	if (module_lacks(attach->options.text, lack, sizeof(lack))) {
		complain(attach->path, MODULE_ADVICE, "%s", lack);
		return -EOPNOTSUPP;
	}
	return 0;
}

static void attach_note_module(const struct attach *attach)
{
	char lack[256];

	if (attach_is_whole(attach) &&
	    module_lacks("no_unmap", lack, sizeof(lack)))
		note(attach->path, "holes may be made in the file: %s: %s",
		     lack, MODULE_ADVICE);
}

/* Where the file has no room for all blocks, somebody has to see to it. */
static void attach_watch(const struct attach *attach)
{
	if (attach->steps && daemon_start(attach->disk.name))
		note(attach->disk.name, "its file is not extended, so that writes to new blocks are going to wait for space and fail: run 'vhdx monitor %s'",
		     attach->disk.name);
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
	if (attach->verbose)
		note(attach->path, "%s set up, %s, with sectors of %u bytes",
		     attach->loop.path, attach->loop.direct ? "direct I/O" :
		     "through the page cache",
		     image->layout.meta.logical_bytes);
	if (!attach->loop.direct)
		note(attach->path, "the file system does not take direct I/O for this image, so it goes through the page cache");
	*dev = st.st_rdev;
	return 0;
}

static unsigned int attach_count_words(const char *text)
{
	unsigned int words = 0;

	while ((text = strchr(text, ' '))) {
		words++;
		text++;
	}
	return words;
}

/* @device: its number or its node. */
static void attach_make_table(struct attach *attach, const char *device)
{
	struct mapping *disk = &attach->disk;
	char options[512] = "";
	int n = 0;

	if (attach->read_only)
		n += snprintf(options + n, sizeof(options) - n, " read_only");
	if (attach->data_end && !attach->options.zeroed_from &&
	    attach->data_end < attach->image.file_bytes)
		n += snprintf(options + n, sizeof(options) - n,
			      " zeroed_from %" PRIu64, attach->data_end / 512);
	if (attach_no_unmap(attach))
		n += snprintf(options + n, sizeof(options) - n, " no_unmap");
	snprintf(options + n, sizeof(options) - n, "%s", attach->options.text);

	strcpy(disk->target, "vhdx");
	n = snprintf(disk->table, sizeof(disk->table), "%s", device);
	if (*options)
		snprintf(disk->table + n, sizeof(disk->table) - n, " %u%s",
			 attach_count_words(options), options);
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
	if (attach->verbose)
		note(disk->name, "mapped, with the table '0 %" PRIu64 " %s %s'",
		     disk->sectors, disk->target, disk->table);
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

/* What is left behind unless it is undone. */
static int attach_steps(struct attach *attach)
{
	char device[32];
	dev_t dev;
	int r;

	r = attach_grow(attach);
	if (!r)
		attach_note_module(attach);
	if (!r)
		r = signals_pending();
	if (!r)
		r = attach_device(attach, &dev);
	if (!r)
		r = signals_pending();
	if (!r) {
		snprintf(device, sizeof(device), "%u:%u", major(dev),
			 minor(dev));
		attach_make_table(attach, device);
		r = attach_map(attach);
	}
	if (!r)
		r = partitions_create(&attach->partitions, &attach->disk,
				      attach->wanted);
	if (!r)
		r = signals_pending();
	if (r)
		attach_undo(attach);
	loop_close(&attach->loop);
	if (!r)
		attach_watch(attach);
	return r;
}

/* What attach_steps() would do, as far as it can be told. */
static int attach_pretend(struct attach *attach)
{
	struct image *image = &attach->image;
	const struct extent *extent = &attach->extent;
	int r = name_check(attach->disk.name);

	/* Whoever may ask is told whether the name is free. */
	if (!r && !access("/dev/mapper/control", R_OK | W_OK)) {
		r = mapping_start();
		if (!r)
			r = attach_check_name(attach->disk.name);
	}
	if (!r)
		r = attach_load(attach);
	if (r)
		return r;
	if (image->block_device) {
		attach_make_table(attach, attach->path);
		return 0;
	}
	if (!attach->read_only) {
		r = hostfs_look(&attach->host, image->fd);
		attach->data_end = extent_data_end(image, extent->end);
		image->file_bytes = max_t(u64, image->file_bytes, attach->grow ?
					  extent->max_bytes : extent->end);
	}
	loop_first_free(attach->loop.path);
	attach_make_table(attach, attach->loop.path);
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
		r = module_need();
	if (!r)
		r = attach_check_module(attach);
	if (r)
		return r;
	signals_hold(&before);
	r = attach_steps(attach);
	signals_release(&before);
	return r;
}

/* The line that 'dmsetup create' takes. */
static void attach_print_table(const struct attach *attach, struct output *out)
{
	const struct mapping *disk = &attach->disk;
	char line[MAPPING_PARAMS + 64];

	if (!attach->dry_run)
		return;
	snprintf(line, sizeof(line), "0 %" PRIu64 " %s %s", disk->sectors,
		 disk->target, disk->table);
	output_bool(out, "dry_run", NULL, true);
	output_text(out, "table", NULL, line);
	if (!out->json)
		puts(line);
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
	if (!json && !attach->dry_run)
		puts(mapping_path(path, sizeof(path), attach->disk.name));
	output_text(&out, "name", NULL, attach->disk.name);
	output_text(&out, "path", NULL,
		    mapping_path(path, sizeof(path), attach->disk.name));
	output_text(&out, "backing_device", NULL,
		    *attach->loop.path ? attach->loop.path : attach->path);
	output_bool(&out, "read_only", NULL, attach->read_only);
	output_size(&out, "virtual_size", NULL, attach->disk.sectors * 512);
	attach_print_table(attach, &out);
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

static void attach_parse(const struct command *self, int argc, char **argv,
			 struct attach *attach, bool *json, bool *quiet)
{
	static const struct option options[] = {
		{ "read-only", no_argument, NULL, 'r' },
		{ "no-grow", no_argument, NULL, ATTACH_NO_GROW },
		{ "partitions", no_argument, NULL, ATTACH_PARTITIONS },
		{ "no-partitions", no_argument, NULL, ATTACH_NO_PARTITIONS },
		{ "options", required_argument, NULL, 'o' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "verbose", no_argument, NULL, 'v' },
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	int c;

	while ((c = command_option(self, argc, argv, options)) >= 0) {
		attach->read_only |= c == 'r';
		attach->grow &= c != ATTACH_NO_GROW;
		attach->dry_run |= c == 'n';
		attach->verbose |= c == 'v';
		*quiet |= c == 'q';
		*json |= c == 'J';
		if (c == ATTACH_PARTITIONS)
			attach->wanted = PARTITIONS_ALL;
		else if (c == ATTACH_NO_PARTITIONS)
			attach->wanted = PARTITIONS_NONE;
		else if (c == 'o')
			options_parse(&attach->options, self, optarg);
	}
	attach->read_only |= attach->options.read_only;
	command_operands(self, argc, argv, 1, 2, "FILE");
	attach->path = argv[optind];
	if (optind + 1 < argc)
		snprintf(attach->disk.name, sizeof(attach->disk.name), "%s",
			 argv[optind + 1]);
	else
		name_from_path(attach->path, attach->disk.name);
}

static int attach_run(const struct command *self, int argc, char **argv)
{
	struct attach *attach = calloc(1, sizeof(*attach));
	bool json = false, quiet = false;
	int r;

	if (!attach) {
		complain_errno(self->name, ENOMEM, "cannot start");
		return STATUS_FAILED;
	}
	attach->grow = true;
	attach->loop.fd = -1;
	attach->image.fd = -1;
	attach_parse(self, argc, argv, attach, &json, &quiet);

	r = attach->dry_run ? attach_pretend(attach) : attach_all(attach);
	if (!r && !quiet)
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
"  -r, --read-only            never write to the image\n"
"      --no-grow              do not extend the file; writes to new blocks wait or\n"
"                             fail when it is full\n"
"      --partitions           map the partitions even if the whole disk carries a\n"
"                             file system\n"
"      --no-partitions        do not map partitions\n"
"  -o, --options 'WORD...'    options for the target: 'commit_interval 500',\n"
"                             'error_if_no_space', 'read_only'\n"
"  -n, --dry-run              change nothing, print the line for 'dmsetup create'\n"
"  -q, --quiet                print no paths\n"
"  -v, --verbose              say what is done\n"
"  -J, --json                 print JSON\n"
"\n"
"NAME is the file's name without .vhdx if it is not given.  Prints the paths of\n"
"the device and of its partitions.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = attach_run,
};
