// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx merge: the command line, the checks and the names; what is written is in
 * merge.c, and for a disk in use in fold.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "command.h"
#include "copy.h"
#include "find.h"
#include "flat.h"
#include "fold.h"
#include "merge.h"
#include "message.h"
#include "named.h"
#include "output.h"
#include "search.h"
#include "use.h"
#include "vhd-chain.h"
#include "vhd-upper.h"
#include "vhd-layer.h"

/* Options without a short form. */
enum {
	MERGE_INTO = OPTION_LONG,
	MERGE_TO,
	MERGE_ABOVE,
	MERGE_KEEP,
	MERGE_KEEP_NAME,
	MERGE_NO_KEEP_NAME,
};

/**
 * struct merge_run - a run of the command
 * @path: the image that is merged, where it really is
 * @into: the parent that it goes into; NULL: the closest
 * @to: the new image that it goes into, as opposed to a parent
 * @above: with @to: the parent of that; NULL: it has none
 * @search: where parents are
 * @keep: nothing is deleted
 * @names: 1: the result has the image's name; -1: it keeps its own; 0: that of
 *         the two that is looked for
 * @force: whatever other children lose
 * @dry_run: write nothing
 * @verbose: say what is done
 * @json: report
 * @chain: the image with its parents
 * @merge: what is done
 */
struct merge_run {
	char *path;
	const char *into;
	const char *to;
	const char *above;
	struct parent_search search;
	bool keep;
	int names;
	bool force;
	bool dry_run;
	bool verbose;
	bool json;
	struct chain chain;
	struct merge merge;
};

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
	struct chain_layer *target = merge_target(&run->merge);
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

static int merge_write_all(struct merge_run *run)
{
	struct merge *merge = &run->merge;
	int r = merge->ops->begin(merge);

	if (!r)
		r = merge->ops->make_room(merge);
	if (!r)
		r = merge->ops->copy(merge);
	if (!r && run->keep)
		r = merge->ops->settle(merge);
	if (r)
		complain_errno(merge_target(&run->merge)->path, r,
			       "cannot write, run the same again");
	return r;
}

/* Is it the result that is going to have the image's name? */
static bool merge_keeps_name(const struct merge_run *run,
			     const struct merge *merge, const char *path)
{
	bool keeps = run->names > 0;

	if (!run->names && !run->keep && named_at_boot(path)) {
		note(path, "named in /etc/vhdxtab or by rd.vhdx: the result takes its name, as with --keep-name");
		keeps = true;
	}
	return keeps && strcmp(merge_target(merge)->path, path);
}

/* By a link, as --parent may name one, it is the image that goes, or changes its name. */
static int merge_rename(const char *from, const char *to)
{
	char *real = realpath(from, NULL);
	int r = real && !rename(real, to) ? child_sync_dir(to) : -errno;

	free(real);
	return r;
}

static int merge_unlink(const char *path)
{
	char *real = realpath(path, NULL);
	int r = real && !unlink(real) ? child_sync_dir(real) : -errno;

	free(real);
	return r;
}

/*
 * The result is durable: what it was made from can go, the first one first, and durably:
 * nothing that is left may lack its parent.
 */
static int merge_clean(struct merge_run *run, bool keeps)
{
	const char *path;
	unsigned int i = 0;
	int r = 0, gone;

	if (keeps) {
		r = merge_rename(merge_target(&run->merge)->path, run->path);
		if (r) {
			complain_errno(run->path, r, "the result cannot take its name");
			return r;
		}
		i = 1;
	}
	for (; !run->keep && i < run->merge.into; i++) {
		path = run->chain.layer[i]->path;
		gone = run->chain.layer[i]->image.block_device ? 0 :
		       merge_unlink(path);
		if (gone) {
			r = gone;
			complain_errno(path, r, "merged, but cannot be deleted");
		}
	}
	return r;
}

/* What would be done. */
static void merge_pretend(const struct merge_run *run,
			  const struct merge *merge, const char *name)
{
	const struct image *image = &merge_target(merge)->image;
	struct output out;

	output_begin(&out, run->json);
	if (name)
		output_text(&out, "name", "Name", name);
	output_text(&out, "file", "Would be merged into", image->path);
	output_number(&out, "layers", "Layers", merge->into);
	output_size(&out, "bytes", "To be copied", merge->bytes);
	output_size(&out, "growth", "It grows by", merge->ops->growth(merge));
	output_bool(&out, "attached", NULL, name);
	output_end(&out);
}

static void merge_print(struct merge_run *run, bool keeps)
{
	struct output out;

	output_begin(&out, run->json);
	output_text(&out, "file", "Merged into", keeps ? run->path :
		    merge_target(&run->merge)->path);
	output_number(&out, "layers", NULL, run->merge.into);
	output_size(&out, "copied", NULL, run->merge.copied);
	output_size(&out, "shared", NULL, run->merge.shared);
	output_bool(&out, "attached", NULL, false);
	output_end(&out);
}

