// SPDX-License-Identifier: GPL-2.0
/* vhdx rebase: the command line and the checks; what is written is in reparent.c. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "edit.h"
#include "guid.h"
#include "hostfs.h"
#include "identify.h"
#include "locator.h"
#include "message.h"
#include "output.h"
#include "rebase.h"
#include "reparent.h"
#include "search.h"
#include "size.h"
#include "vhd-image.h"

/* Options without a short form. */
enum {
	REBASE_CONTENT = OPTION_LONG,
};

/**
 * struct rebase - a VHDX image gets another parent
 * @want: what is to be done
 * @image: the image, open for writing, without @content
 * @locator: of that
 * @old: the image with its old parents, with @content
 * @new: the parent to be, with its own
 * @reparent: what has to be copied
 */
struct rebase {
	struct rebase_request want;
	struct image image;
	void *locator;
	struct chain old;
	struct chain new;
	struct reparent reparent;
};

static struct image *rebase_image(struct rebase *rebase)
{
	return rebase->want.content ? &rebase->old.layer[0]->image : &rebase->image;
}

static const void *rebase_locator(const struct rebase *rebase)
{
	return rebase->want.content ? rebase->old.layer[0]->locator :
				 rebase->locator;
}

static const guid_t *rebase_guid(const struct rebase *rebase)
{
	return &chain_leaf(&rebase->new)->layout.header.data_write_guid;
}

/* Is it the parent that the image has already, wherever it is? */
static bool rebase_is_same(const struct rebase *rebase)
{
	return vhdx_locator_accepts(rebase_locator(rebase),
				    rebase_guid(rebase));
}

/* The image alone, with an empty log. */
static int rebase_open_image(struct rebase *rebase)
{
	struct image *image = &rebase->image;
	u64 entries;
	int r;

	r = image_open(image, rebase->want.path, IMAGE_WRITE);
	if (r)
		return r;
	image->reader.parents = true;
	r = image_load(image);
	if (!r && !image->layout.meta.has_parent) {
		complain(rebase->want.path, "only a differencing image can be rebased",
			 "has no parent");
		return -EINVAL;
	}
	entries = r ? 0 : image_log_entries(image);
	if (entries) {
		r = edit_replay(image);
		image_forget(image);
		if (!r)
			r = image_load(image);
	}
	if (!r)
		r = parent_load_locator(image, &rebase->locator);
	if (r)
		identify_complain(image, r);
	return r;
}

/* The image with its old parents, which have to be there. */
static int rebase_open_old(struct rebase *rebase)
{
	int r = rebase_open_image(rebase);

	if (r || !rebase->want.content)
		return r;
	image_close(&rebase->image);
	rebase->image.fd = -1;
	return chain_open(&rebase->old, rebase->want.path, IMAGE_WRITE,
			  &rebase->want.search);
}

/* The new parent with its own; the image must not be one of them (case 51). */
static int rebase_open_new(struct rebase *rebase)
{
	struct chain *chain = &rebase->new;
	struct stat st;
	int r;

	r = chain_open(chain, rebase->want.parent, IMAGE_READ, &rebase->want.search);
	if (r)
		return r;
	if (!stat(rebase->want.path, &st) && chain_has_file(chain, &st))
		r = VHDX_FAULT_CHAIN_LOOP;
	else if (chain->count == VHDX_MAX_LAYERS)
		r = VHDX_FAULT_CHAIN_DEEP;
	if (r)
		complain_fault(rebase->want.parent, r);
	return r ? r : image_hold_name(chain_leaf(chain), false);
}

/* Cases 50, 51. */
static int rebase_judge(struct rebase *rebase)
{
	const struct image *image = rebase_image(rebase);
	char wants[GUID_TEXT], has[GUID_TEXT];
	guid_t linkage[2];

	if (chain_leaf(&rebase->new)->layout.geo.sector_shift !=
	    image->layout.geo.sector_shift) {
		complain_fault(rebase->want.parent, VHDX_FAULT_CHAIN_SECTOR);
		return VHDX_FAULT_CHAIN_SECTOR;
	}
	if (rebase->want.force || rebase->want.content || rebase_is_same(rebase))
		return 0;
	vhdx_locator_linkage(rebase_locator(rebase), linkage);
	complain(rebase->want.parent, "use --content to keep the disk as it is, or --force if you know that it is the same",
		 "has the data write GUID %s, the parent of '%s' should have %s",
		 guid_text(has, rebase_guid(rebase)), rebase->want.path,
		 guid_text(wants, &linkage[0]));
	return VHDX_FAULT_CHAIN_LINKAGE;
}

