// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: what an XFS does not use
 *
 * xfs_db lists the free space of each allocation group twice, as the B+trees by block and
 * by size have it: the two have to be the same.  There are to be as many blocks in it as
 * the groups' headers say, and as many in these as the superblock says.  The log has to be
 * clean, by xfs_logprint.
 *
 * Before the free space of a group its free list comes, block by block.  These are
 * kept: they are in reserve for the B+trees.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "unused-tool.h"

#define XFS_PACKAGE	"xfsprogs"
#define XFS_GROUPS	4096	/* of more than that the program is not asked */

#define XFS_VERSION_BITS	0xf
#define XFS_VERSION_4		4
#define XFS_VERSION_5		5

/* What xfsprogs 6.1 knows. */
#define XFS_FEATURES2	0x38aU	/* lazy counts, attr2, 32 bits of projects, checksums, ftype */
#define XFS_RO_COMPAT	0xfU	/* finobt, rmapbt, reflink, inobtcount */
#define XFS_INCOMPAT	0x2fU	/* ftype, sparse inodes, meta_uuid, bigtime, nrext64 */
#define XFS_NEEDSREPAIR	0x10U

static const char unused_xfs_damaged[] =
	"it does not agree with itself about what is free: run xfs_repair on it";

enum {
	XFS_BLOCKSIZE, XFS_DBLOCKS, XFS_RBLOCKS, XFS_LOGSTART, XFS_AGBLOCKS,
	XFS_AGCOUNT, XFS_INPROGRESS, XFS_FDBLOCKS, XFS_VERSIONNUM,
	XFS_FEATURES_2, XFS_FEATURES_COMPAT, XFS_FEATURES_RO, XFS_FEATURES_IN,
	XFS_FEATURES_LOG, XFS_NUMBERS
};

/**
 * struct unused_xfs_group - an allocation group
 * @length: its size, in blocks
 * @free: blocks that are free
 * @list: blocks of its free list
 * @trees: blocks that its B+trees have, but for their roots
 * @lines: how many have come that describe it, or its free list
 */
struct unused_xfs_group {
	u64 length;
	u64 free;
	u64 list;
	u64 trees;
	u64 lines;
};

/**
 * struct unused_xfs - what xfs_db tells
 * @tool: the file system
 * @super: its superblock
 * @group: its groups
 * @known: so many of them are
 * @free: takes what is free, in blocks of the disk
 * @table: 0: nothing yet; 1: of runs; 2: of their sizes
 * @clean: the log is
 * @error: a negative errno
 */
struct unused_xfs {
	struct unused_tool *tool;
	struct unused_number super[XFS_NUMBERS + 1];
	struct unused_xfs_group *group;
	u64 known;
	struct unused_runs *free;
	int table;
	bool clean;
	int error;
};

static int unused_xfs_run(struct unused_xfs *xfs, const char *const argv[],
			  bool (*line)(void *arg, char *line))
{
	int r;

	xfs->tool->line = line;
	xfs->tool->arg = xfs;
	r = unused_tool_run(xfs->tool, XFS_PACKAGE, argv);
	return xfs->error ? xfs->error : r;
}

/* --- the superblock and the log ------------------------------------------------------- */

/* "agcount = 4"; of version 4 there is no checksum. */
static bool unused_xfs_super_line(void *arg, char *line)
{
	struct unused_xfs *xfs = arg;
	char *value = strstr(line, " = ");

	if (!value)
		return false;
	*value = '\0';
	value += strlen(" = ");
	if (strcmp(line, "crc"))
		return unused_number_take(xfs->super, line, value);
	return strstr(value, " (correct)") || !strcmp(value, "0 (unchecked)");
}

static const char *unused_xfs_judge(const struct unused_xfs *xfs)
{
	const struct unused_number *super = xfs->super;
	u64 version = super[XFS_VERSIONNUM].value & XFS_VERSION_BITS;
	u64 blocks = super[XFS_DBLOCKS].value, size = super[XFS_BLOCKSIZE].value;
	u64 group = super[XFS_AGBLOCKS].value;

	if (!unused_number_all(super))
		return "xfs_db does not tell all of its superblock";
	if (super[XFS_INPROGRESS].value)
		return "it was not made completely";
	if (super[XFS_FEATURES_IN].value & XFS_NEEDSREPAIR)
		return "it needs a repair: run xfs_repair on it";
	if ((version != XFS_VERSION_4 && version != XFS_VERSION_5) ||
	    super[XFS_FEATURES_2].value & ~XFS_FEATURES2 ||
	    super[XFS_FEATURES_COMPAT].value ||
	    super[XFS_FEATURES_RO].value & ~XFS_RO_COMPAT ||
	    super[XFS_FEATURES_IN].value & ~XFS_INCOMPAT ||
	    super[XFS_FEATURES_LOG].value)
		return "it has features that are not known here";
	if (!super[XFS_LOGSTART].value || super[XFS_RBLOCKS].value)
		return "it has another part on another device";
	if (size < 512 || size > 65536 || !is_power_of_2(size) || !group ||
	    DIV_ROUND_UP_ULL(blocks, group) != super[XFS_AGCOUNT].value)
		return unused_xfs_damaged;
	if (blocks > xfs->tool->part->bytes / size)
		return "it is larger than its partition";
	if (super[XFS_AGCOUNT].value > XFS_GROUPS)
		return "it has too many allocation groups";
	return NULL;
}