static void merge_print_live(struct merge_run *run, const struct fold *fold)
{
	struct output out;

	output_begin(&out, run->json);
	output_text(&out, "name", "Name", fold->disk.name);
	output_text(&out, "file", "Merged into", fold->keep_name ? fold->path :
		    fold->target);
	output_number(&out, "layers", NULL, fold->layers);
	output_size(&out, "copied", NULL, fold->copied);
	output_size(&out, "shared", NULL, fold->shared);
	output_number(&out, "passes", NULL, fold->passes);
	output_number(&out, "pause_us", NULL, fold->pause_us);
	output_bool(&out, "attached", NULL, true);
	output_end(&out);
}

/* Nothing is written before all of it is known to be possible. */
static int merge_write_file(struct merge_run *run, bool keeps)
{
	int r = merge_write_all(run);

	if (!r)
		r = merge_clean(run, keeps);
	if (!r)
		merge_print(run, keeps);
	return r;
}

/* A chain of either format. */
static int merge_open_chain(struct merge_run *run)
{
	int r;

	if (!vhd_image_is_at(run->path))
		return chain_open(&run->chain, run->path, IMAGE_WRITE,
				  &run->search);
	r = vhd_chain_open(&run->chain, run->path, IMAGE_WRITE, &run->search);
	return r ? r : vhd_layers_load(&run->merge.vhd, &run->chain);
}

/* What is deleted or replaced is the image, not a link to it. */
static int merge_resolve(struct merge_run *run)
{
	char *path = realpath(run->path, NULL);

	if (path) {
		free(run->path);
		run->path = path;
		return 0;
	}
	complain_errno(run->path, errno, "cannot be found");
	return -ENOENT;
}

/* Of a file that is not in use. */
static int merge_file(struct merge_run *run)
{
	struct stat st;
	bool keeps = false;
	int r = 0;

	if (!lstat(run->path, &st) && S_ISLNK(st.st_mode))
		r = merge_resolve(run);
	if (!r)
		r = merge_open_chain(run);
	if (!r)
		r = merge_find_target(&run->merge, &run->chain, run->into);
	if (!r)
		r = merge_check_images(&run->merge, 0);
	if (!r)
		r = merge_check_children(&run->merge, run->keep, run->force);
	if (!r) {
		keeps = merge_keeps_name(run, &run->merge, run->path);
		r = keeps ? merge_check_names(&run->merge, run->path) : 0;
	}
	if (!r)
		r = merge_open_all(run);
	if (!r)
		r = run->merge.ops->look(&run->merge);
	if (!r)
		r = merge_check_space(&run->merge);
	if (!r && run->dry_run)
		merge_pretend(run, &run->merge, NULL);
	else if (!r)
		r = merge_write_file(run, keeps);
	return r;
}

/* The new image is a child of one of the parents. */
static int merge_set_parent(struct merge_run *run, struct copy_job *job)
{
	const struct chain_layer *parent;
	int r;

	r = merge_find_target(&run->merge, &run->chain, run->above);
	if (r)
		return r;
	parent = merge_target(&run->merge);
	job->layers = run->merge.into;
	job->format.meta.has_parent = true;
	r = image_hold_name(&parent->image, false);
	return r ? r : child_locate(&job->format, run->to, parent->path,
			    &parent->image.layout.header.data_write_guid);
}

static void merge_print_new(const struct merge_run *run,
			    const struct copy_job *job)
{
	struct output out;

	output_begin(&out, run->json);
	output_text(&out, "file", "Merged into", run->to);
	output_number(&out, "layers", NULL, job->layers);
	output_size(&out, "copied", NULL, job->copied);
	output_size(&out, "shared", NULL, job->shared);
	output_bool(&out, "attached", NULL, false);
	output_end(&out);
}

/* Into a new image: all of them stay as they are. */
static int merge_new(struct merge_run *run)
{
	struct copy_job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return -ENOMEM;
	r = chain_open(&run->chain, run->path, IMAGE_READ, &run->search);
	if (!r) {
		copy_plan(job, &run->chain, 0);
		job->path = run->to;
		job->force = run->force;
	}
	if (!r && run->above)
		r = merge_set_parent(run, job);
	if (!r)
		r = copy_create(job);
	if (!r)
		merge_print_new(run, job);
	free(job->format.locator);
	free(job);
	return r;
}

/* The same of VHD images, as far as one of the parents. */
static int merge_above_vhd(struct merge_run *run)
{
	struct vhd_upper *upper = calloc(1, sizeof(*upper));
	int r;

	if (!upper)
		return -ENOMEM;
	upper->job.chain = &run->chain;
	upper->job.path = run->to;
	upper->job.force = run->force;
	r = vhd_chain_open(&run->chain, run->path, IMAGE_READ, &run->search);
	if (!r)
		r = merge_find_target(&run->merge, &run->chain, run->above);
	upper->job.layers = run->merge.into;
	if (!r)
		r = vhd_upper_create(upper);
	if (!r)
		merge_print_new(run, &upper->job);
	vhd_upper_free(upper);
	free(upper);
	return r;
}