/* Tell what it takes before anything is written. */
static int rebase_check_space(struct rebase *rebase)
{
	struct image *image = rebase_image(rebase);
	u64 end = image_end(image) + ((u64)rebase->reparent.placed <<
				      image->layout.geo.block_shift);
	char need[SIZE_TEXT], have[SIZE_TEXT];
	u64 more = end > image->file_bytes ? end - image->file_bytes : 0;
	u64 room = image->block_device ? 0 : hostfs_free_bytes(image->fd);

	if (more <= room)
		return 0;
	size_text_two(need, more, have, room);
	complain(image->path, "make some space, or use 'vhdx flatten' to somewhere else",
		 "what differs takes %s more, there are %s", need, have);
	return -ENOSPC;
}

static int rebase_write(struct rebase *rebase, const void *item, u32 bytes)
{
	struct image *image = rebase_image(rebase);
	int r;

	/* Whoever relies on what it was has to know. */
	if (!rebase->want.content && !rebase_is_same(rebase))
		guid_random(&image->layout.header.data_write_guid);
	r = edit_header(image);
	if (!r && rebase->reparent.count)
		r = reparent_copy(&rebase->reparent);
	return r ? r : reparent_locator(image, item, bytes);
}

static int rebase_do(struct rebase *rebase)
{
	bool same = rebase_is_same(rebase);
	void *item = NULL;
	u32 bytes;
	int r;

	r = locator_make(&item, &bytes, rebase->want.path, rebase->want.parent,
			 same ? NULL : rebase_guid(rebase),
			 rebase_locator(rebase));
	if (r == -EILSEQ)
		complain(rebase->want.parent, "rename it",
			 "Windows has no such names, so no child could name it");
	else if (!r)
		r = rebase_write(rebase, item, bytes);
	if (r && r != -EILSEQ)
		complain_errno(rebase->want.path, vhdx_fault_errno(r),
			       "cannot write");
	free(item);
	return r;
}

static int rebase_compare(struct rebase *rebase)
{
	int r;

	rebase->reparent.old = &rebase->old;
	rebase->reparent.new = &rebase->new;
	r = reparent_look(&rebase->reparent);
	if (r) {
		complain_errno(rebase->want.path, r, "cannot compare the parents");
		return r;
	}
	return rebase_check_space(rebase);
}

static void rebase_print(const struct rebase *rebase)
{
	struct output out;

	output_begin(&out, true);
	output_text(&out, "file", NULL, rebase->want.path);
	output_text(&out, "parent", NULL, rebase->want.parent);
	output_guid(&out, "parent_guid", NULL, rebase_guid(rebase));
	output_size(&out, "copied", NULL, rebase->reparent.copied);
	output_end(&out);
}

static int rebase_vhdx(const struct rebase_request *want)
{
	struct rebase *rebase = calloc(1, sizeof(*rebase));
	int r;

	if (!rebase) {
		complain_errno(want->path, ENOMEM, "cannot start");
		return -ENOMEM;
	}
	rebase->want = *want;
	rebase->image.fd = -1;
	r = rebase_open_new(rebase);
	if (!r)
		r = rebase_open_old(rebase);
	if (!r)
		r = rebase_judge(rebase);
	if (!r && want->content)
		r = rebase_compare(rebase);
	if (!r)
		r = rebase_do(rebase);
	if (!r && want->json)
		rebase_print(rebase);
	reparent_free(&rebase->reparent);
	chain_close(&rebase->old);
	chain_close(&rebase->new);
	image_close(&rebase->image);
	free(rebase->locator);
	free(rebase);
	return r;
}

static void rebase_parse(const struct command *self, int argc, char **argv,
			 struct rebase_request *want)
{
	static const struct option options[] = {
		{ "content", no_argument, NULL, REBASE_CONTENT },
		{ "force", no_argument, NULL, 'f' },
		SEARCH_OPTIONS,
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	int c;

	while ((c = command_option(self, argc, argv, options)) >= 0) {
		search_option(self, &want->search, c);
		want->content |= c == REBASE_CONTENT;
		want->force |= c == 'f';
		want->json |= c == 'J';
	}
	command_operands(self, argc, argv, 2, 2,
			 optind < argc ? "PARENT" : "FILE");
	if (want->content && want->force)
		command_usage(self, "--content does not go with --force");
	want->path = argv[optind];
	want->parent = argv[optind + 1];
}

static int rebase_run(const struct command *self, int argc, char **argv)
{
	static struct rebase_request want;
	int r;

	rebase_parse(self, argc, argv, &want);
	r = vhd_image_is_at(want.path) ? rebase_vhd(&want) : rebase_vhdx(&want);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_rebase = {
	.name = "rebase",
	.summary = "Give a differencing image another parent, or say where it is now",
	.synopsis = "[OPTION...] FILE PARENT",
	.help =
"      --content              the disk of FILE stays what it is: where PARENT has\n"
"                             something else than the old parents, that is copied\n"
"                             into FILE\n"
"  -f, --force                take PARENT though it is another one; what FILE's disk\n"
"                             is then depends on it\n"
SEARCH_HELP
"  -J, --json                 print what was done, as JSON\n"
"\n"
"Without --content and --force PARENT has to be the parent that FILE has already,\n"
"in another place. Only FILE is written to.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = rebase_run,
};
