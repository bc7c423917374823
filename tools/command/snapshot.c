// SPDX-License-Identifier: GPL-2.0
/* vhdx snapshot: of a disk in use, see graft.c; of a file. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "chain.h"
#include "child.h"
#include "children.h"
#include "command.h"
#include "find.h"
#include "graft.h"
#include "message.h"
#include "named.h"
#include "newchild.h"
#include "output.h"
#include "search.h"
#include "size.h"
#include "vhd-chain.h"
#include "vhd-image.h"

#define SNAPSHOT_STAMP	"-00000000-000000"	/* how a name ends */

/* Options without a short form. */
enum {
	SNAPSHOT_KEEP_NAME = OPTION_LONG,
	SNAPSHOT_NO_KEEP_NAME,
};

/**
 * enum snapshot_names - which of the two files has the name that there was
 * @SNAPSHOT_AUTO: the one that is going to be looked for under it
 * @SNAPSHOT_KEEP: the new leaf
 * @SNAPSHOT_MOVE: the image below, as it is
 */
enum snapshot_names {
	SNAPSHOT_AUTO,
	SNAPSHOT_KEEP,
	SNAPSHOT_MOVE,
};

/**
 * struct snapshot - a run of the command
 * @self: the command
 * @what: a mapping, or an image
 * @child: the new name; NULL: one that is made up, in @made
 * @made: that
 * @real: where @what really is, if that is a symbolic link
 * @search: where the parents of a file are
 * @names: which file has which name
 * @block_bytes: of the new leaf; 0: as is usual
 * @verbose: say what is done
 * @json: report
 * @keep_name: the new leaf has the name that there was
 * @path: that name
 */
struct snapshot {
	const struct command *self;
	const char *what;
	const char *child;
	char *made;
	char *real;
	struct parent_search search;
	enum snapshot_names names;
	u64 block_bytes;
	bool verbose;
	bool json;
	bool keep_name;
	const char *path;
};

static bool snapshot_is_stamp(const char *text)
{
	const char *like = SNAPSHOT_STAMP;

	for (; *like; like++, text++)
		if (*like == '0' ? !isdigit((unsigned char)*text) :
				   *like != *text)
			return false;
	return true;
}

/* Beside the image, by time; one such name does not grow into another. */
static int snapshot_make_name(struct snapshot *snapshot)
{
	const char *path = snapshot->path, *slash = strrchr(path, '/');
	const char *dot = strrchr(slash ? slash : path, '.');
	size_t length = dot ? (size_t)(dot - path) : strlen(path);
	size_t stamp = strlen(SNAPSHOT_STAMP);
	time_t now = time(NULL);
	unsigned int more = 1;
	char text[32];

	if (length > stamp && snapshot_is_stamp(path + length - stamp))
		length -= stamp;
	strftime(text, sizeof(text), "-%Y%m%d-%H%M%S", localtime(&now));
	stamp = strlen(text);
	do {
		free(snapshot->made);
		if (more > 1)
			snprintf(text + stamp, sizeof(text) - stamp, "-%u",
				 more);
		if (asprintf(&snapshot->made, "%.*s%s%s", (int)length, path,
			     text, dot ? dot : "") < 0)
			return -ENOMEM;
	} while (!access(snapshot->made, F_OK) && ++more < 1000);
	snapshot->child = snapshot->made;
	return 0;
}

/* Who boots next looks for the disk under the name that it has. */
static void snapshot_settle_names(struct snapshot *snapshot)
{
	snapshot->keep_name = snapshot->names == SNAPSHOT_KEEP;
	if (snapshot->names != SNAPSHOT_AUTO)
		return;
	snapshot->keep_name = named_at_boot(snapshot->path);
	if (snapshot->keep_name)
		note(snapshot->path, "named in /etc/vhdxtab or by rd.vhdx: the new leaf takes its name, as with --keep-name");
}

static bool snapshot_same_dir(const char *a, const char *b)
{
	char *copy[2] = { strdup(a), strdup(b) }, *slash;
	struct stat st[2];
	bool same = copy[0] && copy[1];
	int i;

	for (i = 0; same && i < 2; i++) {
		slash = strrchr(copy[i], '/');
		if (slash)
			slash[slash == copy[i]] = '\0';
		same = !stat(slash ? copy[i] : ".", &st[i]);
	}
	free(copy[0]);
	free(copy[1]);
	return same && st[0].st_dev == st[1].st_dev &&
	       st[0].st_ino == st[1].st_ino;
}

