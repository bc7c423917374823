// SPDX-License-Identifier: GPL-2.0
/* vhdx create: the command line; what is written is in format.c. */
#define _GNU_SOURCE
#include <blkid/blkid.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "command.h"
#include "format.h"
#include "guid.h"
#include "image.h"
#include "message.h"
#include "newfile.h"
#include "output.h"
#include "size.h"

/* Options without a short form. */
enum {
	CREATE_LOG_SIZE = OPTION_LONG,
	CREATE_LOGICAL,
	CREATE_PHYSICAL,
};

struct create {
	struct format format;
	const char *path;
	bool force;
	bool json;
};

static u64 create_size(const struct command *self, const char *option,
		       const char *text)
{
	u64 bytes;
	int r = size_parse(text, &bytes);

	if (r == -ERANGE)
		command_usage(self, "%s '%s' is too large", option, text);
	if (r)
		command_usage(self, "%s '%s' is no size: write a number of bytes, "
			      "or one with K, M, G or T", option, text);
	return bytes;
}

static u32 create_sector_size(const struct command *self, const char *option,
			      const char *text)
{
	u64 bytes = create_size(self, option, text);

	if (bytes != 512 && bytes != 4096)
		command_usage(self, "%s %s is neither 512 nor 4096", option,
			      text);
	return bytes;
}

/* SIZE: 64 TiB at most, and whole sectors. */
static void create_check_size(const struct command *self,
			      const struct vhdx_meta *meta)
{
	char text[SIZE_TEXT];
	u64 next;

	if (!meta->disk_bytes)
		command_usage(self, "the size must not be 0");
	if (meta->disk_bytes > VHDX_MAX_DISK_BYTES)
		command_usage(self, "the size is more than the largest possible, %s",
			      size_argument(text, VHDX_MAX_DISK_BYTES));
	if (meta->disk_bytes % meta->logical_bytes) {
		next = round_up_u64(meta->disk_bytes, meta->logical_bytes);
		command_usage(self, "the size is no multiple of the %u-byte sector, "
			      "the next one is %s", meta->logical_bytes,
			      size_argument(text, next));
	}
}

static void create_check_blocks(const struct command *self, u64 block_bytes)
{
	char text[SIZE_TEXT];
	u64 next = VHDX_MIN_BLOCK;

	while (next < block_bytes && next < VHDX_MAX_BLOCK)
		next <<= 1;
	if (next != block_bytes)
		command_usage(self, "--block-size is no power of two from 1M to "
			      "256M, the next one is %s",
			      size_argument(text, next));
}

static void create_check_log(const struct command *self, u64 log_bytes)
{
	char text[SIZE_TEXT];
	u64 next = round_up_u64(log_bytes ? log_bytes : 1, SZ_1M);

	if (log_bytes > VHDX_MAX_LOG_BYTES)
		command_usage(self, "--log-size is more than the largest possible, %s",
			      size_argument(text, VHDX_MAX_LOG_BYTES));
	if (next != log_bytes)
		command_usage(self, "--log-size is no multiple of 1M, the next one "
			      "is %s", size_argument(text, next));
}

