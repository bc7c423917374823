/* SPDX-License-Identifier: GPL-2.0 */
/* Other programs, and what they say. */
#ifndef VHDX_TOOLS_PROGRAM_H
#define VHDX_TOOLS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#define PROGRAM_LINE	4096	/* longer ones come in parts */

/**
 * struct program_reader - who reads what a program writes
 * @enter: is called in the child before; returns 0 or a negative errno; may be NULL
 * @line: takes a line, without its end, to change as it likes; false: that was enough
 * @arg: for both
 */
struct program_reader {
	int (*enter)(void *arg);
	bool (*line)(void *arg, char *line);
	void *arg;
};

int program_run(const char *const argv[], char *said, size_t size);
int program_read(const char *const argv[], const struct program_reader *reader);

#endif /* VHDX_TOOLS_PROGRAM_H */