/* Its own parents and children find it by the name that it has. */
static int snapshot_check_names(const struct snapshot *snapshot)
{
	struct image *image = calloc(1, sizeof(*image));
	char names[CHILDREN_TEXT];
	int r = 0;

	if (!snapshot_same_dir(snapshot->path, snapshot->child)) {
		complain(snapshot->child, "name a file there",
			 "with --keep-name the image below takes this name, and has to stay in its directory");
		r = -EXDEV;
	} else if (image && !newchild_glance(image, snapshot->path) &&
		   children_find(image, NULL, names)) {
		complain(snapshot->path, "use --no-keep-name",
			 "it is the parent of %s, too, and could not be found under another name",
			 names);
		r = -EBUSY;
	}
	if (image)
		image_close(image);
	free(image);
	return r;
}

/* Names of both files, once it is known where the image is. */
static int snapshot_name(struct snapshot *snapshot, const char *path)
{
	struct stat st;
	int r = 0;

	snapshot->path = path;
	if (stat(path, &st)) {
		r = -errno;
		complain_errno(path, r, "cannot be found");
		return r;
	}
	if (S_ISBLK(st.st_mode) && (snapshot->names == SNAPSHOT_KEEP ||
				    !snapshot->child)) {
		complain(path, "name a file for the new leaf, without --keep-name",
			 "a block device keeps its name, and has none for the new leaf");
		return -ENOTBLK;
	}
	if (S_ISBLK(st.st_mode))
		snapshot->names = SNAPSHOT_MOVE;
	snapshot_settle_names(snapshot);
	if (!snapshot->child)
		r = snapshot_make_name(snapshot);
	return r;
}

static void snapshot_print(const struct snapshot *snapshot,
			   const struct graft *graft)
{
	const char *leaf = snapshot->keep_name ? snapshot->path :
						 snapshot->child;
	const char *base = snapshot->keep_name ? snapshot->child :
						 snapshot->path;
	struct output out;

	output_begin(&out, snapshot->json);
	if (graft)
		output_text(&out, "name", "Name", graft->disk.name);
	output_text(&out, "leaf", "Written from now on", leaf);
	output_text(&out, "parent", "Kept as it is", base);
	output_bool(&out, "attached", NULL, graft);
	if (graft)
		output_number(&out, "pause_us", NULL, graft->swap.pause_us);
	output_end(&out);
}

/* Of a disk in use. */
static int snapshot_live(struct snapshot *snapshot, const struct mapping *disk)
{
	struct graft *graft = calloc(1, sizeof(*graft));
	int r;

	if (!graft)
		return -ENOMEM;
	graft->disk = *disk;
	graft->block_bytes = snapshot->block_bytes;
	graft->verbose = snapshot->verbose;
	r = graft_look(graft);
	if (!r)
		r = snapshot_name(snapshot, graft->path);
	if (!r && snapshot->keep_name)
		r = snapshot_check_names(snapshot);
	graft->child = snapshot->child;
	graft->keep_name = snapshot->keep_name;
	if (!r)
		r = graft_make(graft);
	if (!r)
		snapshot_print(snapshot, graft);
	graft_free(graft);
	free(graft);
	return r;
}

/* All of the chain has to be there, and nobody writes to it. */
static int snapshot_make_child(struct snapshot *snapshot, struct chain *chain)
{
	struct newchild child;
	struct stat made;
	int r;

	if (chain->count == VHDX_MAX_LAYERS) {
		complain_fault(snapshot->path, VHDX_FAULT_CHAIN_DEEP);
		return -ELOOP;
	}
	r = newchild_plan(&child, chain_leaf(chain), snapshot->block_bytes);
	if (!r)
		r = newchild_locate(&child, snapshot->child, snapshot->keep_name ?
				    snapshot->child : snapshot->path);
	if (!r)
		r = newchild_write(&child, snapshot->child);
	newchild_free(&child);
	if (r || !snapshot->keep_name)
		return r;
	/* Whatever becomes of the names, this is not the image. */
	if (stat(snapshot->child, &made))
		return -errno;
	r = child_exchange(snapshot->path, snapshot->child);
	if (r) {
		complain_errno(snapshot->path, r, "cannot be renamed");
		child_discard(snapshot->child, &made);
	}
	return r;
}