/* All of them. */
static int merge_new_vhd(struct merge_run *run)
{
	struct flat *flat = calloc(1, sizeof(*flat));
	int r;

	if (!flat)
		return -ENOMEM;
	flat->job.path = run->to;
	flat->job.force = run->force;
	r = flat_create(flat, run->path, &run->search);
	if (!r)
		merge_print_new(run, &flat->job);
	flat_close(flat);
	free(flat);
	return r;
}

/* Of a disk in use. */
static int merge_live(struct merge_run *run, const struct mapping *disk)
{
	struct fold *fold;
	int r;

	if (run->keep) {
		complain(disk->name, "take a snapshot afterwards",
			 "in use, so that nothing that is merged can be kept");
		return -EINVAL;
	}
	fold = calloc(1, sizeof(*fold));
	if (!fold)
		return -ENOMEM;
	fold->disk = *disk;
	fold->into = run->into;
	fold->force = run->force;
	fold->verbose = run->verbose;
	r = fold_look(fold);
	if (!r) {
		fold->keep_name = merge_keeps_name(run, &fold->merge,
						   fold->path);
		r = fold_check(fold);
	}
	if (!r && run->dry_run) {
		merge_pretend(run, &fold->merge, disk->name);
	} else if (!r) {
		r = fold_run(fold);
		if (!r)
			merge_print_live(run, fold);
	}
	fold_free(fold);
	free(fold);
	return r;
}

static int merge_any(struct merge_run *run)
{
	struct mapping disk;
	int r = -ENODEV;

	if (run->to && !vhd_image_is_at(run->path))
		return merge_new(run);
	if (run->to)
		return run->above ? merge_above_vhd(run) : merge_new_vhd(run);
	if (mapping_possible() && !geteuid()) {
		r = mapping_start();
		if (!r)
			r = find_leaf(run->path, &disk);
	}
	if (!r)
		return merge_live(run, &disk);
	return r == -ENODEV ? merge_file(run) : r;
}

static int merge_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "into", required_argument, NULL, MERGE_INTO },
		{ "to", required_argument, NULL, MERGE_TO },
		{ "above", required_argument, NULL, MERGE_ABOVE },
		{ "keep", no_argument, NULL, MERGE_KEEP },
		{ "keep-name", no_argument, NULL, MERGE_KEEP_NAME },
		{ "no-keep-name", no_argument, NULL, MERGE_NO_KEEP_NAME },
		{ "force", no_argument, NULL, 'f' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "verbose", no_argument, NULL, 'v' },
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
		if (c == MERGE_TO)
			run->to = optarg;
		if (c == MERGE_ABOVE)
			run->above = optarg;
		if (c == MERGE_KEEP_NAME || c == MERGE_NO_KEEP_NAME)
			run->names = c == MERGE_KEEP_NAME ? 1 : -1;
		run->keep |= c == MERGE_KEEP;
		run->force |= c == 'f';
		run->dry_run |= c == 'n';
		run->verbose |= c == 'v';
		run->json |= c == 'J';
	}
	command_operands(self, argc, argv, 1, 1, "NAME");
	if (run->keep && run->names > 0)
		command_usage(self, "--keep does not go with --keep-name");
	if (run->above && !run->to)
		command_usage(self, "--above goes with --to only");
	if (run->to && (run->into || run->keep || run->names || run->dry_run))
		command_usage(self, "--to does not go with --into, --keep, --keep-name, --no-keep-name and --dry-run");
	run->path = strdup(argv[optind]);
	r = merge_any(run);
	vhd_layers_free(run->merge.vhd, run->chain.count);
	chain_close(&run->chain);
	free(run->path);
	free(run);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_merge = {
	.name = "merge",
	.summary = "Put what a differencing image has into its parent",
	.synopsis = "[OPTION...] NAME|FILE|DEVICE",
	.help =
"      --into PARENT          that one of its parents, with all between; default the\n"
"                             closest\n"
"      --to NEW               into a new image; all others stay as they are\n"
"      --above PARENT         with --to: only what is above that one of the parents,\n"
"                             whose child NEW is\n"
"      --keep                 delete nothing\n"
"      --keep-name            the result takes the name of FILE; the default for\n"
"                             images that /etc/vhdxtab or rd.vhdx names\n"
"      --no-keep-name         the result keeps the name of PARENT\n"
"  -f, --force                even if PARENT has other children, which become\n"
"                             useless; with --to: replace NEW if it exists\n"
"  -n, --dry-run              write nothing; say what would be done\n"
SEARCH_HELP
"  -v, --verbose              say what is done\n"
"  -J, --json                 print what was done, as JSON\n"
"\n"
"The disk of FILE is that of PARENT afterwards, and FILE is deleted.  A disk that\n"
"is attached goes on, with PARENT, after short pauses.  After a crash in between\n"
"the disk is what it was, and the same command goes on.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = merge_run,
};
