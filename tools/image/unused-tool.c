// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: what other programs say of a file system
 *
 * They get it as a file, see window.c, which they can only read.  What they say is taken
 * word by word: a line that is not among those that are known, be it of another version
 * or about damage, is a reason to keep all of the file system, and so is a program that
 * fails, or that is not there.  What they call free counts only if two that have found
 * it in different ways agree; so each kind of file system has its own file.
 */
#include <stdio.h>

#include "program.h"
#include "unused-tool.h"

/**
 * struct unused_listener - what a program is listened to by
 * @tool: the file system
 * @name: of the program
 */
struct unused_listener {
	struct unused_tool *tool;
	const char *name;
};

/**
 * unused_tool_keep() - keep all of a file system
 * @tool: the file system
 * @why: the reason; the first one counts
 *
 * Return: 0.
 */
int unused_tool_keep(struct unused_tool *tool, const char *why)
{
	struct unused_part *part = tool->part;

	if (!part->kept[0])
		snprintf(part->kept, sizeof(part->kept), "%s", why);
	return 0;
}

static int unused_tool_enter(void *arg)
{
	const struct unused_listener *listener = arg;

	return window_enter(&listener->tool->window);
}

static bool unused_tool_line(void *arg, char *line)
{
	const struct unused_listener *listener = arg;
	struct unused_tool *tool = listener->tool;
	char said[UNUSED_WHY], *at;

	snprintf(said, sizeof(said), "%s", line);
	if (tool->line(tool->arg, line))
		return true;
	for (at = said; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = ' ';
	if (!tool->part->kept[0])
		snprintf(tool->part->kept, sizeof(tool->part->kept),
			 "%s says: %.90s", listener->name, said);
	return false;
}

/**
 * unused_tool_run() - ask a program
 * @tool: the file system; its @line is called with all that the program says
 * @package: of Debian, that has the program
 * @argv: the program and its arguments
 *
 * Return: 0, also if the file system is kept for what it says; or a negative errno.
 */
int unused_tool_run(struct unused_tool *tool, const char *package,
		    const char *const argv[])
{
	struct unused_listener listener = { .tool = tool, .name = argv[0] };
	const struct program_reader reader = {
		.enter = unused_tool_enter,
		.line = unused_tool_line,
		.arg = &listener,
	};
	struct unused_part *part = tool->part;
	int r = program_read(argv, &reader);

	if (r < 0 || part->kept[0])
		return r < 0 ? r : 0;
	if (r == 127)
		snprintf(part->kept, sizeof(part->kept),
			 "what is in use tells %s: install %s (Debian)",
			 argv[0], package);
	else if (r)
		snprintf(part->kept, sizeof(part->kept),
			 "%s has failed (status %d)", argv[0], r);
	return 0;
}

/* All of it is known now; @part has what it does not use, or why it is kept. */
static void unused_tool_collect(struct unused *unused, struct unused_tool *tool)
{
	struct unused_runs *runs = &tool->free;
	struct unused_part *part = tool->part;
	size_t i;

	if (!part->kept[0] &&
	    (!unused_runs_sort(runs) ||
	     (runs->count && runs->run[runs->count - 1].to > part->bytes)))
		unused_tool_keep(tool, "what is said to be free makes no sense");
	if (part->kept[0])
		return;
	for (i = 0; i < runs->count; i++)
		unused_add(unused, part, runs->run[i].from, runs->run[i].to);
}

/**
 * unused_tool() - what does a file system not use that others know?
 * @unused: takes it
 * @part: the file system; takes why it is kept, if it is
 * @ask: asks them
 *
 * Return: 0 or a negative errno.
 */
int unused_tool(struct unused *unused, struct unused_part *part,
		unused_tool_fn ask)
{
	struct unused_tool tool = { .part = part };
	int r = window_open(&tool.window, unused->disk, part->from, part->bytes);

	if (r) {
		snprintf(part->kept, sizeof(part->kept),
			 "others know what is in use, but cannot see it, as FUSE cannot be used here (%s)",
			 strerror(-r));
		r = 0;
	} else {
		r = ask(&tool);
	}
	window_close(&tool.window);
	if (!r)
		unused_tool_collect(unused, &tool);
	unused_runs_free(&tool.free);
	return r;
}