/* What names are given to, and looked for beside, is the image, not a link to it. */
static int snapshot_resolve(struct snapshot *snapshot)
{
	struct stat st;

	if (lstat(snapshot->what, &st) || !S_ISLNK(st.st_mode) ||
	    stat(snapshot->what, &st) || !S_ISREG(st.st_mode))
		return 0;
	snapshot->real = realpath(snapshot->what, NULL);
	if (!snapshot->real) {
		complain_errno(snapshot->what, errno, "cannot be found");
		return -ENOENT;
	}
	snapshot->what = snapshot->real;
	return 0;
}

/* Of a file that is not in use. */
static int snapshot_file(struct snapshot *snapshot)
{
	struct chain *chain = calloc(1, sizeof(*chain));
	int r;

	if (!chain)
		return -ENOMEM;
	r = snapshot_resolve(snapshot);
	if (r) {
		free(chain);
		return r;
	}
	r = vhd_image_is_at(snapshot->what) ?
	    vhd_chain_open(chain, snapshot->what, IMAGE_READ, &snapshot->search) :
	    chain_open(chain, snapshot->what, IMAGE_READ, &snapshot->search);
	if (!r)
		r = snapshot_name(snapshot, snapshot->what);
	if (!r)
		r = image_hold_name(chain_leaf(chain), snapshot->keep_name);
	/* Nobody can make others from now on. */
	if (!r && snapshot->keep_name)
		r = snapshot_check_names(snapshot);
	if (!r)
		r = snapshot_make_child(snapshot, chain);
	if (!r)
		snapshot_print(snapshot, NULL);
	chain_close(chain);
	free(chain);
	return r;
}

static int snapshot_any(struct snapshot *snapshot)
{
	struct mapping disk;
	int r = -ENODEV;

	if (mapping_possible() && !geteuid()) {
		r = mapping_start();
		if (!r)
			r = find_leaf(snapshot->what, &disk);
	}
	if (!r)
		return snapshot_live(snapshot, &disk);
	return r == -ENODEV ? snapshot_file(snapshot) : r;
}

static u64 snapshot_block(const struct command *self, const char *text)
{
	u64 bytes;

	if (size_parse(text, &bytes) || bytes < VHD_MIN_BLOCK ||
	    bytes > VHDX_MAX_BLOCK || bytes & (bytes - 1))
		command_usage(self, "--block-size is no power of two from 1M to 256M, of a VHD from 4K");
	return bytes;
}

static int snapshot_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "keep-name", no_argument, NULL, SNAPSHOT_KEEP_NAME },
		{ "no-keep-name", no_argument, NULL, SNAPSHOT_NO_KEEP_NAME },
		{ "block-size", required_argument, NULL, 'b' },
		{ "verbose", no_argument, NULL, 'v' },
		SEARCH_OPTIONS,
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	struct snapshot snapshot = { .self = self };
	int c, r;

	while ((c = command_option(self, argc, argv, options)) >= 0) {
		search_option(self, &snapshot.search, c);
		if (c == SNAPSHOT_KEEP_NAME)
			snapshot.names = SNAPSHOT_KEEP;
		if (c == SNAPSHOT_NO_KEEP_NAME)
			snapshot.names = SNAPSHOT_MOVE;
		if (c == 'b')
			snapshot.block_bytes = snapshot_block(self, optarg);
		snapshot.verbose |= c == 'v';
		snapshot.json |= c == 'J';
	}
	command_operands(self, argc, argv, 1, 2, "NAME");
	snapshot.what = argv[optind];
	if (optind + 1 < argc)
		snapshot.child = argv[optind + 1];
	r = snapshot_any(&snapshot);
	free(snapshot.made);
	free(snapshot.real);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_snapshot = {
	.name = "snapshot",
	.summary = "Keep a disk as it is, and write on in a new file",
	.synopsis = "[OPTION...] NAME|FILE|DEVICE [CHILD]",
	.help =
"      --keep-name            the new file takes the name of the image, which\n"
"                             takes that of CHILD: for what looks for the disk\n"
"                             under its name; the default for images that\n"
"                             /etc/vhdxtab or rd.vhdx names\n"
"      --no-keep-name         the image keeps its name, whoever looks for it\n"
"  -b, --block-size SIZE      unit of allocation of the new file; default 2M,\n"
"                             of a VHD that of the image\n"
SEARCH_HELP
"  -v, --verbose              say what is done\n"
"  -J, --json                 print JSON\n"
"\n"
"Makes CHILD, a differencing image that takes all writes from now on; what is on\n"
"the disk now stays in the image.  A disk that is attached goes on with it, after\n"
"a short pause.  CHILD is a name with the time, beside the image, if it is not\n"
"given.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = snapshot_run,
};
