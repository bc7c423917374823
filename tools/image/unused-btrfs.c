// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: what a btrfs does not use
 *
 * "btrfs inspect-internal" prints its trees, of which each block has a checksum.  What is in
 * use is what the extent tree has, in chunks, of which the chunk tree knows where they are
 * on the device; what is in no chunk is free, but for the first MiB and the superblock's
 * copies.  All that is told twice has to be the same: a chunk is a block group of the
 * same size and kind, which has as many bytes in use as its extents; all of them as many
 * as the superblock says; and the device has as many bytes in chunks as it says.
 *
 * One device only, and chunks that are there once or twice; no log of an fsync.  The two
 * trees are taken line by line, as there may be millions.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "unused-tool.h"

#define BTRFS_PACKAGE	"btrfs-progs"
#define BTRFS_KIND	32
#define BTRFS_STRIPES	2

#define BTRFS_FIRST	SZ_1M		/* nothing before that is in a chunk */
#define BTRFS_SUPER	SZ_64K		/* so much is reserved for each superblock */

/* What btrfs-progs 6.2 knows, and that has no say in what is in use. */
#define BTRFS_RO_COMPAT	0x7U	/* free space tree, that it is valid, verity */
#define BTRFS_INCOMPAT	0x77fU	/* all up to metadata_uuid, but for RAID 5 and 6 */
#define BTRFS_WRITTEN	1U

static const char unused_btrfs_damaged[] =
	"it does not agree with itself about what is in use: run btrfs check on it";

enum {
	BTRFS_FLAGS, BTRFS_LOG_ROOT, BTRFS_TOTAL, BTRFS_USED, BTRFS_NODESIZE,
	BTRFS_DEVICES, BTRFS_COMPAT, BTRFS_RO, BTRFS_IN, BTRFS_DEV_TOTAL,
	BTRFS_DEV_USED, BTRFS_DEVID, BTRFS_NUMBERS
};

/**
 * struct unused_btrfs_chunk - a part of the logical space
 * @from: where it begins there
 * @bytes: its size
 * @kind: what it is for, and how often it is there
 * @stripes: so often
 * @stripe: where, on the device
 * @told: so many of these have been told
 * @group: there is a block group
 * @used: how much of it is in use, as that says
 */
struct unused_btrfs_chunk {
	u64 from;
	u64 bytes;
	char kind[BTRFS_KIND];
	u64 stripes;
	u64 stripe[BTRFS_STRIPES];
	u64 told;
	bool group;
	u64 used;
};

/**
 * struct unused_btrfs - what the programs tell
 * @tool: the file system
 * @super: its superblock
 * @checked: its checksum is right
 * @chunk: the chunks, in the order of the logical space
 * @chunks: how many
 * @room: for how many there is room
 * @extents: what is in use in them
 * @group: of which block group more is to be told; NULL: of none
 * @in_item: it is one of a chunk
 * @error: a negative errno
 */
struct unused_btrfs {
	struct unused_tool *tool;
	struct unused_number super[BTRFS_NUMBERS + 1];
	unsigned int checked;
	struct unused_btrfs_chunk *chunk;
	size_t chunks;
	size_t room;
	struct unused_runs extents;
	struct unused_btrfs_chunk *group;
	bool in_item;
	int error;
};

/* --- the superblock ------------------------------------------------------------------- */

/* "name<tabs>value", and names of flags, indented. */
static bool unused_btrfs_super_line(void *arg, char *line)
{
	struct unused_btrfs *btrfs = arg;
	char *value = strchr(line, '\t');
	const struct unused_number *number;

	if (*line == '\t' || *line == '-' ||
	    !strncmp(line, "superblock: bytenr=65536, device=", 33))
		return true;
	if (!value)
		return false;
	*value++ = '\0';
	value += strspn(value, "\t");
	if (!strcmp(line, "csum") || !strcmp(line, "magic") ||
	    !strcmp(line, "dev_item.fsid")) {
		btrfs->checked++;
		return strstr(value, " [match]");
	}
	for (number = btrfs->super; number->name; number++)
		if (!strcmp(number->name, line))
			return unused_number_take(btrfs->super, line, value);
	return line[strcspn(line, ":")] == '\0';
}

