// SPDX-License-Identifier: GPL-2.0
/* vhdx create --format vhd */
#include <stdlib.h>
#include <sys/stat.h>
#include <uuid/uuid.h>

#include "message.h"
#include "size.h"
#include "vhd-chain.h"
#include "vhd-image.h"
#include "vhd.h"

#define CREATE_VHD_BLOCK	(2 * (u64)SZ_1M)	/* as everybody has it */

static void create_vhd_check_blocks(const struct command *self, u64 block_bytes)
{
	char text[SIZE_TEXT];
	u64 next = VHD_MIN_BLOCK;

	while (next < block_bytes && next < VHD_MAX_BLOCK)
		next <<= 1;
	if (next != block_bytes)
		command_usage(self, "--block-size is no power of two from 4K to 256M, the next one is %s",
			      size_argument(text, next));
}

/*
 * Software that goes by the geometry, or by whole MiB, makes another size of
 * what is neither.
 */
static void create_vhd_check_size(const struct command *self,
				  const struct create_vhd *vhd)
{
	u64 most = VHD_MAX_SECTORS * VHD_SECTOR;
	u64 unit = vhd->exact ? VHD_SECTOR : SZ_1M;
	char text[SIZE_TEXT];

	if (vhd->disk_bytes > most)
		command_usage(self, "the size is more than the largest possible of a VHD, %s",
			      size_argument(text, most));
	if (!(vhd->disk_bytes % unit))
		return;
	size_argument(text, round_up_u64(vhd->disk_bytes, unit));
	if (vhd->exact)
		command_usage(self, "the size is no multiple of the 512-byte sector, the next one is %s",
			      text);
	else if (vhd->azure)
		command_usage(self, "the size is no multiple of 1M, which Azure wants, the next one is %s",
			      text);
	command_usage(self, "the size is no multiple of 1M, and not all software keeps such a size: the next one is %s, and --exact takes it as it is",
		      text);
}

/**
 * create_vhd_settle() - judge the command line
 * @self: the command
 * @vhd: the options
 *
 * Ends the program on a usage error.
 */
void create_vhd_settle(const struct command *self, const struct create_vhd *vhd)
{
	if (vhd->parent && (vhd->azure || vhd->fixed))
		command_usage(self, "--parent makes a differencing image, which is never fixed");
	if (vhd->azure && vhd->have_type && !vhd->fixed)
		command_usage(self, "--azure makes a fixed image, not a dynamic one");
	if (vhd->azure && vhd->exact)
		command_usage(self, "--azure does not go with --exact");
	if ((vhd->fixed || vhd->azure) && vhd->block_bytes)
		command_usage(self, "a fixed VHD has no blocks, so --block-size does not go with it");
	if (!vhd->parent)
		create_vhd_check_size(self, vhd);
	if (vhd->block_bytes)
		create_vhd_check_blocks(self, vhd->block_bytes);
}

/* --force would put the child in place of its parent, or of one of those of that. */
static int create_vhd_check_place(const struct create_vhd *vhd, const char *path)
{
	static const struct parent_search nowhere;
	struct chain *chain;
	struct stat st;
	bool is_parent;
	int r;

	if (stat(path, &st))
		return 0;
	chain = calloc(1, sizeof(*chain));
	if (!chain)
		return -ENOMEM;
	r = vhd_chain_open(chain, vhd->parent, IMAGE_READ, &nowhere);
	is_parent = chain_has_file(chain, &st);
	chain_close(chain);
	free(chain);
	if (!is_parent)
		return r;
	complain(path, "take another name",
		 "is a parent of what is to be created");
	return -EEXIST;
}

/* A child is of its parent's size: to make it another one is to resize it. */
static int create_vhd_take_parent(struct create_vhd *vhd, const char *path)
{
	struct vhd_format *format = &vhd->format;
	char text[SIZE_TEXT];
	int r = create_vhd_check_place(vhd, path);

	if (r)
		return r;
	r = vhd_parent_describe(&format->parent, vhd->parent, path);
	if (r)
		return r;
	if (vhd->disk_bytes && vhd->disk_bytes != format->parent.disk_bytes) {
		complain(path, "leave SIZE out",
			 "a differencing image has the size of its parent, %s",
			 size_argument(text, format->parent.disk_bytes));
		return -EINVAL;
	}
	format->type = VHD_TYPE_DIFFERENCING;
	format->disk_bytes = format->parent.disk_bytes;
	format->block_bytes = vhd->block_bytes ? vhd->block_bytes :
			      format->parent.block_bytes ?
			      format->parent.block_bytes : CREATE_VHD_BLOCK;
	return 0;
}

static int create_vhd_check_count(const struct vhd_format *format,
				  const char *path)
{
	if (format->type == VHD_TYPE_FIXED ||
	    format->disk_bytes / format->block_bytes < VHD_MAX_BLOCKS)
		return 0;
	complain(path, "use a larger --block-size", "%s",
		 vhdx_fault_text(VHDX_FAULT_VHD_BLOCK_COUNT));
	return -EFBIG;
}

/**
 * create_vhd_prepare() - work out what the image is to be like
 * @vhd: the options; takes the result, of which the parent has to be freed
 * @path: where the image is going to be
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int create_vhd_prepare(struct create_vhd *vhd, const char *path)
{
	struct vhd_format *format = &vhd->format;
	int r = 0;

	if (vhd->parent) {
		r = create_vhd_take_parent(vhd, path);
	} else {
		format->type = vhd->fixed || vhd->azure ? VHD_TYPE_FIXED :
							  VHD_TYPE_DYNAMIC;
		format->disk_bytes = vhd->disk_bytes;
		format->block_bytes = vhd->block_bytes ? vhd->block_bytes :
							 CREATE_VHD_BLOCK;
	}
	uuid_generate_random(format->id.b);
	return r ? r : create_vhd_check_count(format, path);
}

/**
 * create_vhd_print() - report what was created, for JSON
 * @vhd: the options
 * @out: the report
 */
void create_vhd_print(const struct create_vhd *vhd, struct output *out)
{
	const struct vhd_format *format = &vhd->format;
	char text[VHD_ID_TEXT];

	output_text(out, "format", NULL, "vhd");
	output_text(out, "type", NULL, format->type == VHD_TYPE_FIXED ? "fixed" :
		    format->type == VHD_TYPE_DYNAMIC ? "dynamic" :
						       "differencing");
	output_size(out, "virtual_size", NULL, format->disk_bytes);
	if (format->type != VHD_TYPE_FIXED)
		output_size(out, "block_size", NULL, format->block_bytes);
	output_number(out, "logical_sector_size", NULL, VHD_SECTOR);
	output_number(out, "physical_sector_size", NULL, VHD_SECTOR);
	output_text(out, "disk_id", NULL, vhd_image_id(text, &format->id));
	if (vhd->parent)
		output_text(out, "parent_id", NULL,
			    vhd_image_id(text, &format->parent.id));
}
