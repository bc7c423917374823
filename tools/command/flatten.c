// SPDX-License-Identifier: GPL-2.0
/* vhdx flatten */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "copy.h"
#include "message.h"
#include "newfile.h"
#include "output.h"
#include "search.h"
#include "size.h"

/**
 * struct flatten - what is to be done, and what was
 * @chain: from here
 * @search: where its parents are
 * @format: what the new image is like
 * @path: its name
 * @force: replace what has it
 * @copied: bytes written
 */
struct flatten {
	struct chain chain;
	struct parent_search search;
	struct format format;
	const char *path;
	bool force;
	u64 copied;
};

/* The new image appears when it is finished. */
static int flatten_write(struct flatten *flatten, const struct stat *old)
{
	struct newfile file;
	int r;

	r = newfile_open(&file, flatten->path);
	if (!r && old)
		r = newfile_inherit(&file, old);
	if (!r)
		r = copy_into_file(&flatten->chain, &flatten->format, file.fd,
				   flatten->path, &flatten->copied);
	if (!r)
		r = newfile_commit(&file, old);
	newfile_abort(&file);
	if (r == -EEXIST)
		complain(flatten->path, "take another name or remove it",
			 "appeared in the meantime");
	else if (r)
		complain_errno(flatten->path, r, "cannot create");
	return r;
}

static int flatten_create(struct flatten *flatten)
{
	struct image image;
	struct stat st;
	int r;

	if (stat(flatten->path, &st))
		return flatten_write(flatten, NULL);
	if (chain_has_file(&flatten->chain, &st)) {
		complain(flatten->path, "take another name",
			 "is one of the images that are to be read");
		return -EEXIST;
	}
	if (!S_ISREG(st.st_mode)) {
		complain(flatten->path, "name a new file", "is no regular file");
		return -EINVAL;
	}
	if (!flatten->force) {
		complain(flatten->path, "take another name, or use --force to replace it",
			 "exists");
		return -EEXIST;
	}
	/* Only to find out whether it is in use. */
	r = image_open(&image, flatten->path, IMAGE_WRITE);
	if (!r)
		r = flatten_write(flatten, &image.st);
	image_close(&image);
	return r;
}

static void flatten_print(const struct flatten *flatten, bool json)
{
	const struct vhdx_meta *meta = &flatten->format.meta;
	struct output out;

	if (!json)
		return;
	output_begin(&out, true);
	output_text(&out, "file", NULL, flatten->path);
	output_number(&out, "layers", NULL, flatten->chain.count);
	output_size(&out, "virtual_size", NULL, meta->disk_bytes);
	output_size(&out, "block_size", NULL, meta->block_bytes);
	output_guid(&out, "disk_id", NULL, &meta->disk_id);
	output_size(&out, "copied", NULL, flatten->copied);
	output_end(&out);
}

/* As large as the chain's blocks are, unless the user says so. */
static void flatten_plan(struct flatten *flatten, u64 block_bytes)
{
	struct format *format = &flatten->format;

	format->meta = chain_leaf(&flatten->chain)->layout.meta;
	format->meta.has_parent = false;
	format->meta.leave_allocated = false;
	if (block_bytes)
		format->meta.block_bytes = block_bytes;
	format->log_bytes = SZ_1M;
}

static u64 flatten_block_size(const struct command *self, const char *text)
{
	u64 bytes;

	if (size_parse(text, &bytes) || !is_power_of_2(bytes) ||
	    bytes < VHDX_MIN_BLOCK || bytes > VHDX_MAX_BLOCK)
		command_usage(self, "--block-size '%s' is no power of two from 1M to 256M",
			      text);
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
	u64 block_bytes = 0;
	bool json = false;
	int c, r;

	if (!flatten) {
		complain_errno(self->name, ENOMEM, "cannot start");
		return STATUS_FAILED;
	}
	while ((c = command_option(self, argc, argv, options)) >= 0) {
		search_option(self, &flatten->search, c);
		flatten->force |= c == 'f';
		json |= c == 'J';
		if (c == 'b')
			block_bytes = flatten_block_size(self, optarg);
	}
	command_operands(self, argc, argv, 2, 2,
			 optind < argc ? "NEW" : "FILE");
	flatten->path = argv[optind + 1];

	r = chain_open(&flatten->chain, argv[optind], IMAGE_READ,
		       &flatten->search);
	if (!r) {
		flatten_plan(flatten, block_bytes);
		r = flatten_create(flatten);
	}
	if (!r)
		flatten_print(flatten, json);
	chain_close(&flatten->chain);
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
"What reads as zeros takes no space in it. FILE and its parents stay as they are.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = flatten_run,
};
