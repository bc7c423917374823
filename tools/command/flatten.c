// SPDX-License-Identifier: GPL-2.0
/* vhdx flatten */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "copy.h"
#include "flat.h"
#include "message.h"
#include "output.h"
#include "search.h"
#include "size.h"
#include "vhd-image.h"

/**
 * struct flatten - a run of the command
 * @chain: from here
 * @search: where its parents are
 * @job: what is to be done, and what was
 * @flat: the same, of VHD images
 * @block_bytes: --block-size; 0: it was not given
 */
struct flatten {
	struct chain chain;
	struct parent_search search;
	struct copy_job job;
	struct flat flat;
	u64 block_bytes;
};

static void flatten_print(const struct flatten *flatten, bool json)
{
	const struct vhdx_meta *meta = &flatten->job.format.meta;
	struct output out;

	if (!json)
		return;
	output_begin(&out, true);
	output_text(&out, "file", NULL, flatten->job.path);
	output_number(&out, "layers", NULL, flatten->chain.count);
	output_size(&out, "virtual_size", NULL, meta->disk_bytes);
	output_size(&out, "block_size", NULL, meta->block_bytes);
	output_guid(&out, "disk_id", NULL, &meta->disk_id);
	output_size(&out, "copied", NULL, flatten->job.copied);
	output_size(&out, "shared", NULL, flatten->job.shared);
	output_end(&out);
}

static void flatten_print_vhd(const struct flatten *flatten, bool json)
{
	const struct flat *flat = &flatten->flat;
	struct output out;

	if (!json)
		return;
	output_begin(&out, true);
	output_text(&out, "file", NULL, flat->job.path);
	output_text(&out, "format", NULL, disk_format_name(flat->to.format));
	output_number(&out, "layers", NULL, flat->job.layers);
	output_size(&out, "virtual_size", NULL, flat->to.bytes);
	output_size(&out, "block_size", NULL, flat->to.vhd.block_bytes);
	output_size(&out, "copied", NULL, flat->job.copied);
	output_size(&out, "shared", NULL, flat->job.shared);
	output_end(&out);
}

/* VHD images are of their own kind, all of a chain. */
static int flatten_vhd(struct flatten *flatten, const char *path, bool json)
{
	struct flat *flat = &flatten->flat;
	int r;

	flat->job.path = flatten->job.path;
	flat->job.force = flatten->job.force;
	flat->block_bytes = flatten->block_bytes;
	r = flat_create(flat, path, &flatten->search);
	if (!r)
		flatten_print_vhd(flatten, json);
	flat_close(flat);
	return r;
}

static int flatten_vhdx(struct flatten *flatten, const char *path, bool json)
{
	int r = chain_open(&flatten->chain, path, IMAGE_READ, &flatten->search);

	if (!r) {
		copy_plan(&flatten->job, &flatten->chain, flatten->block_bytes);
		r = copy_create(&flatten->job);
	}
	if (!r)
		flatten_print(flatten, json);
	chain_close(&flatten->chain);
	return r;
}

static u64 flatten_block_size(const struct command *self, const char *text,
			      u64 min)
{
	u64 bytes;

	if (size_parse(text, &bytes) || !is_power_of_2(bytes) ||
	    bytes < min || bytes > VHDX_MAX_BLOCK)
		command_usage(self, "--block-size '%s' is no power of two from %s to 256M",
			      text, min == VHD_MIN_BLOCK ? "4K" : "1M");
	return bytes;
}

static int flatten_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "block-size", required_argument, NULL, 'b' },
		{ "force", no_argument, NULL, 'f' },
		SEARCH_OPTIONS,
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	struct flatten *flatten = calloc(1, sizeof(*flatten));
	const char *block = NULL;
	bool json = false, vhd;
	int c, r;

	if (!flatten) {
		complain_errno(self->name, ENOMEM, "cannot start");
		return STATUS_FAILED;
	}
	while ((c = command_option(self, argc, argv, options)) >= 0) {
		search_option(self, &flatten->search, c);
		flatten->job.force |= c == 'f';
		json |= c == 'J';
		if (c == 'b')
			block = optarg;
	}
	command_operands(self, argc, argv, 2, 2,
			 optind < argc ? "NEW" : "FILE");
	flatten->job.path = argv[optind + 1];

	vhd = vhd_image_is_at(argv[optind]);
	if (block)
		flatten->block_bytes = flatten_block_size(self, block, vhd ?
						VHD_MIN_BLOCK : VHDX_MIN_BLOCK);
	r = vhd ? flatten_vhd(flatten, argv[optind], json) :
		  flatten_vhdx(flatten, argv[optind], json);
	free(flatten);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_flatten = {
	.name = "flatten",
	.summary = "Copy a differencing image and its parents into one new image",
	.synopsis = "[OPTION...] FILE NEW",
	.help =
"  -b, --block-size SIZE      unit of allocation of NEW; default that of FILE\n"
SEARCH_HELP
"  -f, --force                replace NEW if it exists\n"
"  -J, --json                 print what was created, as JSON\n"
"\n"
"NEW is a dynamic image with the disk of FILE, and appears when it is finished.\n"
"Of a VHD image it is one, too, unless its name ends with .vhdx.\n"
"What reads as zeros takes no space in it. FILE and its parents stay as they are.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = flatten_run,
};
