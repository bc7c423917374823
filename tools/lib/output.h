/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a command reports, written once for people and for --json: scalars
 * with a key and a label, and lists of rows.
 */
#ifndef VHDX_TOOLS_OUTPUT_H
#define VHDX_TOOLS_OUTPUT_H

#include "vhdx-shim.h"

struct json_object;

/**
 * struct output_column - a column of a list, as people see it
 * @heading: its heading; NULL ends the array
 * @width: characters; negative to adjust left
 */
struct output_column {
	const char *heading;
	int width;
};

/**
 * struct output - a report in the making
 * @json: as JSON
 * @root: what --json prints at the end
 * @list: the list being filled
 * @row: the row being filled
 * @columns: of the list being filled; NULL outside of lists
 * @column: the next one; in JSON how many values the row has
 * @rows: rows of the list so far
 * @stream: the report is one list, printed row by row
 * @headless: lists have no headings
 */
struct output {
	bool json;
	struct json_object *root;
	struct json_object *list;
	struct json_object *row;
	const struct output_column *columns;
	unsigned int column;
	u64 rows;
	bool stream;
	bool headless;
};

void output_begin(struct output *out, bool json);
void output_end(struct output *out);
void output_list(struct output *out, const char *key,
		 const struct output_column *columns);
void output_row(struct output *out);
void output_list_end(struct output *out);
void output_text(struct output *out, const char *key, const char *label,
		 const char *value);
void output_strings(struct output *out, const char *key,
		    const char *const *values, unsigned int count);
void output_number(struct output *out, const char *key, const char *label,
		   u64 value);
void output_size(struct output *out, const char *key, const char *label,
		 u64 bytes);
void output_percent_text(char text[8], u64 part, u64 all);
void output_percent(struct output *out, const char *key, const char *label,
		    u64 part, u64 all);
void output_bool(struct output *out, const char *key, const char *label,
		 bool value);
void output_guid(struct output *out, const char *key, const char *label,
		 const guid_t *guid);

#endif /* VHDX_TOOLS_OUTPUT_H */
