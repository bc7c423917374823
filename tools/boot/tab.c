// SPDX-License-Identifier: GPL-2.0
/*
 * The one parser of the table: for attach, for the generator of systemd's
 * units, and for what is in an initramfs.  A line that is wrong is named and
 * left out; what other lines say holds.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"
#include "message.h"
#include "size.h"
#include "tab.h"

#define TAB_BLANKS	" \t\r\n"
#define TAB_ADVICE	"write NAME SOURCE [OPTION,...], see vhdxtab(5)"

/**
 * tab_wrong() - say what is wrong with a line, and count it
 * @tab: the table
 * @line: its number; 0: there is none
 * @advice: what to do
 * @fmt: what is wrong
 */
void tab_wrong(struct tab *tab, unsigned int line, const char *advice,
	       const char *fmt, ...)
{
	char *where = NULL, *what = NULL;
	va_list args;

	va_start(args, fmt);
	if ((line ? asprintf(&where, "%s: line %u", tab->path, line) :
		    asprintf(&where, "%s", tab->path)) >= 0 &&
	    vasprintf(&what, fmt, args) >= 0)
		complain(where, advice, "ignored: %s", what);
	va_end(args);
	free(where);
	free(what);
	tab->wrong++;
}

/* A number with a unit or without, any number of times; or infinity. */
static bool tab_is_time(const char *text)
{
	const char *c = text;

	if (!strcmp(text, "infinity"))
		return true;
	if (!*text || strlen(text) >= TAB_TIMEOUT)
		return false;
	while (*c) {
		if (!isdigit((unsigned char)*c))
			return false;
		while (isdigit((unsigned char)*c))
			c++;
		while (isalpha((unsigned char)*c))
			c++;
	}
	return true;
}

/* Words that switch something. */
static bool tab_switch(struct tab_entry *entry, const char *word)
{
	const struct {
		const char *name;
		bool *flag;
		bool value;
	} words[] = {
		{ "read-only", &entry->read_only, true },
		{ "readonly", &entry->read_only, true },
		{ "read_only", &entry->read_only, true },
		{ "ro", &entry->read_only, true },
		{ "rw", &entry->read_only, false },
		{ "noauto", &entry->no_auto, true },
		{ "auto", &entry->no_auto, false },
		{ "nofail", &entry->no_fail, true },
		{ "fail", &entry->no_fail, false },
		{ "no-grow", &entry->no_grow, true },
		{ "_netdev", &entry->netdev, true },
		{ "x-initrd.attach", &entry->initrd, true },
	};
	unsigned int i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(word, words[i].name))
			continue;
		*words[i].flag = words[i].value;
		return true;
	}
	if (!strcmp(word, "partitions"))
		entry->partitions = PARTITIONS_ALL;
	else if (!strcmp(word, "no-partitions"))
		entry->partitions = PARTITIONS_NONE;
	else
		return !strcmp(word, "defaults");
	return true;
}

/* One of those that are somebody else's business: comments, in fact. */
static bool tab_is_foreign(const char *word)
{
	return !strncmp(word, "x-", 2) && strncmp(word, "x-systemd.", 10) &&
	       strncmp(word, "x-initrd.", 9);
}

/* parent=FILE and parent-dir=DIR. Return: NULL, or what is wrong. */
static const char *tab_parent(struct tab_entry *entry, bool dir,
			      const char *path)
{
	char *copy;

	if (*path != '/')
		return "parent= and parent-dir= need a path that begins with '/'";
	copy = strdup(path);
	if (copy && !parent_hint(&entry->search, dir, copy))
		return NULL;
	free(copy);
	return "too many parents";
}

static void tab_free_entry(struct tab_entry *entry)
{
	struct parent_search *search = &entry->search;

	while (search->files)
		free((char *)search->file[--search->files]);
	while (search->dirs)
		free((char *)search->dir[--search->dirs]);
	free(entry);
}

