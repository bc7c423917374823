// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: what an exFAT does not use
 *
 * fsck.exfat goes through all directories: each cluster of a file is marked as used.  It
 * does not look whether those of the root directory, of the bitmap and of the table of
 * upper case are, nor whether the volume is dirty.  The latter partclone.exfat tells.  The
 * former are looked for here, where dump.exfat says that they begin; as nobody tells
 * where more clusters of the root directory are, it may have one only.  What
 * partclone.exfat calls free have to be as many clusters as dump.exfat has counted.
 *
 * (For partclone 0.3.23 the last cluster is always free.  Where it is not the counts differ.)
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "unused-partclone.h"

#define EXFAT_PACKAGE	"exfatprogs"
#define EXFAT_FIRST	2	/* number of the first cluster */

enum {
	EXFAT_LENGTH, EXFAT_HEAP, EXFAT_CLUSTERS, EXFAT_ROOT, EXFAT_SECTOR_BITS,
	EXFAT_CLUSTER_BITS, EXFAT_BITMAP, EXFAT_BITMAP_BYTES, EXFAT_UPCASE,
	EXFAT_UPCASE_BYTES, EXFAT_CLUSTER_BYTES, EXFAT_TOTAL, EXFAT_FREE,
	EXFAT_NUMBERS
};

/**
 * struct unused_exfat - what the programs tell
 * @tool: the file system
 * @number: what dump.exfat tells
 * @root: the root directory's first cluster, as fsck.exfat tells
 * @root_bytes: its size
 * @clean: fsck.exfat says that it is
 */
struct unused_exfat {
	struct unused_tool *tool;
	struct unused_number number[EXFAT_NUMBERS + 1];
	u64 root;
	u64 root_bytes;
	bool clean;
};

static const char unused_exfat_silent[] =
	"fsck.exfat and dump.exfat do not tell all of it";

static bool unused_exfat_check_line(void *arg, char *line)
{
	static const char *const begin[] = {
		"exfatprogs version : ", "sector size: ", "cluster size: ",
		"volume size: ",
	};
	struct unused_exfat *exfat = arg;
	const char *path = exfat->tool->window.path;
	const char *root = strstr(line, "] root directory: start cluster[0x");
	size_t length = strlen(path);
	unsigned int i;
	int end = 0;

	for (i = 0; i < sizeof(begin) / sizeof(*begin); i++)
		if (!strncmp(line, begin[i], strlen(begin[i])))
			return true;
	/* What it says to whoever has written it. */
	if (*line == '[' && root)
		return sscanf(root, "] root directory: start cluster[0x%" SCNx64 "] size[0x%" SCNx64 "]",
			      &exfat->root, &exfat->root_bytes) == 2;
	if (*line == '[')
		return true;
	if (!strncmp(line, path, length))
		sscanf(line + length, ": clean. directories %*u, files %*u%n", &end);
	exfat->clean = end && !line[length + end];
	return exfat->clean;
}

/*
 * "Cluster Count:   14848"; other ones than those that are needed do not matter.  Where a
 * table starts is in base 16, without saying so.
 */
static bool unused_exfat_dump_line(void *arg, char *line)
{
	struct unused_exfat *exfat = arg;
	char *value = strchr(line, ':');
	const struct unused_number *number;
	char based[32];

	if (*line == '-' || !strncmp(line, "exfatprogs version", 18))
		return true;
	if (!value || value[1 + strspn(value + 1, " ")] != '\t')
		return false;
	*value++ = '\0';
	value += strspn(value, " \t");
	if (strstr(line, " start cluster")) {
		snprintf(based, sizeof(based), "0x%.16s", value);
		value = based;
	}
	for (number = exfat->number; number->name; number++)
		if (!strcmp(number->name, line))
			return unused_number_take(exfat->number, line, value);
	return true;
}

static int unused_exfat_check(struct unused_exfat *exfat)
{
	struct unused_tool *tool = exfat->tool;
	const char *const check[] = {
		"fsck.exfat", "-n", "-vv", tool->window.path, NULL
	};
	const char *const dump[] = { "dump.exfat", tool->window.path, NULL };
	int r;

	tool->arg = exfat;
	tool->line = unused_exfat_check_line;
	r = unused_tool_run(tool, EXFAT_PACKAGE, check);
	if (r || tool->part->kept[0])
		return r;
	tool->line = unused_exfat_dump_line;
	r = unused_tool_run(tool, EXFAT_PACKAGE, dump);
	if (!r && (!exfat->clean || !unused_number_all(exfat->number)))
		unused_tool_keep(tool, unused_exfat_silent);
	return r;
}

