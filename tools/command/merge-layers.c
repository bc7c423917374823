// SPDX-License-Identifier: GPL-2.0
/* vhdx merge: the command line, the checks and the names; what is written is in merge.c. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "children.h"
#include "command.h"
#include "hostfs.h"
#include "merge.h"
#include "message.h"
#include "named.h"
#include "output.h"
#include "search.h"
#include "size.h"
#include "use.h"

/* Options without a short form. */
enum {
	MERGE_INTO = OPTION_LONG,
	MERGE_KEEP,
	MERGE_KEEP_NAME,
	MERGE_NO_KEEP_NAME,
};

/**
 * struct merge_run - a run of the command
 * @path: the image that is merged
 * @into: the parent that it goes into; NULL: the closest
 * @search: where parents are
 * @keep: nothing is deleted
 * @names: 1: the result has the image's name; -1: it keeps its own; 0: that of
 *         the two that is looked for
 * @force: whatever other children lose
 * @json: report
 * @chain: the image with its parents
 * @merge: what is done
 */
struct merge_run {
	const char *path;
	const char *into;
	struct parent_search search;
	bool keep;
	int names;
	bool force;
	bool json;
	struct chain chain;
	struct merge merge;
};

static struct chain_layer *merge_target(struct merge_run *run)
{
	return run->chain.layer[run->merge.into];
}

static int merge_find_target(struct merge_run *run)
{
	const struct chain *chain = &run->chain;
	struct stat st, *own;
	unsigned int i;

	if (chain->count < 2) {
		complain(run->path, "only a differencing image can be merged",
			 "has no parent");
		return -EINVAL;
	}
	run->merge.chain = &run->chain;
	run->merge.into = 1;
	if (!run->into)
		return 0;
	if (stat(run->into, &st)) {
		complain_errno(run->into, errno, "cannot be found");
		return -ENOENT;
	}
	for (i = 1; i < chain->count; i++) {
		own = &chain->layer[i]->image.st;
		if (own->st_dev != st.st_dev || own->st_ino != st.st_ino)
			continue;
		run->merge.into = i;
		return 0;
	}
	complain(run->into, "'vhdx chain' shows its parents",
		 "is no parent of '%s'", run->path);
	return -EINVAL;
}

/* Both that are written have an empty log, and the disk its size. */
static int merge_check_images(struct merge_run *run)
{
	struct chain_layer *target = merge_target(run), *layer;
	char size[SIZE_TEXT], own[SIZE_TEXT];
	unsigned int i;

	for (i = run->merge.into - 1; i <= run->merge.into; i++) {
		layer = run->chain.layer[i];
		if (!layer->image.dirty)
			continue;
		complain(layer->path, "run 'vhdx replay' on it first",
			 "has a log to replay");
		return -EINVAL;
	}
	if (chain_bytes(&run->chain) == target->image.layout.geo.disk_bytes)
		return 0;
	complain(run->path, "'vhdx flatten' makes one image of both",
		 "its disk has %s, that of '%s' %s",
		 size_text(own, chain_bytes(&run->chain)), target->path,
		 size_text(size, target->image.layout.geo.disk_bytes));
	return -EINVAL;
}

/* Who is based on what is going to be another one, or to be gone. */
static int merge_check_children(struct merge_run *run)
{
	char names[CHILDREN_TEXT];
	const struct image *image;
	unsigned int i;

	for (i = 0; i <= run->merge.into; i++) {
		image = &run->chain.layer[i]->image;
		if ((i && run->force) || (!i && run->keep) ||
		    !children_find(image, i ? &run->chain.layer[i - 1]->image
						.st : NULL, names))
			continue;
		complain(image->path, i ? "merge or flatten them first; --force gives them up" :
			 "merge that into it first, or use --keep and 'vhdx rebase'",
			 "is the parent of %s, too", names);
		return -EBUSY;
	}
	return 0;
}

