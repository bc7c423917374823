// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define OPTIONS_BLANKS	" \t\n"

/* All there are; those with a maximum take a number. */
static const struct option_word {
	const char *name;
	unsigned long long max;
} option_words[] = {
	{ "commit_interval", 3600000 },
	{ "error_if_no_space", 0 },
	{ "idle_close", 3600000 },
	{ "no_discard", 0 },
	{ "no_discard_passdown", 0 },
	{ "no_unmap", 0 },
	{ "read_only", 0 },
	{ "zeroed_from", 1ULL << 48 },
	{}
};

static const struct option_word *options_find(const char *name)
{
	const struct option_word *word;

	for (word = option_words; word->name; word++)
		if (!strcmp(word->name, name))
			return word;
	return NULL;
}

/**
 * options_known() - does the target have an option of that name?
 * @name: the option's name
 *
 * Return: true if so.
 */
bool options_known(const char *name)
{
	return options_find(name);
}

/**
 * options_takes_value() - does an option of the target have a value?
 * @name: the option's name
 *
 * Return: true if so.
 */
bool options_takes_value(const char *name)
{
	const struct option_word *word = options_find(name);

	return word && word->max;
}

/* Return: 0 or -EINVAL, with @why filled in. */
static int options_check_value(const struct option_word *word,
			       const char *value, char why[OPTIONS_WHY])
{
	const char *digits = "0123456789";

	if (!word->max && !value)
		return 0;
	if (!word->max)
		snprintf(why, OPTIONS_WHY, "%s takes no value", word->name);
	else if (!value || !*value || value[strspn(value, digits)] ||
		 strlen(value) > 18 || strtoull(value, NULL, 10) > word->max)
		snprintf(why, OPTIONS_WHY, "%s needs a number up to %llu",
			 word->name, word->max);
	else
		return 0;
	return -EINVAL;
}

/**
 * options_add() - add an option
 * @options: what there is already is kept
 * @name: its name
 * @value: its value; NULL: it has none
 * @why: takes what is wrong
 *
 * Return: 0, or -EINVAL if the target would not take it.
 */
int options_add(struct options *options, const char *name, const char *value,
		char why[OPTIONS_WHY])
{
	const struct option_word *word = options_find(name);
	size_t length = strlen(options->text);
	int n;

	if (!word) {
		snprintf(why, OPTIONS_WHY, "the target has no option '%.100s', it has "
			 "commit_interval, error_if_no_space, idle_close, no_discard, no_discard_passdown, no_unmap, read_only and zeroed_from",
			 name);
		return -EINVAL;
	}
	if (options_check_value(word, value, why))
		return -EINVAL;
	if (!strcmp(name, "read_only")) {
		options->read_only = true;
		return 0;
	}
	options->zeroed_from |= !strcmp(name, "zeroed_from");
	n = snprintf(options->text + length, sizeof(options->text) - length,
		     " %s%s%s", name, value ? " " : "", value ?: "");
	if (length + n < sizeof(options->text))
		return 0;
	strcpy(why, "that is too long");
	return -EINVAL;
}

/**
 * options_parse() - read the argument of --options
 * @options: result; what an earlier --options said is kept
 * @self: the command
 * @text: words with blanks between
 *
 * Ends the program if the target would not take it.
 */
void options_parse(struct options *options, const struct command *self,
		   const char *text)
{
	char *copy = strdup(text), *rest = copy, *word, *value;
	const struct option_word *known;
	char why[OPTIONS_WHY];

	if (!copy)
		command_usage(self, "--options is too long");
	while ((word = strtok_r(rest, OPTIONS_BLANKS, &rest))) {
		known = options_find(word);
		value = known && known->max ?
			strtok_r(rest, OPTIONS_BLANKS, &rest) : NULL;
		if (options_add(options, word, value, why))
			command_usage(self, "--options: %s", why);
	}
	free(copy);
}