static const char *unused_btrfs_judge(const struct unused_btrfs *btrfs)
{
	const struct unused_number *super = btrfs->super;

	if (!unused_number_all(super) || btrfs->checked != 3)
		return "btrfs does not tell all of its superblock";
	if (super[BTRFS_DEVICES].value != 1)
		return "it is on several devices";
	if (super[BTRFS_LOG_ROOT].value)
		return "its log has to be replayed: mount it once";
	if (super[BTRFS_FLAGS].value != BTRFS_WRITTEN || super[BTRFS_COMPAT].value ||
	    super[BTRFS_RO].value & ~BTRFS_RO_COMPAT ||
	    super[BTRFS_IN].value & ~BTRFS_INCOMPAT)
		return "it has features that are not known here";
	if (super[BTRFS_DEV_TOTAL].value != super[BTRFS_TOTAL].value)
		return unused_btrfs_damaged;
	if (super[BTRFS_TOTAL].value > btrfs->tool->part->bytes)
		return "it is larger than its partition";
	return NULL;
}

static int unused_btrfs_run(struct unused_btrfs *btrfs, const char *const argv[],
			    bool (*line)(void *arg, char *line))
{
	int r;

	btrfs->tool->line = line;
	btrfs->tool->arg = btrfs;
	r = unused_tool_run(btrfs->tool, BTRFS_PACKAGE, argv);
	return btrfs->error ? btrfs->error : r;
}

static int unused_btrfs_super(struct unused_btrfs *btrfs)
{
	static const char *const names[BTRFS_NUMBERS] = {
		"flags", "log_root", "total_bytes", "bytes_used", "nodesize",
		"num_devices", "compat_flags", "compat_ro_flags",
		"incompat_flags", "dev_item.total_bytes", "dev_item.bytes_used",
		"dev_item.devid",
	};
	const char *const argv[] = {
		"btrfs", "inspect-internal", "dump-super", btrfs->tool->window.path,
		NULL
	};
	const char *why;
	unsigned int i;
	int r;

	for (i = 0; i < BTRFS_NUMBERS; i++)
		btrfs->super[i].name = names[i];
	r = unused_btrfs_run(btrfs, argv, unused_btrfs_super_line);
	if (r || btrfs->tool->part->kept[0])
		return r;
	why = unused_btrfs_judge(btrfs);
	return why ? unused_tool_keep(btrfs->tool, why) : 0;
}

/* --- trees ------------------------------------------------------------------------------- */

/* What is there of all trees, and tells nothing. */
static bool unused_btrfs_is_frame(const char *line)
{
	static const char *const begin[] = {
		"btrfs-progs v", "chunk tree", "extent tree key (EXTENT_TREE ROOT_ITEM 0)",
		"node ", "leaf ", "fs uuid ", "chunk uuid ", "\tkey (",
		"total bytes ", "bytes used ", "uuid ",
	};
	unsigned int i;

	for (i = 0; i < sizeof(begin) / sizeof(*begin); i++)
		if (!strncmp(line, begin[i], strlen(begin[i])))
			return true;
	return false;
}

/* "\titem 3 key (13631488 EXTENT_ITEM 16384) itemoff": all but the number of the item. */
static const char *unused_btrfs_key(const char *line)
{
	int end = 0;

	if (sscanf(line, "\titem %*u key (%n", &end) < 0 || !end)
		return NULL;
	return line + end;
}