/* Where the clusters begin, in bytes. */
static u64 unused_exfat_heap(const struct unused_exfat *exfat)
{
	return exfat->number[EXFAT_HEAP].value << exfat->number[EXFAT_SECTOR_BITS].value;
}

static const char *unused_exfat_judge(const struct unused_exfat *exfat)
{
	const struct unused_number *number = exfat->number;
	u64 sector = number[EXFAT_SECTOR_BITS].value;
	u64 bits = number[EXFAT_CLUSTER_BITS].value;
	u64 cluster = number[EXFAT_CLUSTER_BYTES].value;

	if (sector < 9 || sector > 12 || bits > 25 - sector ||
	    cluster != 1ULL << (sector + bits) ||
	    number[EXFAT_TOTAL].value != number[EXFAT_CLUSTERS].value ||
	    number[EXFAT_HEAP].value > number[EXFAT_LENGTH].value)
		return unused_exfat_silent;
	if (number[EXFAT_LENGTH].value > exfat->tool->part->bytes >> sector)
		return "it is larger than its partition";
	if (exfat->root != number[EXFAT_ROOT].value || !exfat->root_bytes)
		return unused_exfat_silent;
	if (exfat->root_bytes > cluster)
		return "its root directory has more than one cluster, which fsck.exfat does not look at";
	return NULL;
}

/* Is any of that called free? */
static bool unused_exfat_is_free(const struct unused_exfat *exfat, u64 first,
				 u64 bytes)
{
	const struct unused_runs *runs = &exfat->tool->free;
	u64 cluster = exfat->number[EXFAT_CLUSTER_BYTES].value, from, to;
	size_t i;

	if (first < EXFAT_FIRST || !bytes ||
	    first - EXFAT_FIRST >= exfat->number[EXFAT_CLUSTERS].value)
		return true;
	from = unused_exfat_heap(exfat) + (first - EXFAT_FIRST) * cluster;
	to = from + DIV_ROUND_UP_ULL(bytes, cluster) * cluster;
	for (i = 0; i < runs->count; i++)
		if (runs->run[i].from < to && from < runs->run[i].to)
			return true;
	return false;
}

static bool unused_exfat_agrees(const struct unused_exfat *exfat)
{
	const struct unused_number *number = exfat->number;
	u64 cluster = number[EXFAT_CLUSTER_BYTES].value;

	return unused_clusters_agree(exfat->tool, unused_exfat_heap(exfat), cluster,
				     number[EXFAT_CLUSTERS].value,
				     number[EXFAT_FREE].value) &&
	       !unused_exfat_is_free(exfat, number[EXFAT_ROOT].value, cluster) &&
	       !unused_exfat_is_free(exfat, number[EXFAT_BITMAP].value,
				     number[EXFAT_BITMAP_BYTES].value) &&
	       !unused_exfat_is_free(exfat, number[EXFAT_UPCASE].value,
				     number[EXFAT_UPCASE_BYTES].value);
}

static int unused_exfat_ask(struct unused_tool *tool)
{
	static const char *const names[EXFAT_NUMBERS] = {
		"Volume Length(sectors)", "Cluster Heap Offset (sector offset)",
		"Cluster Count", "Root Cluster (cluster offset)",
		"Sector Size Bits", "Sector per Cluster bits",
		"Bitmap start cluster", "Bitmap size",
		"Upcase table start cluster", "Upcase table size",
		"Cluster size", "Total Clusters", "Free Clusters",
	};
	struct unused_exfat exfat = { .tool = tool };
	const char *why;
	unsigned int i;
	int r;

	for (i = 0; i < EXFAT_NUMBERS; i++)
		exfat.number[i].name = names[i];
	r = unused_exfat_check(&exfat);
	if (r || tool->part->kept[0])
		return r;
	why = unused_exfat_judge(&exfat);
	if (why)
		return unused_tool_keep(tool, why);
	r = unused_partclone(tool, "partclone.exfat", "EXFAT");
	if (r || tool->part->kept[0])
		return r;
	if (!unused_exfat_agrees(&exfat))
		unused_tool_keep(tool, "dump.exfat and partclone.exfat do not agree about what is free");
	return 0;
}

/**
 * unused_exfat() - what does an exFAT not use?
 * @unused: takes it
 * @part: the file system; takes why it is kept, if it is
 *
 * Return: 0 or a negative errno.
 */
int unused_exfat(struct unused *unused, struct unused_part *part)
{
	return unused_tool(unused, part, unused_exfat_ask);
}
