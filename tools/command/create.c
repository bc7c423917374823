// SPDX-License-Identifier: GPL-2.0
/* vhdx create: the command line; what is written is in format.c. */
#define _GNU_SOURCE
#include <blkid/blkid.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "chain.h"
#include "child.h"
#include "command.h"
#include "disk.h"
#include "format.h"
#include "guid.h"
#include "message.h"
#include "newfile.h"
#include "output.h"
#include "search.h"
#include "size.h"
#include "vhd-image.h"
#include "vhd.h"

/* Options without a short form. */
enum {
	CREATE_LOG_SIZE = OPTION_LONG,
	CREATE_LOGICAL,
	CREATE_PHYSICAL,
	CREATE_FORMAT,
	CREATE_EXACT,
	CREATE_AZURE,
};

/**
 * struct create - what the command line says
 * @format: what the image is to be like; sizes that are 0 are the parent's
 * @path: where
 * @parent: its parent, or NULL
 * @search: where the parent's own parents are
 * @chain: the parent with its own; nobody writes to them in the meantime
 * @block_bytes: 0: the default
 * @is_vhd: it is to be a VHD image
 * @vhdx_only: an option that only VHDX images have
 * @vhd_only: an option that only VHD images have
 * @vhd: what a VHD image is to be like
 * @force: replace what is there
 * @json: report
 */
struct create {
	struct format format;
	const char *path;
	const char *parent;
	struct parent_search search;
	struct chain chain;
	u64 block_bytes;
	bool is_vhd;
	const char *vhdx_only;
	const char *vhd_only;
	struct create_vhd vhd;
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

/* The default is that of Windows, for each kind. */
static void create_check_sizes(const struct command *self,
			       struct create *create)
{
	struct vhdx_meta *meta = &create->format.meta;