static bool unused_btrfs_new_chunk(struct unused_btrfs *btrfs, u64 from)
{
	struct unused_btrfs_chunk *more;

	if (btrfs->chunks == btrfs->room) {
		btrfs->room = btrfs->room ? 2 * btrfs->room : 64;
		more = realloc(btrfs->chunk, btrfs->room * sizeof(*more));
		if (!more) {
			btrfs->error = -ENOMEM;
			return false;
		}
		btrfs->chunk = more;
	}
	/* In order; so none is there twice. */
	if (btrfs->chunks && btrfs->chunk[btrfs->chunks - 1].from >= from)
		return false;
	btrfs->chunk[btrfs->chunks++] = (struct unused_btrfs_chunk){ .from = from };
	return true;
}

/* The lines that follow the key of a chunk. */
static bool unused_btrfs_chunk_detail(struct unused_btrfs *btrfs, const char *line)
{
	struct unused_btrfs_chunk *chunk = &btrfs->chunk[btrfs->chunks - 1];
	u64 device, at, number;

	if (sscanf(line, "\t\tlength %" SCNu64 " owner 2 stripe_len %*u type %31s",
		   &chunk->bytes, chunk->kind) == 2 ||
	    !strncmp(line, "\t\tio_align ", 11) ||
	    !strncmp(line, "\t\t\tdev_uuid ", 12) ||
	    sscanf(line, "\t\tnum_stripes %" SCNu64 " sub_stripes", &chunk->stripes) == 1)
		return true;
	if (sscanf(line, "\t\t\tstripe %" SCNu64 " devid %" SCNu64 " offset %" SCNu64,
		   &number, &device, &at) != 3 ||
	    number != chunk->told || number >= BTRFS_STRIPES ||
	    device != btrfs->super[BTRFS_DEVID].value)
		return false;
	chunk->stripe[chunk->told++] = at;
	return true;
}

static bool unused_btrfs_chunk_line(void *arg, char *line)
{
	struct unused_btrfs *btrfs = arg;
	const char *key = unused_btrfs_key(line);
	u64 from;

	if (key && sscanf(key, "FIRST_CHUNK_TREE CHUNK_ITEM %" SCNu64 ")", &from) == 1) {
		btrfs->in_item = true;
		return unused_btrfs_new_chunk(btrfs, from);
	}
	if (key) {
		btrfs->in_item = false;
		return !strncmp(key, "DEV_ITEMS DEV_ITEM ", 19);
	}
	if (unused_btrfs_is_frame(line))
		return true;
	if (strncmp(line, "\t\t", 2))
		return false;
	return !btrfs->in_item || unused_btrfs_chunk_detail(btrfs, line);
}

static struct unused_btrfs_chunk *unused_btrfs_find(struct unused_btrfs *btrfs,
						    u64 from)
{
	size_t low = 0, high = btrfs->chunks, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (btrfs->chunk[mid].from == from)
			return &btrfs->chunk[mid];
		if (btrfs->chunk[mid].from < from)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static bool unused_btrfs_item(struct unused_btrfs *btrfs, const char *key)
{
	static const char *const others[] = {
		"TREE_BLOCK_REF", "SHARED_BLOCK_REF", "EXTENT_DATA_REF",
		"SHARED_DATA_REF",
	};
	char type[32];
	unsigned int i;
	u64 at, more;

	btrfs->group = NULL;
	if (sscanf(key, "%" SCNu64 " %31s %" SCNu64 ")", &at, type, &more) < 2)
		return false;
	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strcmp(type, others[i]))
			return true;
	if (sscanf(key, "%*u %*s %" SCNu64 ")", &more) != 1)
		return false;
	if (!strcmp(type, "BLOCK_GROUP_ITEM")) {
		btrfs->group = unused_btrfs_find(btrfs, at);
		return btrfs->group && btrfs->group->bytes == more &&
		       !btrfs->group->group;
	}
	/* That of metadata has its level there. */
	if (!strcmp(type, "METADATA_ITEM"))
		more = btrfs->super[BTRFS_NODESIZE].value;
	else if (strcmp(type, "EXTENT_ITEM"))
		return false;
	if (at + more <= at)
		return false;
	btrfs->error = unused_runs_add(&btrfs->extents, at, at + more);
	return !btrfs->error;
}

