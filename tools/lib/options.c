// SPDX-License-Identifier: GPL-2.0
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
	{ "no_unmap", 0 },
	{ "read_only", 0 },
	{ "zeroed_from", 1ULL << 48 },
	{}
};

static const struct option_word *options_find(const struct command *self,
					      const char *name)
{
	const struct option_word *word;

	for (word = option_words; word->name; word++)
		if (!strcmp(word->name, name))
			return word;
	command_usage(self, "--options: the target has no option '%s', it has "
		      "commit_interval, error_if_no_space, no_unmap, read_only and zeroed_from",
		      name);
}

static void options_add(struct options *options, const struct command *self,
			const char *word)
{
	size_t length = strlen(options->text);

	if (length + 1 + strlen(word) >= sizeof(options->text))
		command_usage(self, "--options is too long");
	sprintf(options->text + length, " %s", word);
}

static void options_check_number(const struct command *self,
				 const struct option_word *word,
				 const char *value)
{
	const char *digits = "0123456789";

	if (!value || !*value || value[strspn(value, digits)] ||
	    strlen(value) > 18 || strtoull(value, NULL, 10) > word->max)
		command_usage(self, "--options: %s needs a number up to %llu",
			      word->name, word->max);
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
	const struct option_word *known;
	char *copy = strdup(text), *rest = copy, *word;

	if (!copy)
		command_usage(self, "--options is too long");
	while ((word = strtok_r(rest, OPTIONS_BLANKS, &rest))) {
		known = options_find(self, word);
		if (!strcmp(word, "read_only")) {
			options->read_only = true;
			continue;
		}
		options->zeroed_from |= !strcmp(word, "zeroed_from");
		options_add(options, self, word);
		if (!known->max)
			continue;
		word = strtok_r(rest, OPTIONS_BLANKS, &rest);
		options_check_number(self, known, word);
		options_add(options, self, word);
	}
	free(copy);
}