static int unused_xfs_super(struct unused_xfs *xfs)
{
	static const char *const names[XFS_NUMBERS] = {
		"blocksize", "dblocks", "rblocks", "logstart", "agblocks",
		"agcount", "inprogress", "fdblocks", "versionnum",
		"features2", "features_compat", "features_ro_compat",
		"features_incompat", "features_log_incompat",
	};
	const char *const argv[] = {
		"xfs_db", "-r", "-f", "-c", "sb 0", "-c",
		"print blocksize dblocks rblocks logstart agblocks agcount "
		"inprogress fdblocks versionnum features2 features_compat "
		"features_ro_compat features_incompat features_log_incompat crc",
		xfs->tool->window.path, NULL
	};
	const char *why;
	unsigned int i;
	int r;

	for (i = 0; i < XFS_NUMBERS; i++)
		xfs->super[i].name = names[i];
	r = unused_xfs_run(xfs, argv, unused_xfs_super_line);
	if (r || xfs->tool->part->kept[0])
		return r;
	why = unused_xfs_judge(xfs);
	return why ? unused_tool_keep(xfs->tool, why) : 0;
}

static bool unused_xfs_log_line(void *arg, char *line)
{
	static const char *const known[] = {
		"xfs_logprint:", "    data device: 0x", "    log device: 0x",
	};
	struct unused_xfs *xfs = arg;
	unsigned int i;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strncmp(line, known[i], strlen(known[i])))
			return true;
	if (strncmp(line, "    log tail: ", strlen("    log tail: ")))
		return false;
	if (strstr(line, " state: <CLEAN>"))
		xfs->clean = true;
	else
		unused_tool_keep(xfs->tool,
				 "its log has to be replayed: mount it once");
	return xfs->clean;
}

static int unused_xfs_log(struct unused_xfs *xfs)
{
	const char *const argv[] = {
		"xfs_logprint", "-t", xfs->tool->window.path, NULL
	};
	int r = unused_xfs_run(xfs, argv, unused_xfs_log_line);

	if (!r && !xfs->clean)
		unused_tool_keep(xfs->tool, "xfs_logprint does not tell whether its log is clean");
	return r;
}

/* --- the groups ------------------------------------------------------------------------ */

/* Five lines for each: "seqno = 0" and so on. */
static bool unused_xfs_group_line(void *arg, char *line)
{
	static const char *const names[] = {
		"seqno", "length", "freeblks", "flcount", "btreeblks",
	};
	struct unused_xfs *xfs = arg;
	struct unused_xfs_group *group = &xfs->group[xfs->known];
	char *value = strstr(line, " = ");
	u64 *const numbers[] = {
		NULL, &group->length, &group->free, &group->list, &group->trees,
	};
	struct unused_number number[2] = {};

	if (!value || xfs->known == xfs->super[XFS_AGCOUNT].value)
		return false;
	*value = '\0';
	number[0].name = names[group->lines];
	if (!unused_number_take(number, line, value + strlen(" = ")))
		return false;
	if (!group->lines && number[0].value != xfs->known)
		return false;
	if (group->lines)
		*numbers[group->lines] = number[0].value;
	if (++group->lines == sizeof(names) / sizeof(*names)) {
		group->lines = 0;
		xfs->known++;
	}
	return true;
}

/* Do they say what the superblock does? */
static bool unused_xfs_groups_agree(const struct unused_xfs *xfs)
{
	const struct unused_number *super = xfs->super;
	u64 size = super[XFS_AGBLOCKS].value, free = 0, i;
	u64 left = super[XFS_DBLOCKS].value;
	const struct unused_xfs_group *group;

	if (xfs->known != super[XFS_AGCOUNT].value)
		return false;
	for (i = 0; i < xfs->known; i++) {
		group = &xfs->group[i];
		if (group->length != min_t(u64, left, size) ||
		    group->free > size || group->list > size ||
		    group->trees > size)
			return false;
		left -= group->length;
		free += group->free + group->list + group->trees;
	}
	return free == super[XFS_FDBLOCKS].value;
}

static int unused_xfs_groups(struct unused_xfs *xfs)
{
	u64 count = xfs->super[XFS_AGCOUNT].value, i;
	const char **argv = calloc(4 * count + 5, sizeof(*argv)), **at = argv;
	char (*text)[32] = calloc(count, sizeof(*text));
	int r = -ENOMEM;

	xfs->group = calloc(count + 1, sizeof(*xfs->group));
	if (argv && text && xfs->group) {
		*at++ = "xfs_db";
		*at++ = "-r";
		*at++ = "-f";
		for (i = 0; i < count; i++) {
			snprintf(text[i], sizeof(text[i]), "agf %" PRIu64, i);
			*at++ = "-c";
			*at++ = text[i];
			*at++ = "-c";
			*at++ = "print seqno length freeblks flcount btreeblks";
		}
		*at = xfs->tool->window.path;
		r = unused_xfs_run(xfs, argv, unused_xfs_group_line);
	}
	if (!r && !xfs->tool->part->kept[0] && !unused_xfs_groups_agree(xfs))
		unused_tool_keep(xfs->tool, unused_xfs_damaged);
	free(argv);
	free(text);
	return r;
}

