// SPDX-License-Identifier: GPL-2.0
/* vhdx attach */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "attachment.h"
#include "command.h"
#include "entry.h"
#include "message.h"
#include "name.h"
#include "output.h"
#include "resolve.h"
#include "search.h"
#include "size.h"
#include "stock.h"
#include "tab.h"

/* Options without a short form. */
enum {
	ATTACH_NO_GROW = OPTION_LONG,
	ATTACH_MAX_SIZE,
	ATTACH_PARTITIONS,
	ATTACH_NO_PARTITIONS,
	ATTACH_TAB_FILE,
	ATTACH_STOCK,
	ATTACH_IGNORE_PARENT_ID,
};

/**
 * struct attach - what the user wants
 * @self: the command
 * @options: words for the table
 * @has_options: there was --options, even with nothing in it
 * @wanted: which partitions to map
 * @dry_run: change nothing, print the table
 * @verbose: say what is done
 * @read_only: the image is not written
 * @grow: the file may be extended
 * @most_bytes: but not beyond this; 0: as far as it takes
 * @force: attach an image that has children
 * @search: where to look for parents
 * @json: print JSON
 * @quiet: print nothing
 * @all: what the table lists
 * @stock: without the module's target
 * @entry: what the table has of this name; NULL: FILE and NAME are given
 * @tab_file: the table
 */
struct attach {
	const struct command *self;
	struct options options;
	bool has_options;
	enum partitions_wanted wanted;
	bool dry_run;
	bool verbose;
	bool read_only;
	bool grow;
	u64 most_bytes;
	bool force;
	struct parent_search search;
	bool json;
	bool quiet;
	bool all;
	bool stock;
	const char *entry;
	const char *tab_file;
};

/* What 'dmsetup create' takes.  @stock: without the module, else NULL */
static void attach_print_table(const struct attachment *attach,
			       struct stock *stock, struct output *out)
{
	const struct mapping *disk = &attach->disk;
	char line[MAPPING_PARAMS + 64];
	char *lines = NULL;

	if (!attach->dry_run)
		return;
	snprintf(line, sizeof(line), "0 %" PRIu64 " %s %s", disk->sectors,
		 disk->target, disk->table);
	if (stock)
		lines = stock_table(stock);
	output_bool(out, "dry_run", NULL, true);
	output_text(out, "table", NULL, lines ?: line);
	if (!out->json)
		puts(lines ?: line);
	free(lines);
}

/* For programs only: who types the command knows, or 'vhdx status' tells. */
static void attach_print_parents(const struct layers *parents,
				 struct output *out)
{
	static const struct output_column none[] = { {} };
	const struct layer *layer;
	unsigned int i;

	if (!out->json)
		return;
	output_list(out, "parents", none);
	for (i = 0; i < parents->count; i++) {
		layer = &parents->layer[i];
		output_row(out);
		output_text(out, "device", NULL, layer->device);
		if (layer->file)
			output_text(out, "file", NULL, layer->file);
	}
	output_list_end(out);
}

static void attach_print(const struct attachment *attach, struct stock *stock,
			 bool json)
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
	attach_print_table(attach, stock, &out);
	attach_print_parents(&attach->parents, &out);
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

/* One image, by its path.  @entry: what the table says of it, or NULL. */
static int attach_image(const struct attach *attach, const char *path,
			const char *name, const struct tab_entry *entry)
{
	struct attachment *image = attachment_new();
	struct stock stock = {};
	int r;

	if (!image) {
		complain_errno(attach->self->name, ENOMEM, "cannot start");
		return -ENOMEM;
	}
	if (entry) {
		entry_fill(image, entry);
	} else {
		image->options = attach->options;
		image->grow = true;
		if (name)
			snprintf(image->disk.name, sizeof(image->disk.name),
				 "%s", name);
		else
			name_from_path(path, image->disk.name);
	}
	image->path = path;
	if (attach->wanted != PARTITIONS_AUTO)
		image->wanted = attach->wanted;
	image->dry_run = attach->dry_run;
	image->verbose = attach->verbose;
	image->read_only |= attach->read_only;
	image->grow &= attach->grow;
	if (attach->most_bytes)
		image->most_bytes = attach->most_bytes;
	image->force = attach->force;
	if (!entry)
		image->search = attach->search;
	if (attach->stock)
		r = attach->dry_run ? stock_pretend(&stock, image) :
				      stock_make(&stock, image);
	else
		r = attach->dry_run ? attachment_pretend(image) :
				      attachment_make(image);
	if (!r && !attach->quiet)
		attach_print(image, attach->stock ? &stock : NULL,
			     attach->json);
	stock_free(&stock);
	attachment_free(image);
	return r;
}

