/* SPDX-License-Identifier: GPL-2.0 */
/* What a file system does not use, by programs that know it. */
#ifndef VHDX_TOOLS_UNUSED_TOOL_H
#define VHDX_TOOLS_UNUSED_TOOL_H

#include "unused.h"
#include "window.h"

/**
 * struct unused_run - a part of a file system
 * @from: where it begins, in bytes
 * @to: where it ends
 */
struct unused_run {
	u64 from;
	u64 to;
};

/**
 * struct unused_runs - parts of one
 * @run: what there is
 * @count: how many
 * @room: for how many there is room
 */
struct unused_runs {
	struct unused_run *run;
	size_t count;
	size_t room;
};

/**
 * struct unused_number - a number that a program tells
 * @name: what it calls it
 * @value: what it is
 * @seen: it has told
 */
struct unused_number {
	const char *name;
	u64 value;
	bool seen;
};

/**
 * struct unused_tool - a file system that programs are asked about
 * @part: the file system; takes why it is kept
 * @window: it, as a file
 * @free: what it does not use; drop none of it before all is known to be right
 * @line: takes a line of a program; false: that is not what it should say
 * @arg: for that
 */
struct unused_tool {
	struct unused_part *part;
	struct window window;
	struct unused_runs free;
	bool (*line)(void *arg, char *line);
	void *arg;
};

/* Asks; returns 0, also if it is kept, or a negative errno. */
typedef int (*unused_tool_fn)(struct unused_tool *tool);

int unused_tool(struct unused *unused, struct unused_part *part,
		unused_tool_fn ask);
int unused_tool_run(struct unused_tool *tool, const char *package,
		    const char *const argv[]);
int unused_tool_keep(struct unused_tool *tool, const char *why);

int unused_runs_add(struct unused_runs *runs, u64 from, u64 to);
bool unused_runs_sort(struct unused_runs *runs);
u64 unused_runs_bytes(const struct unused_runs *runs);
void unused_runs_free(struct unused_runs *runs);

bool unused_number_take(struct unused_number *numbers, const char *name,
			const char *value);
bool unused_number_all(const struct unused_number *numbers);

#endif /* VHDX_TOOLS_UNUSED_TOOL_H */