/* Return: NULL, or what is wrong. */
static const char *tab_option(struct tab_entry *entry, char *word, char *why)
{
	static const char timeout[] = "x-systemd.device-timeout=";
	char *value;

	if (tab_switch(entry, word) || tab_is_foreign(word))
		return NULL;
	if (!strncmp(word, timeout, strlen(timeout))) {
		value = word + strlen(timeout);
		if (!tab_is_time(value))
			return "x-systemd.device-timeout= needs a time, such as 30 or 2min";
		strcpy(entry->timeout, value);
		return NULL;
	}
	value = strchr(word, '=');
	if (value)
		*value++ = '\0';
	if (value && (!strcmp(word, "parent") || !strcmp(word, "parent-dir")))
		return tab_parent(entry, !strcmp(word, "parent-dir"), value);
	if (value && !strcmp(word, "max-size"))
		return size_parse(value, &entry->most_bytes) ||
		       entry->most_bytes < SZ_1M ?
		       "max-size= needs a size of 1M or more, such as 100G" : NULL;
	if (options_known(word))
		return options_add(&entry->options, word, value, why) ? why :
									NULL;
	if (value)
		value[-1] = '=';
	snprintf(why, OPTIONS_WHY, "unknown option '%.100s'", word);
	return why;
}

static const char *tab_options(struct tab_entry *entry, const char *field,
			       char *why)
{
	const char *wrong;
	char text[2 * PATH_MAX], *rest = text, *word;

	if (!strcmp(field, "-") || !strcmp(field, "none"))
		return NULL;
	wrong = field_decode(text, sizeof(text), field, strlen(field));
	if (wrong) {
		snprintf(why, OPTIONS_WHY, "the third field %s", wrong);
		return why;
	}
	while (!wrong && (word = strsep(&rest, ",")))
		if (*word)
			wrong = tab_option(entry, word, why);
	return wrong;
}

/* A number with a unit and nothing else. */
static bool tab_is_size(const char *text)
{
	size_t digits = strspn(text, "0123456789.");

	return digits && strspn(text + digits, "kKmMgGtTiB") ==
			 strlen(text + digits);
}

/*
 * There is a script, nbd-vhdx, whose table of the same name has five fields
 * with the image in the last one, or a size among them.
 */
static void tab_foreign(struct tab *tab, unsigned int line, const char *last,
			bool size)
{
	if (*last == '/' || size)
		tab_wrong(tab, line, TAB_ADVICE, "this line is for another program that has a file of this name (nbd-vhdx), whose fields are others");
	else
		tab_wrong(tab, line, TAB_ADVICE, "it has more than three fields");
}

/* Return: false if it has been said to be wrong. */
static bool tab_split(struct tab *tab, unsigned int line, char *text,
		      char *fields[TAB_FIELDS])
{
	char *word, *last = NULL;
	unsigned int n = 0;
	bool size = false;

	for (; (word = strtok_r(text, TAB_BLANKS, &text)); n++) {
		if (n < TAB_FIELDS)
			fields[n] = word;
		last = word;
		size |= n >= 2 && tab_is_size(word);
	}
	if (n > TAB_FIELDS || size) {
		tab_foreign(tab, line, last, size);
		return false;
	}
	if (n < 2) {
		tab_wrong(tab, line, TAB_ADVICE, "it has no source");
		return false;
	}
	if (n < TAB_FIELDS)
		fields[n] = "-";
	return true;
}

/* What "attach" calls it, too. */
static void tab_choose_name(struct tab_entry *entry)
{
	char node[PATH_MAX];

	if (*entry->source.inner)
		name_from_path(entry->source.inner, entry->name);
	else if (*entry->source.tag) {
		source_node(&entry->source, node);
		name_from_path(node, entry->name);
	} else {
		name_from_path(entry->source.path, entry->name);
	}
}

/* Return: false if it has been said to be wrong. */
static bool tab_name(struct tab *tab, struct tab_entry *entry,
		     const char *field)
{
	char name[NAME_MAX_CHARS + 2];

	if (!field) {
		tab_choose_name(entry);
		return true;
	}
	if (field_decode(name, sizeof(name), field, strlen(field)) ||
	    !name_is_good(name)) {
		tab_wrong(tab, entry->line, NAME_ADVICE,
			  "a mapping cannot be called '%s'", field);
		return false;
	}
	strcpy(entry->name, name);
	return true;
}