static void create_parse(const struct command *self, int argc, char **argv,
			 struct create *create)
{
	static const struct option options[] = {
		{ "type", required_argument, NULL, 't' },
		{ "size", required_argument, NULL, 's' },
		{ "block-size", required_argument, NULL, 'b' },
		{ "log-size", required_argument, NULL, CREATE_LOG_SIZE },
		{ "logical-sector-size", required_argument, NULL,
		  CREATE_LOGICAL },
		{ "physical-sector-size", required_argument, NULL,
		  CREATE_PHYSICAL },
		{ "force", no_argument, NULL, 'f' },
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	struct vhdx_meta *meta = &create->format.meta;
	u64 block_bytes = 32 * (u64)SZ_1M, log_bytes = SZ_1M;
	bool have_size = false;
	int c;

	meta->logical_bytes = 512;
	meta->physical_bytes = 4096;
	while ((c = command_option(self, argc, argv, options)) >= 0) {
		switch (c) {
		case 't':
			meta->leave_allocated = !strcmp(optarg, "fixed");
			if (!meta->leave_allocated && strcmp(optarg, "dynamic"))
				command_usage(self, "--type %s is neither "
					      "'dynamic' nor 'fixed'", optarg);
			break;
		case 's':
			meta->disk_bytes = create_size(self, "--size", optarg);
			have_size = true;
			break;
		case 'b':
			block_bytes = create_size(self, "--block-size", optarg);
			break;
		case CREATE_LOG_SIZE:
			log_bytes = create_size(self, "--log-size", optarg);
			break;
		case CREATE_LOGICAL:
			meta->logical_bytes = create_sector_size(self,
					"--logical-sector-size", optarg);
			break;
		case CREATE_PHYSICAL:
			meta->physical_bytes = create_sector_size(self,
					"--physical-sector-size", optarg);
			break;
		case 'f':
			create->force = true;
			break;
		case 'J':
			create->json = true;
			break;
		}
	}
	command_operands(self, argc, argv, 1, have_size ? 1 : 2, "FILE");
	create->path = argv[optind];
	if (optind + 1 < argc)
		meta->disk_bytes = create_size(self, "SIZE", argv[optind + 1]);
	else if (!have_size)
		command_usage(self, "SIZE is missing");
	create_check_size(self, meta);
	create_check_blocks(self, block_bytes);
	create_check_log(self, log_bytes);
	if (meta->physical_bytes < meta->logical_bytes)
		command_usage(self, "--physical-sector-size is below the logical one");
	meta->block_bytes = block_bytes;
	create->format.log_bytes = log_bytes;
	guid_random(&meta->disk_id);
}

/* @old: the file to be replaced, or NULL. */
static int create_file(struct create *create, const struct stat *old)
{
	struct newfile file;
	int r;

	r = newfile_open(&file, create->path);
	if (!r && old)
		r = newfile_inherit(&file, old);
	if (!r)
		r = format_file(&create->format, file.fd, create->path);
	if (!r)
		r = newfile_commit(&file, old);
	newfile_abort(&file);
	if (r == -EEXIST)
		complain(create->path, "take another name or remove it",
			 "appeared in the meantime");
	else if (r)
		complain_errno(create->path, r, "cannot create");
	return r;
}

/* What is on a device already: a description, or NULL. */
static const char *create_find_signature(struct image *image)
{
	static char text[128];
	const char *type = NULL;
	blkid_probe probe;
	u8 ident[8];

	if (!image->reader.read(&image->reader, VHDX_IDENT_OFF, ident, 8) &&
	    !vhdx_ident_check(ident))
		return "a VHDX image";
	probe = blkid_new_probe();
	if (!probe || blkid_probe_set_device(probe, image->fd, 0, 0)) {
		blkid_free_probe(probe);
		return NULL;
	}
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_enable_partitions(probe, 1);
	while (!type && !blkid_do_probe(probe))
		if (blkid_probe_lookup_value(probe, "TYPE", &type, NULL))
			blkid_probe_lookup_value(probe, "PTTYPE", &type, NULL);
	if (type)
		snprintf(text, sizeof(text), "'%s' data", type);
	blkid_free_probe(probe);
	return type ? text : NULL;
}

static int create_on_device(struct create *create)
{
	const char *found;
	struct image image;
	int r;

	r = image_open(&image, create->path, IMAGE_WRITE);
	if (r)
		goto out;
	found = create->force ? NULL : create_find_signature(&image);
	if (found) {
		complain(create->path, "use --force to overwrite it",
			 "holds %s", found);
		r = -EEXIST;
		goto out;
	}
	r = format_device(&create->format, &image);
out:
	image_close(&image);
	return r;
}

static void create_print(const struct create *create)
{
	const struct vhdx_meta *meta = &create->format.meta;
	struct output out;

	output_begin(&out, true);
	output_text(&out, "file", NULL, create->path);
	output_text(&out, "format", NULL, "vhdx");
	output_text(&out, "type", NULL,
		    meta->leave_allocated ? "fixed" : "dynamic");
	output_size(&out, "virtual_size", NULL, meta->disk_bytes);
	output_size(&out, "block_size", NULL, meta->block_bytes);
	output_number(&out, "logical_sector_size", NULL, meta->logical_bytes);
	output_number(&out, "physical_sector_size", NULL,
		      meta->physical_bytes);
	output_guid(&out, "disk_id", NULL, &meta->disk_id);
	output_size(&out, "log_size", NULL, create->format.log_bytes);
	output_end(&out);
}

static int create_run(const struct command *self, int argc, char **argv)
{
	struct create create = {};
	struct image image;
	struct stat st;
	bool exists;
	int r;

	create_parse(self, argc, argv, &create);
	exists = !stat(create.path, &st);
	if (exists && S_ISBLK(st.st_mode)) {
		r = create_on_device(&create);
	} else if (exists && !create.force) {
		complain(create.path, "take another name, or use --force to replace it",
			 "exists");
		r = -EEXIST;
	} else if (exists) {
		/* Only to find out whether it is in use. */
		r = image_open(&image, create.path, IMAGE_WRITE);
		if (!r)
			r = create_file(&create, &image.st);
		image_close(&image);
	} else if (!lstat(create.path, &st)) {
		complain(create.path, "remove it, or take another name",
			 "is a symbolic link to nothing");
		r = -EEXIST;
	} else {
		r = create_file(&create, NULL);
	}
	if (!r && create.json)
		create_print(&create);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_create = {
	.name = "create",
	.summary = "Create an image in a new file or on a block device",
	.synopsis = "[OPTION...] FILE SIZE",
	.help =
"  -s, --size SIZE            another way to give it\n"
"  -t, --type TYPE            'dynamic' (the default): the file grows as the disk\n"
"                             is written; or 'fixed': all space is taken now\n"
"  -b, --block-size SIZE      unit of allocation, a power of two from 1M to 256M;\n"
"                             default 32M\n"
"      --log-size SIZE        space for the log, a multiple of 1M up to 1G;\n"
"                             default 1M\n"
"      --logical-sector-size SIZE\n"
"                             512 (the default) or 4096\n"
"      --physical-sector-size SIZE\n"
"                             512 or 4096 (the default)\n"
"  -f, --force                replace FILE if it exists; overwrite what a block\n"
"                             device holds\n"
"  -J, --json                 print what was created, as JSON\n"
"\n"
"SIZE is the size of the virtual disk, up to 64T: a number of bytes, or one with\n"
"K, M, G or T (powers of 1024), such as 1.5G.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = create_run,
};
