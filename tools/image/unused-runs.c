// SPDX-License-Identifier: GPL-2.0
/* Parts of a file system, and numbers, as programs tell them. */
#include <stdlib.h>

#include "unused-tool.h"

/**
 * unused_runs_add() - one more part
 * @runs: those that there are
 * @from: bytes from the start of the file system
 * @to: its end
 *
 * Return: 0 or a negative errno.
 */
int unused_runs_add(struct unused_runs *runs, u64 from, u64 to)
{
	struct unused_run *more;

	if (runs->count == runs->room) {
		runs->room = runs->room ? 2 * runs->room : 64;
		more = realloc(runs->run, runs->room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		runs->run = more;
	}
	runs->run[runs->count++] = (struct unused_run){ .from = from, .to = to };
	return 0;
}

static int unused_runs_compare(const void *a, const void *b)
{
	const struct unused_run *one = a, *two = b;

	if (one->from != two->from)
		return one->from < two->from ? -1 : 1;
	return (one->to > two->to) - (one->to < two->to);
}

/**
 * unused_runs_sort() - put parts in order
 * @runs: the parts
 *
 * Return: whether each ends behind its beginning, and before the next one.
 */
bool unused_runs_sort(struct unused_runs *runs)
{
	size_t i;

	if (runs->count)
		qsort(runs->run, runs->count, sizeof(*runs->run),
		      unused_runs_compare);
	for (i = 0; i < runs->count; i++)
		if (runs->run[i].from >= runs->run[i].to ||
		    (i && runs->run[i].from < runs->run[i - 1].to))
			return false;
	return true;
}

/**
 * unused_runs_bytes() - how much is it?
 * @runs: the parts
 *
 * Return: bytes.
 */
u64 unused_runs_bytes(const struct unused_runs *runs)
{
	u64 bytes = 0;
	size_t i;

	for (i = 0; i < runs->count; i++)
		bytes += runs->run[i].to - runs->run[i].from;
	return bytes;
}

/**
 * unused_runs_free() - forget them
 * @runs: the parts
 */
void unused_runs_free(struct unused_runs *runs)
{
	free(runs->run);
	*runs = (struct unused_runs){};
}

/**
 * unused_number_take() - a program tells a number
 * @numbers: those that are waited for; the last one has no name
 * @name: its name
 * @value: what it is, in its digits, 0x before those in base 16
 *
 * Return: false if nobody waits for it, or it is no number.
 */
bool unused_number_take(struct unused_number *numbers, const char *name,
			const char *value)
{
	char *end;

	for (; numbers->name; numbers++)
		if (!strcmp(numbers->name, name))
			break;
	if (!numbers->name || numbers->seen || *value < '0' || *value > '9')
		return false;
	errno = 0;
	numbers->value = strtoull(value, &end, strncmp(value, "0x", 2) ? 10 : 16);
	numbers->seen = true;
	return !errno && (!*end || *end == ' ');
}

/**
 * unused_number_all() - has it told all of them?
 * @numbers: those that were waited for; the last one has no name
 *
 * Return: whether it has.
 */
bool unused_number_all(const struct unused_number *numbers)
{
	for (; numbers->name; numbers++)
		if (!numbers->seen)
			return false;
	return true;
}