/* --- what is free ------------------------------------------------------------------------ */

static bool unused_xfs_run_line(struct unused_xfs *xfs, const char *line)
{
	u64 size = xfs->super[XFS_AGBLOCKS].value, number, at, count;
	struct unused_xfs_group *group;
	int end = 0;

	if (sscanf(line, " %" SCNu64 " %" SCNu64 " %" SCNu64 "%n", &number, &at,
		   &count, &end) != 3 || line[end] || number >= xfs->known)
		return false;
	group = &xfs->group[number];
	if (!count || at >= group->length || count > group->length - at)
		return false;
	/* Of the free list. */
	if (group->lines < group->list) {
		group->lines++;
		return count == 1;
	}
	at += number * size;
	xfs->error = unused_runs_add(xfs->free, at, at + count);
	return !xfs->error;
}

/* A table of runs, one of their sizes, and how many blocks there are. */
static bool unused_xfs_free_line(void *arg, char *line)
{
	struct unused_xfs *xfs = arg;

	if (!xfs->table && !strcmp(line, "    agno    agbno      len"))
		xfs->table = 1;
	else if (xfs->table == 1 &&
		 !strcmp(line, "   from      to extents  blocks    pct"))
		xfs->table = 2;
	else if (xfs->table == 1)
		return unused_xfs_run_line(xfs, line);
	else
		return xfs->table == 2 && line[strspn(line, " 0123456789.")] == '\0';
	return true;
}

/* @by_size: as the B+trees by size have it, of which the other ones know nothing. */
static int unused_xfs_list(struct unused_xfs *xfs, bool by_size,
			   struct unused_runs *runs)
{
	const char *const argv[] = {
		"xfs_db", "-r", "-f", "-c", by_size ? "freesp -c -d" : "freesp -d",
		xfs->tool->window.path, NULL
	};
	u64 i, count;
	size_t at;
	int r;

	xfs->free = runs;
	xfs->table = 0;
	for (i = 0; i < xfs->known; i++)
		xfs->group[i].lines = 0;
	r = unused_xfs_run(xfs, argv, unused_xfs_free_line);
	if (r || xfs->tool->part->kept[0])
		return r;
	if (xfs->table != 2 || !unused_runs_sort(runs))
		return unused_tool_keep(xfs->tool, unused_xfs_damaged);
	for (i = 0, at = 0; i < xfs->known; i++) {
		for (count = 0; at < runs->count &&
		     runs->run[at].from / xfs->super[XFS_AGBLOCKS].value == i; at++)
			count += runs->run[at].to - runs->run[at].from;
		if (count != xfs->group[i].free ||
		    xfs->group[i].lines != xfs->group[i].list)
			unused_tool_keep(xfs->tool, unused_xfs_damaged);
	}
	return 0;
}

static int unused_xfs_take(struct unused_xfs *xfs, const struct unused_runs *one,
			   const struct unused_runs *other)
{
	u64 size = xfs->super[XFS_BLOCKSIZE].value;
	size_t i;
	int r = 0;

	if (one->count != other->count ||
	    (one->count && memcmp(one->run, other->run,
				  one->count * sizeof(*one->run))))
		return unused_tool_keep(xfs->tool, unused_xfs_damaged);
	for (i = 0; !r && i < one->count; i++)
		r = unused_runs_add(&xfs->tool->free, one->run[i].from * size,
				    one->run[i].to * size);
	return r;
}

static int unused_xfs_ask(struct unused_tool *tool)
{
	struct unused_xfs xfs = { .tool = tool };
	struct unused_runs by_block = {}, by_size = {};
	int r = unused_xfs_super(&xfs);

	if (!r && !tool->part->kept[0])
		r = unused_xfs_log(&xfs);
	if (!r && !tool->part->kept[0])
		r = unused_xfs_groups(&xfs);
	if (!r && !tool->part->kept[0])
		r = unused_xfs_list(&xfs, false, &by_block);
	if (!r && !tool->part->kept[0])
		r = unused_xfs_list(&xfs, true, &by_size);
	if (!r && !tool->part->kept[0])
		r = unused_xfs_take(&xfs, &by_block, &by_size);
	unused_runs_free(&by_block);
	unused_runs_free(&by_size);
	free(xfs.group);
	return r;
}

/**
 * unused_xfs() - what does an XFS not use?
 * @unused: takes it
 * @part: the file system; takes why it is kept, if it is
 *
 * Return: 0 or a negative errno.
 */
int unused_xfs(struct unused *unused, struct unused_part *part)
{
	return unused_tool(unused, part, unused_xfs_ask);
}