static bool unused_btrfs_extent_line(void *arg, char *line)
{
	struct unused_btrfs *btrfs = arg;
	struct unused_btrfs_chunk *group = btrfs->group;
	const char *key = unused_btrfs_key(line);
	char kind[BTRFS_KIND];

	if (key)
		return unused_btrfs_item(btrfs, key);
	if (unused_btrfs_is_frame(line))
		return true;
	if (strncmp(line, "\t\t", 2))
		return false;
	if (!group)
		return true;
	group->group = sscanf(line, "\t\tblock group used %" SCNu64 " chunk_objectid 256 flags %31s",
			      &group->used, kind) == 2 && !strcmp(kind, group->kind);
	return group->group;
}

static int unused_btrfs_tree(struct unused_btrfs *btrfs, const char *name,
			     bool (*line)(void *arg, char *line))
{
	const char *const argv[] = {
		"btrfs", "inspect-internal", "dump-tree", "--noscan", "--dfs", "-t",
		name, btrfs->tool->window.path, NULL
	};

	return unused_btrfs_run(btrfs, argv, line);
}

/* --- what agrees --------------------------------------------------------------------------- */

/* Each is there once, or twice, on the device. */
static bool unused_btrfs_chunk_agrees(const struct unused_btrfs_chunk *chunk)
{
	const char *copies = strrchr(chunk->kind, '|');

	if (!copies || !chunk->bytes || chunk->told != chunk->stripes ||
	    chunk->from + chunk->bytes < chunk->from || !chunk->group)
		return false;
	return (!strcmp(copies, "|single") && chunk->stripes == 1) ||
	       (!strcmp(copies, "|DUP") && chunk->stripes == 2);
}

/* Where chunks are on the device; and are these all that it has? */
static bool unused_btrfs_map(struct unused_btrfs *btrfs, struct unused_runs *on)
{
	const struct unused_number *super = btrfs->super;
	const struct unused_btrfs_chunk *chunk;
	size_t i;
	u64 n;

	for (i = 0; i < btrfs->chunks; i++) {
		chunk = &btrfs->chunk[i];
		if (!unused_btrfs_chunk_agrees(chunk))
			return false;
		for (n = 0; n < chunk->stripes; n++) {
			if (chunk->stripe[n] < BTRFS_FIRST ||
			    chunk->stripe[n] > super[BTRFS_TOTAL].value ||
			    chunk->bytes > super[BTRFS_TOTAL].value - chunk->stripe[n])
				return false;
			btrfs->error = unused_runs_add(on, chunk->stripe[n],
						       chunk->stripe[n] + chunk->bytes);
			if (btrfs->error)
				return false;
		}
	}
	return unused_runs_sort(on) &&
	       unused_runs_bytes(on) == super[BTRFS_DEV_USED].value;
}

/* Does each group have as much in use as it says, and all of them? */
static bool unused_btrfs_used_agrees(struct unused_btrfs *btrfs)
{
	struct unused_runs *extents = &btrfs->extents;
	const struct unused_btrfs_chunk *chunk;
	u64 used, all = 0;
	size_t i, at = 0;

	if (!unused_runs_sort(extents))
		return false;
	for (i = 0; i < btrfs->chunks; i++) {
		chunk = &btrfs->chunk[i];
		if (i && btrfs->chunk[i - 1].from + btrfs->chunk[i - 1].bytes > chunk->from)
			return false;
		for (used = 0; at < extents->count &&
		     extents->run[at].from >= chunk->from &&
		     extents->run[at].to <= chunk->from + chunk->bytes; at++)
			used += extents->run[at].to - extents->run[at].from;
		if (used != chunk->used)
			return false;
		all += used;
	}
	return at == extents->count && all == btrfs->super[BTRFS_USED].value;
}

