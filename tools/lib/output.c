// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "guid.h"
#include "output.h"
#include "size.h"
#include "text.h"

#define OUTPUT_LABEL	24	/* width of the labels of scalars */

/**
 * output_begin() - start a report
 * @out: the report
 * @json: print it as JSON
 */
void output_begin(struct output *out, bool json)
{
	memset(out, 0, sizeof(*out));
	out->json = json;
	if (json)
		out->root = json_object_new_object();
}

/**
 * output_end() - finish a report and print what is not printed yet
 * @out: the report
 */
void output_end(struct output *out)
{
	if (!out->json)
		return;
	if (!out->stream)
		puts(json_object_to_json_string_ext(out->root,
				JSON_C_TO_STRING_PRETTY |
				JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(out->root);
}

/* One value of a row; no spaces at the end of the line. */
static void output_cell(const struct output_column *column, const char *value)
{
	bool last = !column[1].heading;

	if (last && column->width < 0)
		fputs(value, stdout);
	else
		printf(last ? "%*s" : "%*s  ", column->width, value);
}

/* Finish the row that is being filled, if any. */
static void output_row_end(struct output *out)
{
	if (!out->rows)
		return;
	if (!out->json) {
		putchar('\n');
	} else if (out->stream) {
		fputs(out->column ? " }" : "{ }", stdout);
	}
	out->row = NULL;
}

/**
 * output_list() - start a list
 * @out: the report
 * @key: its name; NULL if the whole report is this list, however long
 * @columns: what people see; a row has as many visible values
 */
void output_list(struct output *out, const char *key,
		 const struct output_column *columns)
{
	unsigned int i;

	out->columns = columns;
	out->rows = 0;
	out->stream = !key;
	if (!out->json) {
		for (i = 0; columns[i].heading && !out->headless; i++)
			output_cell(&columns[i], columns[i].heading);
		if (!out->headless)
			putchar('\n');
	} else if (key) {
		out->list = json_object_new_array();
		json_object_object_add(out->root, key, out->list);
	} else {
		putchar('[');
	}
}

/**
 * output_row() - start a row of the list
 * @out: the report
 */
void output_row(struct output *out)
{
	output_row_end(out);
	out->rows++;
	out->column = 0;
	if (out->stream && out->json) {
		fputs(out->rows > 1 ? ",\n  " : "\n  ", stdout);
	} else if (out->json) {
		out->row = json_object_new_object();
		json_object_array_add(out->list, out->row);
	}
}

/**
 * output_list_end() - finish the list
 * @out: the report
 */
void output_list_end(struct output *out)
{
	output_row_end(out);
	if (out->json && out->stream)
		puts(out->rows ? "\n]" : "]");
	out->columns = NULL;
	out->list = NULL;
}

/* The key of a value in a row that is printed at once. */
static void output_stream_key(struct output *out, const char *key)
{
	fputs(out->column++ ? ", \"" : "{ \"", stdout);
	fputs(key, stdout);
	fputs("\": ", stdout);
}

/*
 * There may be millions of rows, so those of a report that is one list are not
 * made of objects first.
 */
static void output_json(struct output *out, const char *key,
			struct json_object *value)
{
	if (!out->stream) {
		json_object_object_add(out->row ? out->row : out->root, key,
				       value);
		return;
	}
	output_stream_key(out, key);
	fputs(json_object_to_json_string_ext(value,
			JSON_C_TO_STRING_NOSLASHESCAPE), stdout);
	json_object_put(value);
}

static void output_json_number(struct output *out, const char *key, u64 value)
{
	if (out->stream) {
		output_stream_key(out, key);
		printf("%" PRIu64, value);
	} else {
		output_json(out, key, json_object_new_uint64(value));
	}
}

/* A value for people: in its column, or behind its label. */
static void output_plain(struct output *out, const char *label,
			 const char *value)
{
	if (!label)
		return;
	if (out->columns)
		output_cell(&out->columns[out->column++], value);
	else
		printf("%-*s %s\n", OUTPUT_LABEL, label, value);
}

static struct json_object *output_string(const char *value)
{
	char *text = text_utf8(value);
	struct json_object *string;

	string = json_object_new_string(text ? text : value);
	free(text);
	return string;
}

/* A string that is the same in JSON, as most are. */
static bool output_is_plain(const char *value)
{
	for (; *value; value++)
		if (*value < ' ' || *value > '~' || *value == '"' ||
		    *value == '\\')
			return false;
	return true;
}

static void output_json_text(struct output *out, const char *key,
			     const char *value)
{
	if (out->stream && output_is_plain(value)) {
		output_stream_key(out, key);
		putchar('"');
		fputs(value, stdout);
		putchar('"');
	} else {
		output_json(out, key, output_string(value));
	}
}

/**
 * output_text() - report a string
 * @out: the report
 * @key: JSON key; NULL to leave it out of JSON
 * @label: for people; NULL to leave it out there. In a list any label will do
 * @value: the string
 */
void output_text(struct output *out, const char *key, const char *label,
		 const char *value)
{
	char *text;

	if (out->json) {
		if (key)
			output_json_text(out, key, value);
		return;
	}
	text = text_printable(value);
	output_plain(out, label, text ? text : value);
	free(text);
}

/**
 * output_strings() - report an array of strings, in JSON only
 * @out: the report
 * @key: JSON key
 * @values: the strings
 * @count: how many
 */
void output_strings(struct output *out, const char *key,
		    const char *const *values, unsigned int count)
{
	struct json_object *array;
	unsigned int i;

	if (!out->json)
		return;
	array = json_object_new_array();
	for (i = 0; i < count; i++)
		json_object_array_add(array, output_string(values[i]));
	output_json(out, key, array);
}

/**
 * output_number() - report a count
 * @out: the report
 * @key: JSON key; NULL to leave it out of JSON
 * @label: for people; NULL to leave it out there
 * @value: the count
 */
void output_number(struct output *out, const char *key, const char *label,
		   u64 value)
{
	char text[SIZE_TEXT];

	if (!out->json) {
		snprintf(text, sizeof(text), "%" PRIu64, value);
		output_plain(out, label, text);
	} else if (key) {
		output_json_number(out, key, value);
	}
}

/**
 * output_size() - report a size or an offset
 * @out: the report
 * @key: JSON key; NULL to leave it out of JSON
 * @label: for people; NULL to leave it out there
 * @bytes: the size
 */
void output_size(struct output *out, const char *key, const char *label,
		 u64 bytes)
{
	char text[SIZE_TEXT], line[3 * SIZE_TEXT];

	if (out->json) {
		if (key)
			output_json_number(out, key, bytes);
		return;
	}
	size_text(text, bytes);
	if (out->columns || bytes < 1024) {
		output_plain(out, label, text);
	} else {
		snprintf(line, sizeof(line), "%s (%" PRIu64 " bytes)", text,
			 bytes);
		output_plain(out, label, line);
	}
}

/* Rounded up: 100 only if all of it, 0 only if nothing. */
static u64 output_hundredths(u64 part, u64 all)
{
	if (part >= all)
		return all ? 100 : 0;
	part = ((unsigned __int128)part * 100 + all - 1) / all;
	return part < 100 ? part : 99;
}

/**
 * output_percent_text() - a part of something, for people
 * @text: takes the text
 * @part: how much
 * @all: of how much
 */
void output_percent_text(char text[8], u64 part, u64 all)
{
	snprintf(text, 8, "%u%%", (unsigned int)output_hundredths(part, all));
}

/**
 * output_percent() - report which part of something it is
 * @out: the report
 * @key: JSON key; NULL to leave it out of JSON
 * @label: for people; NULL to leave it out there
 * @part: how much
 * @all: of how much
 */
void output_percent(struct output *out, const char *key, const char *label,
		    u64 part, u64 all)
{
	char text[8];

	output_percent_text(text, part, all);
	if (!out->json)
		output_plain(out, label, text);
	else if (key)
		output_json_number(out, key, output_hundredths(part, all));
}

/**
 * output_bool() - report a yes or no
 * @out: the report
 * @key: JSON key; NULL to leave it out of JSON
 * @label: for people; NULL to leave it out there
 * @value: true for yes
 */
void output_bool(struct output *out, const char *key, const char *label,
		 bool value)
{
	if (!out->json)
		output_plain(out, label, value ? "yes" : "no");
	else if (key)
		output_json(out, key, json_object_new_boolean(value));
}

/**
 * output_guid() - report a GUID
 * @out: the report
 * @key: JSON key; NULL to leave it out of JSON
 * @label: for people; NULL to leave it out there
 * @guid: the GUID, in disk form
 */
void output_guid(struct output *out, const char *key, const char *label,
		 const guid_t *guid)
{
	char text[GUID_TEXT];

	output_text(out, key, label, guid_text(text, guid));
}