/* Return: false if it has been said to be wrong. */
static bool tab_parse(struct tab *tab, struct tab_entry *entry,
		      char *fields[TAB_FIELDS])
{
	const struct tab_entry *other;
	char why[OPTIONS_WHY];
	const char *wrong;

	wrong = source_parse(&entry->source, fields[1]);
	if (wrong) {
		tab_wrong(tab, entry->line, "see SOURCES in vhdxtab(5)",
			  "the source '%s' %s", fields[1], wrong);
		return false;
	}
	if (!tab_name(tab, entry, fields[0]))
		return false;
	wrong = tab_options(entry, fields[2], why);
	if (wrong) {
		tab_wrong(tab, entry->line, "see OPTIONS in vhdxtab(5)", "%s",
			  wrong);
		return false;
	}
	entry->read_only |= entry->options.read_only;
	other = tab_find(tab, entry->name);
	if (other && other->line)
		tab_wrong(tab, entry->line, "choose another name",
			  "line %u has the name '%s' already", other->line,
			  entry->name);
	else if (other)
		tab_wrong(tab, 0, "choose another name",
			  "another one has the name '%s' already", entry->name);
	return !other;
}

/**
 * tab_add() - add what is not from a table's file, or a line of one
 * @tab: the table; its path is what messages name
 * @line: number of the line; 0: there is none
 * @fields: name, source and options as in vhdxtab(5); no name: what "attach"
 *          would choose
 *
 * Says what is wrong, and leaves that out.
 *
 * Return: 0 or -ENOMEM.
 */
int tab_add(struct tab *tab, unsigned int line, char *fields[TAB_FIELDS])
{
	struct tab_entry **more, *entry;

	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->line = line;
	if (!tab_parse(tab, entry, fields)) {
		tab_free_entry(entry);
		return 0;
	}
	more = realloc(tab->entries, (tab->count + 1) * sizeof(*more));
	if (!more) {
		tab_free_entry(entry);
		return -ENOMEM;
	}
	tab->entries = more;
	more[tab->count++] = entry;
	return 0;
}

static int tab_take(struct tab *tab, unsigned int line, char *text)
{
	char *fields[TAB_FIELDS];

	text += strspn(text, TAB_BLANKS);
	if (!*text || *text == '#' || !tab_split(tab, line, text, fields))
		return 0;
	return tab_add(tab, line, fields);
}

/**
 * tab_default() - the table that is meant if nobody says which
 *
 * Return: its path: $VHDXTAB, or /etc/vhdxtab.
 */
const char *tab_default(void)
{
	return secure_getenv("VHDXTAB") ?: TAB_FILE;
}

/**
 * tab_load() - read a table
 * @tab: result; tab_free() it
 * @path: its file
 *
 * Says which lines are wrong.
 *
 * Return: 0 or a negative errno; -ENOENT if there is no such file.
 */
int tab_load(struct tab *tab, const char *path)
{
	unsigned int line = 0;
	size_t size = 0;
	char *text = NULL;
	ssize_t n;
	FILE *file;
	int r = 0;

	memset(tab, 0, sizeof(*tab));
	tab->path = path;
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!r && (n = getline(&text, &size, file)) >= 0) {
		line++;
		if (strlen(text) != (size_t)n)
			tab_wrong(tab, line, TAB_ADVICE, "it has a NUL");
		else
			r = tab_take(tab, line, text);
	}
	if (!r && ferror(file))
		r = -EIO;
	free(text);
	fclose(file);
	return r;
}

/**
 * tab_free() - undo tab_load()
 * @tab: the table
 */
void tab_free(struct tab *tab)
{
	while (tab->count)
		tab_free_entry(tab->entries[--tab->count]);
	free(tab->entries);
	tab->entries = NULL;
}

/**
 * tab_find() - find the line of a name
 * @tab: the table
 * @name: of the mapping
 *
 * Return: the line, or NULL.
 */
const struct tab_entry *tab_find(const struct tab *tab, const char *name)
{
	unsigned int i;

	for (i = 0; i < tab->count; i++)
		if (!strcmp(tab->entries[i]->name, name))
			return tab->entries[i];
	return NULL;
}
