// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>

#include "runs.h"

/**
 * runs_begin() - start a list
 * @runs: the list
 * @json: print it as JSON
 */
void runs_begin(struct runs *runs, bool json)
{
	static const struct output_column columns[] = {
		{ "Start", 14 },
		{ "Length", 14 },
		{ "State", -11 },
		{ "File offset", 14 },
		{}
	};

	memset(runs, 0, sizeof(*runs));
	output_begin(&runs->out, json);
	output_list(&runs->out, NULL, columns);
}

/**
 * runs_flush() - print what was collected
 * @runs: the list
 */
void runs_flush(struct runs *runs)
{
	char text[24];

	if (!runs->length)
		return;
	output_row(&runs->out);
	output_number(&runs->out, "start", "", runs->start);
	output_number(&runs->out, "length", "", runs->length);
	output_text(&runs->out, "state", "", runs->state);
	if (runs->off != RUNS_NOWHERE) {
		snprintf(text, sizeof(text), "%" PRIu64, runs->off);
		output_number(&runs->out, "file_offset", NULL, runs->off);
	}
	output_text(&runs->out, NULL, "",
		    runs->off != RUNS_NOWHERE ? text : "-");
	runs->start += runs->length;
	runs->length = 0;
}

/**
 * runs_end_of() - how far the list has come
 * @runs: the list
 *
 * Return: where the next part begins, in bytes from the start of the disk.
 */
u64 runs_end_of(const struct runs *runs)
{
	return runs->start + runs->length;
}

/**
 * runs_add() - add the next part, or more of the last one
 * @runs: the list
 * @state: what it is, a constant: the same string for the same state
 * @length: bytes
 * @off: where its data is in the file; RUNS_NOWHERE if there is none
 */
void runs_add(struct runs *runs, const char *state, u64 length, u64 off)
{
	if (!length)
		return;
	if (runs->length && runs->state == state &&
	    (off == RUNS_NOWHERE ? runs->off == off :
				   off == runs->off + runs->length)) {
		runs->length += length;
		return;
	}
	runs_flush(runs);
	runs->state = state;
	runs->length = length;
	runs->off = off;
}

/**
 * runs_end() - finish a list
 * @runs: the list; what is still being collected has to be flushed before
 */
void runs_end(struct runs *runs)
{
	output_list_end(&runs->out);
	output_end(&runs->out);
}