/* It was opened to be read only, as a parent. */
static int merge_open(struct chain_layer *layer)
{
	struct image *image = &layer->image;
	struct stat st;
	int r = 0;

	close(image->fd);
	image->fd = open(image->path, O_RDWR | O_CLOEXEC |
			 (image->block_device ? O_EXCL : 0));
	if (image->fd < 0 || fstat(image->fd, &st))
		r = -errno;
	else if (st.st_dev != image->st.st_dev ||
		 st.st_ino != image->st.st_ino)
		r = -ESTALE;
	else if (use_lock(image->fd))
		r = -EBUSY;
	image->reader.writable = !r;
	if (r == -EBUSY)
		complain(layer->path, "end that, or detach it, first",
			 "in use by somebody who reads it");
	else if (r)
		complain_errno(layer->path, r, "cannot be opened for writing");
	return r;
}

/* Loop devices that only read it have no lock if a user has made them. */
static int merge_open_all(struct merge_run *run)
{
	struct chain_layer *target = merge_target(run);
	char by[USE_TEXT];
	int r;

	if (!target->image.block_device &&
	    use_find(&target->image.st, by, sizeof(by))) {
		complain(target->path, "detach it first", "in use by %s", by);
		return -EBUSY;
	}
	r = merge_open(target);
	if (!r && run->merge.into > 1)
		r = merge_open(run->chain.layer[run->merge.into - 1]);
	return r;
}

/* Tell what it takes before anything is written. */
static int merge_check_space(struct merge_run *run)
{
	struct image *image = &merge_target(run)->image;
	u64 need = run->merge.placed << image->layout.geo.block_shift;
	u64 end = image_end(image) + need;
	char text[SIZE_TEXT], have[SIZE_TEXT];
	u64 room = image->block_device ? image->file_bytes :
					 image_end(image) +
					 hostfs_free_bytes(image->fd);

	if (end <= room)
		return 0;
	complain(image->path, "make some space, or use 'vhdx flatten' to somewhere else",
		 "it has to grow by %s, there are %s", size_text(text, need),
		 size_text(have, room - min_t(u64, room, image_end(image))));
	return -ENOSPC;
}

static int merge_write_all(struct merge_run *run)
{
	int r = merge_begin(&run->merge);

	if (!r)
		r = merge_copy(&run->merge);
	if (r)
		complain_errno(merge_target(run)->path, r,
			       "cannot write, run the same again");
	return r;
}

/* Is it the result that is going to have the image's name? */
static bool merge_keeps_name(struct merge_run *run)
{
	const char *path = merge_target(run)->path;
	bool keeps = run->names > 0;

	if (!run->names && !run->keep && named_at_boot(run->path)) {
		note(run->path, "named in /etc/vhdxtab or by rd.vhdx: the result takes its name, as with --keep-name");
		keeps = true;
	}
	return keeps && strcmp(path, run->path);
}

static bool merge_same_dir(const char *a, const char *b)
{
	char *one = realpath(a, NULL), *two = realpath(b, NULL);
	bool same = false;

	if (one && two) {
		*strrchr(one, '/') = '\0';
		*strrchr(two, '/') = '\0';
		same = !strcmp(one, two);
	}
	free(one);
	free(two);
	return same;
}

static int merge_check_names(struct merge_run *run, bool keeps)
{
	const struct chain_layer *target = merge_target(run);

	if (!keeps)
		return 0;
	if (!target->image.block_device &&
	    !run->chain.layer[0]->image.block_device &&
	    merge_same_dir(run->path, target->path))
		return 0;
	complain(target->path, "use --no-keep-name",
		 "is not in the directory of '%s', and its own parent would not be found from there",
		 run->path);
	return -EXDEV;
}