/* Is it attached already, as a run before this one has left it? */
static bool attach_is_done(const struct attach *attach,
			   const struct tab_entry *entry)
{
	if (attach->dry_run || !entry_is_attached(entry))
		return false;
	if (attach->verbose)
		note(entry->name, "attached already");
	return true;
}

static int attach_entry(const struct attach *attach,
			const struct tab_entry *entry)
{
	struct resolved *resolved;
	int r;

	if (attach_is_done(attach, entry))
		return 0;
	resolved = malloc(sizeof(*resolved));
	if (!resolved) {
		complain_errno(entry->name, ENOMEM, "cannot start");
		return -ENOMEM;
	}
	r = resolve_begin(resolved, &entry->source,
			  attach->read_only || entry->read_only);
	if (!r)
		r = attach_image(attach, resolved->path, NULL, entry);
	resolve_end(resolved);
	free(resolved);
	return r;
}

/*
 * An image may be on another one's disk, whatever the order of the lines: what
 * is not there yet gets another chance after any success.
 */
static bool attach_entries(const struct attach *attach, const struct tab *tab)
{
	bool *done = calloc(tab->count + 1, sizeof(*done));
	bool well = done, progress = true, last = false;
	const struct tab_entry *entry;
	unsigned int i;

	while (done && !last) {
		last = !progress;
		progress = false;
		for (i = 0; i < tab->count; i++) {
			entry = tab->entries[i];
			if (done[i] || entry->no_auto ||
			    (!last && !resolve_is_there(&entry->source)))
				continue;
			done[i] = true;
			if (!attach_entry(attach, entry))
				progress = true;
			else if (!entry->no_fail)
				well = false;
		}
	}
	free(done);
	return well;
}

/* What the table says. */
static int attach_tab(const struct attach *attach)
{
	const struct tab_entry *entry;
	struct tab tab;
	bool well = false;
	int r = 0;

	if (!attach->dry_run && mapping_start())
		return STATUS_FAILED;
	r = tab_load(&tab, attach->tab_file);
	if (r) {
		complain_errno(tab.path, r, "cannot be read");
	} else if (attach->all) {
		well = attach_entries(attach, &tab) && !tab.wrong;
	} else {
		entry = tab_find(&tab, attach->entry);
		if (entry)
			well = !attach_entry(attach, entry);
		else
			complain(attach->entry, "write one, see vhdxtab(5)",
				 "no line of '%s' has this name", tab.path);
	}
	tab_free(&tab);
	return well ? STATUS_OK : STATUS_FAILED;
}

static void attach_option(struct attach *attach, int c)
{
	attach->read_only |= c == 'r';
	attach->grow &= c != ATTACH_NO_GROW;
	attach->stock |= c == ATTACH_STOCK;
	attach->dry_run |= c == 'n';
	attach->verbose |= c == 'v';
	attach->quiet |= c == 'q';
	attach->json |= c == 'J';
	attach->all |= c == 'a';
	attach->force |= c == 'f';
	attach->search.any_id |= c == ATTACH_IGNORE_PARENT_ID;
	search_option(attach->self, &attach->search, c);
	if (c == ATTACH_MAX_SIZE &&
	    (size_parse(optarg, &attach->most_bytes) ||
	     attach->most_bytes < SZ_1M))
		command_usage(attach->self, "--max-size '%s' is no size of 1M or more",
			      optarg);
	if (c == 't')
		attach->entry = optarg;
	else if (c == ATTACH_TAB_FILE)
		attach->tab_file = optarg;
	else if (c == ATTACH_PARTITIONS)
		attach->wanted = PARTITIONS_ALL;
	else if (c == ATTACH_NO_PARTITIONS)
		attach->wanted = PARTITIONS_NONE;
	else if (c == 'o')
		options_parse(&attach->options, attach->self, optarg);
	attach->has_options |= c == 'o';
}