	create_check_size(self, meta);
	if (!create->block_bytes)
		create->block_bytes = create->parent ? CHILD_BLOCK_BYTES :
						       32 * (u64)SZ_1M;
	create_check_blocks(self, create->block_bytes);
	meta->block_bytes = create->block_bytes;
	if (meta->physical_bytes < meta->logical_bytes)
		command_usage(self, "--physical-sector-size is below the logical one");
}

/* What a child has from its parent, and what it may have otherwise. */
static void create_inherit(const struct command *self, struct create *create)
{
	const struct vhdx_meta *from =
		&chain_leaf(&create->chain)->layout.meta;
	struct vhdx_meta *meta = &create->format.meta;
	char text[SIZE_TEXT];

	if (meta->leave_allocated)
		command_usage(self, "an image with a parent cannot be 'fixed'");
	if (meta->logical_bytes && meta->logical_bytes != from->logical_bytes)
		command_usage(self, "--logical-sector-size is %u: the parent's sectors have %u bytes",
			      meta->logical_bytes, from->logical_bytes);
	if (meta->disk_bytes && meta->disk_bytes < from->disk_bytes)
		command_usage(self, "the size is less than the parent's, %s",
			      size_argument(text, from->disk_bytes));
	child_inherit(meta, from);
}

/* Its own parents have to be there: it is the whole disk that is inherited. */
static int create_open_parent(const struct command *self, struct create *create)
{
	struct chain *chain = &create->chain;
	struct stat st;
	int r;

	if (vhd_image_is_at(create->parent)) {
		complain(create->parent, "add '--format vhd'",
			 "a VHD image, whose children are VHD images");
		return -EINVAL;
	}
	r = chain_open(chain, create->parent, IMAGE_READ, &create->search);
	if (r)
		return r;
	if (chain->count == VHDX_MAX_LAYERS) {
		complain_fault(create->parent, VHDX_FAULT_CHAIN_DEEP);
		return -ELOOP;
	}
	if (!stat(create->path, &st) && chain_has_file(chain, &st)) {
		complain(create->path, "take another name",
			 "is a parent of what is to be created");
		return -EEXIST;
	}
	create_inherit(self, create);
	return image_hold_name(chain_leaf(chain), false);
}

static void create_set_format(const struct command *self, struct create *create)
{
	create->is_vhd = !strcmp(optarg, "vhd");
	if (!create->is_vhd && strcmp(optarg, "vhdx"))
		command_usage(self, "--format %s is neither 'vhdx' nor 'vhd'",
			      optarg);
}

/* What only VHD images have, and how a VHD image is to be otherwise. */
static void create_settle_vhd(const struct command *self, struct create *create)
{
	struct create_vhd *vhd = &create->vhd;

	if (create->vhdx_only)
		command_usage(self, "%s does not go with --format vhd",
			      create->vhdx_only);
	vhd->parent = create->parent;
	vhd->fixed = create->format.meta.leave_allocated;
	vhd->disk_bytes = create->format.meta.disk_bytes;
	vhd->block_bytes = create->block_bytes;
	create_vhd_settle(self, vhd);
}

/* An option that images of one format have. */
static void create_set_special(const struct command *self,
			       struct create *create, int c)
{
	switch (c) {
	case CREATE_FORMAT:
		create_set_format(self, create);
		break;
	case CREATE_EXACT:
		create->vhd_only = "--exact";
		create->vhd.exact = true;
		break;
	case CREATE_AZURE:
		create->vhd_only = "--azure";
		create->vhd.azure = true;
		break;
	}
}

static void create_parse(const struct command *self, int argc, char **argv,
			 struct create *create)
{
	static const struct option options[] = {
		{ "format", required_argument, NULL, CREATE_FORMAT },
		{ "exact", no_argument, NULL, CREATE_EXACT },
		{ "azure", no_argument, NULL, CREATE_AZURE },
		{ "type", required_argument, NULL, 't' },
		{ "size", required_argument, NULL, 's' },
		{ "block-size", required_argument, NULL, 'b' },
		{ "log-size", required_argument, NULL, CREATE_LOG_SIZE },
		{ "logical-sector-size", required_argument, NULL,
		  CREATE_LOGICAL },
		{ "physical-sector-size", required_argument, NULL,
		  CREATE_PHYSICAL },
		{ "force", no_argument, NULL, 'f' },
		SEARCH_OPTIONS,
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	struct vhdx_meta *meta = &create->format.meta;
	u64 log_bytes = SZ_1M;
	bool have_size = false;
	int c;

	while ((c = command_option(self, argc, argv, options)) >= 0) {
		switch (c) {
		case CREATE_FORMAT:
		case CREATE_EXACT:
		case CREATE_AZURE:
			create_set_special(self, create, c);
			break;
		case 't':
			create->vhd.have_type = true;
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
			create->block_bytes = create_size(self, "--block-size",
							  optarg);
			if (!create->block_bytes)
				create_check_blocks(self, 0);
			break;
		case CREATE_LOG_SIZE:
			create->vhdx_only = "--log-size";
			log_bytes = create_size(self, "--log-size", optarg);
			break;
		case CREATE_LOGICAL:
			create->vhdx_only = "--logical-sector-size";
			meta->logical_bytes = create_sector_size(self,
					"--logical-sector-size", optarg);
			break;
		case CREATE_PHYSICAL:
			create->vhdx_only = "--physical-sector-size";
			meta->physical_bytes = create_sector_size(self,
					"--physical-sector-size", optarg);
			break;
		case SEARCH_FILE:
			if (create->parent)
				command_usage(self, "more than one --parent");
			create->parent = optarg;
			break;
		case SEARCH_DIR:
			create->vhdx_only = "--parent-dir";
			search_option(self, &create->search, c);
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
	else if (!have_size && !create->parent)
		command_usage(self, "SIZE is missing");
	if (have_size + (optind + 1 < argc) && !meta->disk_bytes)
		create_check_size(self, meta);
	if (create->search.dirs && !create->parent)
		command_usage(self, "--parent-dir does not go without --parent");
	if (create->is_vhd) {
		create_settle_vhd(self, create);
		return;
	}
	if (create->vhd_only)
		command_usage(self, "%s needs --format vhd", create->vhd_only);
	create_check_log(self, log_bytes);
	create->format.log_bytes = log_bytes;
	if (create->parent)
		return;
	if (!meta->logical_bytes)
		meta->logical_bytes = 512;
	if (!meta->physical_bytes)
		meta->physical_bytes = 4096;
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
	if (!r && create->is_vhd)
		r = vhd_format_file(&create->vhd.format, file.fd, create->path);
	else if (!r)
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
	if (vhd_image_is(image))
		return "a VHD image";
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
	r = create->is_vhd ? vhd_format_device(&create->vhd.format, &image) :
			     format_device(&create->format, &image);
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
	if (create->is_vhd) {
		create_vhd_print(&create->vhd, &out);
		output_end(&out);
		return;
	}
	output_text(&out, "format", NULL, "vhdx");
	output_text(&out, "type", NULL, meta->has_parent ? "differencing" :
		    meta->leave_allocated ? "fixed" : "dynamic");
	if (create->parent)
		output_text(&out, "parent", NULL, create->parent);
	output_size(&out, "virtual_size", NULL, meta->disk_bytes);
	output_size(&out, "block_size", NULL, meta->block_bytes);
	output_number(&out, "logical_sector_size", NULL, meta->logical_bytes);
	output_number(&out, "physical_sector_size", NULL,
		      meta->physical_bytes);
	output_guid(&out, "disk_id", NULL, &meta->disk_id);
	output_size(&out, "log_size", NULL, create->format.log_bytes);
	output_end(&out);
}

/* In a new file, in place of an old one, or on a device. */
static int create_anywhere(struct create *create)
{
	struct image image;
	struct stat st;
	bool exists = !stat(create->path, &st);
	int r;

	if (exists && S_ISBLK(st.st_mode))
		return create_on_device(create);
	if (exists && !create->force) {
		complain(create->path, "take another name, or use --force to replace it",
			 "exists");
		return -EEXIST;
	}
	if (exists) {
		/* Only to find out whether it is in use. */
		r = image_open(&image, create->path, IMAGE_WRITE);
		if (!r)
			r = create_file(create, &image.st);
		image_close(&image);
		return r;
	}
	if (!lstat(create->path, &st)) {
		complain(create->path, "remove it, or take another name",
			 "is a symbolic link to nothing");
		return -EEXIST;
	}
	return create_file(create, NULL);
}

/* Work out what a VHDX image is to be like. */
static int create_prepare(const struct command *self, struct create *create)
{
	int r = create->parent ? create_open_parent(self, create) : 0;

	if (r)
		return r;
	create_check_sizes(self, create);
	return !create->parent ? 0 :
	       child_locate(&create->format, create->path, create->parent,
			    &chain_leaf(&create->chain)->layout.header
			     .data_write_guid);
}

static int create_run(const struct command *self, int argc, char **argv)
{
	struct create *create = calloc(1, sizeof(*create));
	int r;

	if (!create) {
		complain_errno(self->name, ENOMEM, "cannot start");
		return STATUS_FAILED;
	}
	create_parse(self, argc, argv, create);
	r = create->is_vhd ? create_vhd_prepare(&create->vhd, create->path) :
			     create_prepare(self, create);
	if (!r)
		r = create_anywhere(create);
	if (!r && !create->is_vhd &&
	    disk_format_of_name(create->path) == DISK_VHD)
		note(create->path, "made as VHDX, whatever the name says: '--format vhd' makes a VHD image");
	if (!r && create->json)
		create_print(create);
	vhd_parent_free(&create->vhd.format.parent);
	chain_close(&create->chain);
	free(create->format.locator);
	free(create);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_create = {
	.name = "create",
	.summary = "Create an image in a new file or on a block device",
	.synopsis = "[OPTION...] FILE [SIZE]",
	.help =
"      --format FORMAT        'vhdx' (the default), or 'vhd', the older one\n"
"  -s, --size SIZE            another way to give it\n"
"  -t, --type TYPE            'dynamic' (the default): the file grows as the disk\n"
"                             is written; or 'fixed': all space is taken now\n"
"  -b, --block-size SIZE      unit of allocation, a power of two from 1M to 256M;\n"
"                             default 32M, with a parent 2M; of a VHD from 4K,\n"
"                             default 2M or the parent's\n"
"      --parent FILE          a differencing image: it has what FILE has, which must\n"
"                             not be written to from then on; SIZE is FILE's, or more\n"
"                             (of a VHD, FILE's)\n"
"      --parent-dir DIR       look for FILE's own parents in DIR, by the end of the\n"
"                             path that it has; may be repeated\n"
"      --exact                VHD: SIZE need not be a multiple of 1M\n"
"      --azure                VHD: as Azure takes it, fixed and a multiple of 1M\n"
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
"SIZE is the size of the virtual disk, up to 64T, of a VHD 2040G: a number of\n"
"bytes, or one with K, M, G or T (powers of 1024), such as 1.5G.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = create_run,
};
