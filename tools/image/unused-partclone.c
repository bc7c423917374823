// SPDX-License-Identifier: GPL-2.0
/*
 * partclone makes a "domain log" for GNU ddrescue, which has the parts of the file system
 * that are in use ('+') and the others ('?').  It copies more than it checks, so whoever
 * asks it has to know by somebody else how much is to be free.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unused-partclone.h"

#define PARTCLONE_PACKAGE	"partclone"

/**
 * struct unused_partclone - a run of it
 * @tool: the file system
 * @name: what it is to call its kind
 * @named: it has
 * @done: it says that it has ended well
 */
struct unused_partclone {
	struct unused_tool *tool;
	const char *name;
	bool named;
	bool done;
};

/* It has much to say, of its progress, too. */
static bool unused_partclone_line(void *arg, char *line)
{
	static const char *const whole[] = {
		"Calculating bitmap... Please wait... ", "done!", "Syncing... OK!",
		"You are not logged as root. You may have \"access denied\" errors when working.",
	};
	static const char *const begin[] = {
		"Partclone v", "Starting to map device (", "Elapsed: ",
		"Total Time: ", "Device size: ", "Space in use: ", "Free Space: ",
		"Block size: ", "current block: ", "block ",
		"Partclone successfully mapped the device (",
	};
	static const char kind[] = "File system:  ";
	struct unused_partclone *run = arg;
	unsigned int i;

	for (i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		if (!strcmp(line, whole[i]))
			return true;
	for (i = 0; i < sizeof(begin) / sizeof(*begin); i++)
		if (!strncmp(line, begin[i], strlen(begin[i])))
			return true;
	if (!strncmp(line, kind, strlen(kind))) {
		run->named = !strcmp(line + strlen(kind), run->name);
		return run->named;
	}
	run->done |= !strcmp(line, "Cloned successfully.");
	return run->done || !line[strspn(line, " ")];
}

/* Parts follow each other, and there are no gaps. */
static int unused_partclone_take(struct unused_tool *tool, FILE *domain)
{
	u64 at = 0, from, bytes;
	bool begun = false;
	char line[256], state;
	int end, r = 0;

	while (!r && fgets(line, sizeof(line), domain)) {
		if (*line == '#')
			continue;
		end = 0;
		if (!begun) {
			/* Where ddrescue would go on; it is none. */
			begun = sscanf(line, "0x%" SCNx64 " %c %n", &from, &state,
				       &end) == 2 && !line[end];
			end = begun ? end : 0;
		} else if (sscanf(line, "0x%" SCNx64 " 0x%" SCNx64 " %c %n",
				  &from, &bytes, &state, &end) != 3 ||
			   from != at || bytes > tool->part->bytes - at ||
			   !strchr("+?", state)) {
			end = 0;
		} else {
			at += bytes;
			if (state == '?')
				r = unused_runs_add(&tool->free, from, at);
		}
		if (!end || line[end])
			return unused_tool_keep(tool, "partclone writes no domain log that is known");
	}
	if (!r && (!at || ferror(domain)))
		unused_tool_keep(tool, "partclone writes no domain log");
	return r;
}

/**
 * unused_partclone() - let partclone tell what is free
 * @tool: the file system; takes it, or why it is kept
 * @program: the partclone that knows it
 * @name: as it is to call its kind
 *
 * Return: 0 or a negative errno.
 */
int unused_partclone(struct unused_tool *tool, const char *program,
		     const char *name)
{
	struct unused_partclone run = { .tool = tool, .name = name };
	char path[32];
	const char *const argv[] = {
		program, "-q", "-D", "-s", tool->window.path, "-O", path, "-L",
		"/dev/null", NULL
	};
	FILE *domain;
	/* The program inherits it. */
	int fd = memfd_create("vhdx-domain", 0), r;

	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	tool->line = unused_partclone_line;
	tool->arg = &run;
	r = unused_tool_run(tool, PARTCLONE_PACKAGE, argv);
	domain = lseek(fd, 0, SEEK_SET) ? NULL : fdopen(fd, "r");
	if (!domain) {
		close(fd);
		return r ? r : -EIO;
	}
	if (!r && !tool->part->kept[0] && !(run.named && run.done))
		unused_tool_keep(tool, "partclone does not tell that it has done all");
	if (!r && !tool->part->kept[0])
		r = unused_partclone_take(tool, domain);
	fclose(domain);
	return r;
}

/**
 * unused_clusters_agree() - is that what it should be?
 * @tool: the file system, with what is said to be free
 * @from: where its clusters begin, in bytes
 * @bytes: size of a cluster
 * @count: how many clusters it has
 * @free: how many of them are to be free
 *
 * Return: whether all that is free are whole clusters, as many as that.
 */
bool unused_clusters_agree(const struct unused_tool *tool, u64 from, u64 bytes,
			   u64 count, u64 free)
{
	const struct unused_runs *runs = &tool->free;
	u64 size = tool->part->bytes;
	size_t i;

	if (!bytes || from > size || count > (size - from) / bytes ||
	    free > count || unused_runs_bytes(runs) != free * bytes)
		return false;
	for (i = 0; i < runs->count; i++)
		if (runs->run[i].from < from ||
		    (runs->run[i].from - from) % bytes ||
		    (runs->run[i].to - from) % bytes ||
		    runs->run[i].to > from + count * bytes)
			return false;
	return true;
}
