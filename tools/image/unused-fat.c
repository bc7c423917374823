// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: what a FAT does not use
 *
 * fsck.fat goes through all directories and both tables without a word of complaint: so
 * each cluster of a file is in use, and no other one but those that are bad, and it is
 * not dirty.  It tells how many clusters are in use, and where they begin; partclone.fat
 * has to call as many free.
 *
 * FAT12 is kept: partclone.fat takes it for a table with two bytes for each cluster, which
 * has one and a half.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "unused-partclone.h"

#define FAT_PACKAGE	"dosfstools"

/**
 * struct unused_fat - what fsck.fat tells
 * @tool: the file system
 * @bits: of an entry of its table
 * @from: where its clusters begin, in bytes
 * @cluster: size of one
 * @clusters: how many there are
 * @used: how many are in use
 * @total: how many of
 */
struct unused_fat {
	struct unused_tool *tool;
	u64 bits;
	u64 from;
	u64 cluster;
	u64 clusters;
	u64 used;
	u64 total;
};

/* Is that a number, and these words? */
static bool unused_fat_number(const char *line, const char *words, u64 *number)
{
	int end = 0;
	u64 value;

	if (sscanf(line, " %" SCNu64 "%n", &value, &end) != 1 ||
	    strncmp(line + end, words, strlen(words)))
		return false;
	*number = value;
	return true;
}

/* The last line: of how many files, and of how many clusters how many are in use. */
static bool unused_fat_sum(struct unused_fat *fat, const char *line)
{
	const char *path = fat->tool->window.path;
	size_t length = strlen(path);
	int end = 0;

	return !strncmp(line, path, length) &&
	       sscanf(line + length, ": %*u files, %" SCNu64 "/%" SCNu64 " clusters%n",
		      &fat->used, &fat->total, &end) == 2 && end &&
	       !line[length + end];
}

static bool unused_fat_line(void *arg, char *line)
{
	static const char *const words[] = {
		" bytes per logical sector", " reserved sector", " bytes per FAT (= ",
		" root directory entries", " sectors/track, ", " hidden sectors",
		" sectors total",
	};
	static const char *const begin[] = {
		"fsck.fat ", "System ID \"", "Media byte 0x",
		"Checking we can access the last sector of the filesystem",
		"Boot sector contents:", "First FAT starts at byte ",
		"Root directory start", "Checking for unused clusters.",
		"Checking free cluster summary.",
		"Free cluster summary uninitialized (should be ",
	};
	struct unused_fat *fat = arg;
	unsigned int i;
	u64 number;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (unused_fat_number(line, words[i], &number))
			return true;
	for (i = 0; i < sizeof(begin) / sizeof(*begin); i++)
		if (!strncmp(line, begin[i], strlen(begin[i])))
			return true;
	return sscanf(line, " 2 FATs, %" SCNu64 " bit entries", &fat->bits) == 1 ||
	       sscanf(line, " 1 FATs, %" SCNu64 " bit entries", &fat->bits) == 1 ||
	       sscanf(line, "Data area starts at byte %" SCNu64 " (", &fat->from) == 1 ||
	       unused_fat_number(line, " bytes per cluster", &fat->cluster) ||
	       unused_fat_number(line, " data clusters (", &fat->clusters) ||
	       unused_fat_sum(fat, line);
}

static int unused_fat_ask(struct unused_tool *tool)
{
	struct unused_fat fat = { .tool = tool };
	const char *const argv[] = {
		"fsck.fat", "-n", "-v", tool->window.path, NULL
	};
	int r;

	tool->line = unused_fat_line;
	tool->arg = &fat;
	r = unused_tool_run(tool, FAT_PACKAGE, argv);
	if (r || tool->part->kept[0])
		return r;
	if (fat.bits == 12)
		return unused_tool_keep(tool, "of FAT12 it is not known what is in use");
	if ((fat.bits != 16 && fat.bits != 32) || !fat.total ||
	    fat.total != fat.clusters || fat.used > fat.total)
		return unused_tool_keep(tool, "fsck.fat does not tell all of it");
	r = unused_partclone(tool, "partclone.fat",
			     fat.bits == 16 ? "FAT16" : "FAT32");
	if (r || tool->part->kept[0])
		return r;
	if (!unused_clusters_agree(tool, fat.from, fat.cluster, fat.total,
				   fat.total - fat.used))
		unused_tool_keep(tool, "fsck.fat and partclone.fat do not agree about what is free");
	return 0;
}

/**
 * unused_fat() - what does a FAT not use?
 * @unused: takes it
 * @part: the file system; takes why it is kept, if it is
 *
 * Return: 0 or a negative errno.
 */
int unused_fat(struct unused *unused, struct unused_part *part)
{
	return unused_tool(unused, part, unused_fat_ask);
}