/* The result is durable: what it was made from can go, the first one first. */
static int merge_clean(struct merge_run *run, bool keeps)
{
	const char *path;
	unsigned int i = 0;
	int r = 0;

	if (keeps) {
		if (rename(merge_target(run)->path, run->path)) {
			r = -errno;
			complain_errno(run->path, r, "the result cannot take its name");
			return r;
		}
		i = 1;
	}
	for (; !run->keep && i < run->merge.into; i++) {
		path = run->chain.layer[i]->path;
		if (!run->chain.layer[i]->image.block_device && unlink(path)) {
			r = -errno;
			complain_errno(path, r, "merged, but cannot be deleted");
		}
	}
	return r;
}

static void merge_print(struct merge_run *run, bool keeps)
{
	struct output out;

	output_begin(&out, run->json);
	output_text(&out, "file", "Merged into", keeps ? run->path :
		    merge_target(run)->path);
	output_number(&out, "layers", NULL, run->merge.into);
	output_size(&out, "copied", NULL, run->merge.copied);
	output_end(&out);
}

static int merge_all(struct merge_run *run)
{
	bool keeps = false;
	int r;

	r = chain_open(&run->chain, run->path, IMAGE_WRITE, &run->search);
	if (!r)
		r = merge_find_target(run);
	if (!r)
		r = merge_check_images(run);
	if (!r)
		r = merge_check_children(run);
	if (!r) {
		keeps = merge_keeps_name(run);
		r = merge_check_names(run, keeps);
	}
	if (!r)
		r = merge_open_all(run);
	if (!r)
		r = merge_look(&run->merge);
	if (!r)
		r = merge_check_space(run);
	if (!r)
		r = merge_write_all(run);
	if (!r)
		r = merge_clean(run, keeps);
	if (!r)
		merge_print(run, keeps);
	return r;
}

static int merge_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "into", required_argument, NULL, MERGE_INTO },
		{ "keep", no_argument, NULL, MERGE_KEEP },
		{ "keep-name", no_argument, NULL, MERGE_KEEP_NAME },
		{ "no-keep-name", no_argument, NULL, MERGE_NO_KEEP_NAME },
		{ "force", no_argument, NULL, 'f' },
		SEARCH_OPTIONS,
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	struct merge_run *run = calloc(1, sizeof(*run));
	int c, r;

	if (!run) {
		complain_errno(self->name, ENOMEM, "cannot start");
		return STATUS_FAILED;
	}
	while ((c = command_option(self, argc, argv, options)) >= 0) {
		search_option(self, &run->search, c);
		if (c == MERGE_INTO)
			run->into = optarg;
		if (c == MERGE_KEEP_NAME || c == MERGE_NO_KEEP_NAME)
			run->names = c == MERGE_KEEP_NAME ? 1 : -1;
		run->keep |= c == MERGE_KEEP;
		run->force |= c == 'f';
		run->json |= c == 'J';
	}
	command_operands(self, argc, argv, 1, 1, "FILE");
	if (run->keep && run->names > 0)
		command_usage(self, "--keep does not go with --keep-name");
	run->path = argv[optind];
	r = merge_all(run);
	chain_close(&run->chain);
	free(run);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_merge = {
	.name = "merge",
	.summary = "Put what a differencing image has into its parent",
	.synopsis = "[OPTION...] FILE",
	.help =
"      --into PARENT          that one of its parents, with all between; default the\n"
"                             closest\n"
"      --keep                 delete nothing\n"
"      --keep-name            the result takes the name of FILE; the default for\n"
"                             images that /etc/vhdxtab or rd.vhdx names\n"
"      --no-keep-name         the result keeps the name of PARENT\n"
"  -f, --force                even if PARENT has other children, which become\n"
"                             useless\n"
SEARCH_HELP
"  -J, --json                 print what was done, as JSON\n"
"\n"
"The disk of FILE is that of PARENT afterwards, and FILE is deleted.  It must not\n"
"be attached.  After a crash in between FILE is what it was, and the same command\n"
"goes on.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = merge_run,
};
