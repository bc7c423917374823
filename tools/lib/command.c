// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "message.h"

#define COMMAND_LETTERS	64	/* of short options */

/**
 * command_finish() - see that all output is written
 * @self: the command; NULL for the program itself
 * @status: what the exit status is to be
 *
 * Return: the exit status.
 */
int command_finish(const struct command *self, int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	complain(NULL, "make sure that the output can be written",
		 "cannot write to standard output");
	return self && self->failed_status ? self->failed_status :
					     STATUS_FAILED;
}

/**
 * command_version() - print what --version prints
 */
void command_version(void)
{
	puts("vhdx (dm-vhdx) " VERSION);
}

/**
 * command_help() - print what --help prints
 * @self: the command
 */
void command_help(const struct command *self)
{
	printf("Usage: vhdx %s %s\n\n%s.\n\n%s"
	       "  -h, --help                 print this and exit\n"
	       "  -V, --version              print the version and exit\n",
	       self->name, self->synopsis, self->summary, self->help);
}

/**
 * command_usage() - end the program with a usage error
 * @self: the command
 * @fmt: what is wrong
 */
void command_usage(const struct command *self, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain_usage(self->name, fmt, args);
	va_end(args);
	exit(self->usage_status);
}

static const char *command_option_name(const struct option *options, int val)
{
	for (; options->name; options++)
		if (options->val == val)
			return options->name;
	return "?";
}

/* Values that are letters are short options, too. */
static void command_letters(const struct option *options,
			    char letters[COMMAND_LETTERS])
{
	char *to = letters;

	*to++ = ':';
	for (; options->name; options++) {
		if (options->val > 'z' || to > letters + COMMAND_LETTERS - 3)
			continue;
		*to++ = options->val;
		if (options->has_arg == required_argument)
			*to++ = ':';
	}
	*to = '\0';
}

/* Is @word, up to '=', the option's full name? */
static bool command_is_option(const char *word, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(word, "--", 2) && !strncmp(word + 2, name, length) &&
	       (!word[2 + length] || word[2 + length] == '=');
}

/* What getopt_long() did not like. */
static void command_bad_option(const struct command *self,
			       const struct option *options, const char *word)
{
	const char *name = command_option_name(options, optopt);

	if (optopt && command_is_option(word, name))
		command_usage(self, "option '--%s' takes no value", name);
	if (optopt && strncmp(word, "--", 2))
		command_usage(self, "unknown option '-%c'", optopt);
	command_usage(self, "unknown option '%.*s'",
		      (int)strcspn(word, "="), word);
}

/**
 * command_option() - take the next option
 * @self: the command
 * @argc: arguments from the command's name on
 * @argv: the same
 * @options: known options; those whose values are letters have that as a short
 *           form, too
 *
 * Long options are not taken shortened: what is clear today need not be so
 * with the next version.  Ends the program on --help, --version and on usage
 * errors.
 *
 * Return: the option's value, its argument in optarg; -1 behind the last one,
 * with the first operand at optind.
 */
int command_option(const struct command *self, int argc, char **argv,
		   const struct option *options)
{
	char letters[COMMAND_LETTERS];
	int c, at = optind, index = -1;
	const char *word;

	command_letters(options, letters);
	c = getopt_long(argc, argv, letters, options, &index);
	if (c < 0)
		return c;
	word = argv[optind > at ? optind - 1 : at];
	if (index >= 0 && optarg == word)
		word = argv[optind - 2];	/* its value is a word by itself */
	if (index >= 0 && !command_is_option(word, options[index].name))
		command_usage(self, "unknown option '%.*s'",
			      (int)strcspn(word, "="), word);
	if (c == ':' && !strncmp(word, "--", 2) &&
	    !command_is_option(word, command_option_name(options, optopt)))
		command_usage(self, "unknown option '%s'", word);
	switch (c) {
	case 'h':
		command_help(self);
		exit(command_finish(self, STATUS_OK));
	case 'V':
		command_version();
		exit(command_finish(self, STATUS_OK));
	case ':':
		command_usage(self, "option '--%s' needs a value",
			      command_option_name(options, optopt));
	case '?':
		command_bad_option(self, options, word);
	}
	return c;
}

/**
 * command_operands() - check how many operands there are
 * @self: the command
 * @argc: arguments from the command's name on
 * @argv: the same
 * @min: operands at least
 * @max: operands at most
 * @missing: the name of the operand to ask for
 *
 * Ends the program if there are too few or too many.
 */
void command_operands(const struct command *self, int argc, char **argv,
		      int min, int max, const char *missing)
{
	if (argc - optind < min)
		command_usage(self, "%s is missing", missing);
	if (argc - optind > max)
		command_usage(self, "unexpected argument '%s'",
			      argv[optind + max]);
}