/* --- what is free ---------------------------------------------------------------------------- */

/* A part of the device, but for the superblock's copies. */
static int unused_btrfs_add(struct unused_btrfs *btrfs, u64 from, u64 to)
{
	static const u64 supers[] = { SZ_64K, 64ULL << 20, 256ULL << 30 };
	unsigned int i;
	int r = 0;

	from = max_t(u64, from, BTRFS_FIRST);
	for (i = 0; !r && i < sizeof(supers) / sizeof(*supers); i++) {
		if (from >= supers[i] + BTRFS_SUPER || to <= supers[i])
			continue;
		if (from < supers[i])
			r = unused_runs_add(&btrfs->tool->free, from, supers[i]);
		from = supers[i] + BTRFS_SUPER;
	}
	if (!r && from < to)
		r = unused_runs_add(&btrfs->tool->free, from, to);
	return r;
}

static int unused_btrfs_add_in(struct unused_btrfs *btrfs,
			       const struct unused_btrfs_chunk *chunk, u64 from,
			       u64 to)
{
	int r = 0;
	u64 n;

	for (n = 0; !r && from < to && n < chunk->stripes; n++)
		r = unused_btrfs_add(btrfs, chunk->stripe[n] + from - chunk->from,
				     chunk->stripe[n] + to - chunk->from);
	return r;
}

/* What is in chunks, then what is between them. */
static int unused_btrfs_take(struct unused_btrfs *btrfs, const struct unused_runs *on)
{
	const struct unused_runs *extents = &btrfs->extents;
	const struct unused_btrfs_chunk *chunk;
	size_t i, next = 0;
	int r = 0;
	u64 at;

	for (i = 0; !r && i < btrfs->chunks; i++) {
		chunk = &btrfs->chunk[i];
		for (at = chunk->from; !r && next < extents->count &&
		     extents->run[next].from < chunk->from + chunk->bytes; next++) {
			r = unused_btrfs_add_in(btrfs, chunk, at,
						extents->run[next].from);
			at = extents->run[next].to;
		}
		if (!r)
			r = unused_btrfs_add_in(btrfs, chunk, at,
						chunk->from + chunk->bytes);
	}
	for (i = 0, at = 0; !r && i < on->count; i++) {
		r = unused_btrfs_add(btrfs, at, on->run[i].from);
		at = on->run[i].to;
	}
	return r ? r : unused_btrfs_add(btrfs, at, btrfs->super[BTRFS_TOTAL].value);
}

static int unused_btrfs_ask(struct unused_tool *tool)
{
	struct unused_btrfs btrfs = { .tool = tool };
	struct unused_runs on = {};
	int r = unused_btrfs_super(&btrfs);

	if (!r && !tool->part->kept[0])
		r = unused_btrfs_tree(&btrfs, "chunk", unused_btrfs_chunk_line);
	if (!r && !tool->part->kept[0])
		r = unused_btrfs_tree(&btrfs, "extent", unused_btrfs_extent_line);
	if (!r && !tool->part->kept[0]) {
		if (unused_btrfs_map(&btrfs, &on) && unused_btrfs_used_agrees(&btrfs))
			r = unused_btrfs_take(&btrfs, &on);
		else if (!btrfs.error)
			unused_tool_keep(tool, unused_btrfs_damaged);
		r = btrfs.error ? btrfs.error : r;
	}
	unused_runs_free(&on);
	unused_runs_free(&btrfs.extents);
	free(btrfs.chunk);
	return r;
}

/**
 * unused_btrfs() - what does a btrfs not use?
 * @unused: takes it
 * @part: the file system; takes why it is kept, if it is
 *
 * Return: 0 or a negative errno.
 */
int unused_btrfs(struct unused *unused, struct unused_part *part)
{
	return unused_tool(unused, part, unused_btrfs_ask);
}