static void attach_check(const struct attach *attach, int argc, char **argv)
{
	bool tab = attach->all || attach->entry;

	if (attach->all && attach->entry)
		command_usage(attach->self, "--all and --tab exclude each other");
	if (attach->most_bytes && (!attach->grow || attach->stock))
		command_usage(attach->self, "--max-size goes with neither --no-grow nor --stock");
	if (tab && attach->stock)
		command_usage(attach->self, "--stock is for a FILE, not for the table");
	if (attach->stock && *attach->options.text)
		command_usage(attach->self, "--stock does without the target that --options are for");
	if (tab && attach->has_options)
		command_usage(attach->self, "the table has the options for the target, not --options");
	if (tab && (attach->search.files || attach->search.dirs))
		command_usage(attach->self, "the table says where parents are, not --parent and --parent-dir");
	if (tab && attach->search.any_id)
		command_usage(attach->self, "--ignore-parent-id is for one image at a time");
	command_operands(attach->self, argc, argv, !tab, tab ? 0 : 2, "FILE");
}

static int attach_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "read-only", no_argument, NULL, 'r' },
		{ "no-grow", no_argument, NULL, ATTACH_NO_GROW },
		{ "max-size", required_argument, NULL, ATTACH_MAX_SIZE },
		{ "partitions", no_argument, NULL, ATTACH_PARTITIONS },
		{ "no-partitions", no_argument, NULL, ATTACH_NO_PARTITIONS },
		{ "stock", no_argument, NULL, ATTACH_STOCK },
		{ "options", required_argument, NULL, 'o' },
		{ "force", no_argument, NULL, 'f' },
		{ "ignore-parent-id", no_argument, NULL,
		  ATTACH_IGNORE_PARENT_ID },
		SEARCH_OPTIONS,
		{ "all", no_argument, NULL, 'a' },
		{ "tab", required_argument, NULL, 't' },
		{ "tab-file", required_argument, NULL, ATTACH_TAB_FILE },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "verbose", no_argument, NULL, 'v' },
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	struct attach attach = {
		.self = self,
		.grow = true,
		.tab_file = tab_default(),
	};
	int c;

	while ((c = command_option(self, argc, argv, options)) >= 0)
		attach_option(&attach, c);
	attach.read_only |= attach.options.read_only;
	attach_check(&attach, argc, argv);
	if (attach.all || attach.entry)
		return attach_tab(&attach);
	return attach_image(&attach, argv[optind], optind + 1 < argc ?
			    argv[optind + 1] : NULL, NULL) ?
	       STATUS_FAILED : STATUS_OK;
}

const struct command command_attach = {
	.name = "attach",
	.summary = "Map an image to a block device in /dev/mapper",
	.synopsis = "[OPTION...] FILE|DEVICE [NAME]|--all|--tab NAME",
	.help =
"  -r, --read-only            never write to the image\n"
"      --no-grow              do not extend the file; writes to new blocks wait or\n"
"                             fail when it is full\n"
"      --max-size SIZE        do not let the file get larger than that; writes to new\n"
"                             blocks wait or fail then\n"
"      --partitions           map the partitions even if the whole disk carries a\n"
"                             file system\n"
"      --no-partitions        do not map partitions\n"
"      --stock                without the module, with the kernel's own dm-linear\n"
"                             and dm-zero: with --read-only, or if all blocks have\n"
"                             space\n"
"  -o, --options 'WORD...'    options for the target: 'commit_interval 500',\n"
"                             'error_if_no_space', 'read_only'\n"
SEARCH_HELP
"      --ignore-parent-id     take a parent that is not what the image was made\n"
"                             from: dangerous, see the manual\n"
"  -f, --force                attach for writing what has children\n"
"  -a, --all                  attach what /etc/vhdxtab lists\n"
"  -t, --tab NAME             attach what /etc/vhdxtab lists as NAME\n"
"      --tab-file FILE        another file in place of /etc/vhdxtab\n"
"  -n, --dry-run              change nothing, print the table for 'dmsetup create'\n"
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
