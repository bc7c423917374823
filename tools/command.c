// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "message.h"

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
 * command_help() - print what --help prints
 * @self: the command
 */
void command_help(const struct command *self)
{
	printf("Usage: vhdx %s %s\n\n%s.\n\n%s"
	       "      --help                 print this and exit\n",
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

	fprintf(stderr, "vhdx: %s: ", self->name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, ": see 'vhdx %s --help'\n", self->name);
	exit(self->usage_status);
}

static const char *command_option_name(const struct option *options, int val)
{
	for (; options->name; options++)
		if (options->val == val)
			return options->name;
	return "?";
}

/**
 * command_option() - take the next option
 * @self: the command
 * @argc: arguments from the command's name on
 * @argv: the same
 * @options: known options: long ones whose values are letters
 *
 * Ends the program on --help and on usage errors.
 *
 * Return: the option's letter, its argument in optarg; -1 behind the last one,
 * with the first operand at optind.
 */
int command_option(const struct command *self, int argc, char **argv,
		   const struct option *options)
{
	int c, at = optind;
	const char *name;

	c = getopt_long(argc, argv, ":", options, NULL);
	if (c == 'H') {
		command_help(self);
		exit(command_finish(self, STATUS_OK));
	}
	if (c == ':')
		command_usage(self, "option '--%s' needs a value",
			      command_option_name(options, optopt));
	if (c != '?')
		return c;

	/* optopt: a known option with a value it does not take, or a letter. */
	name = command_option_name(options, optopt);
	if (optopt && !strncmp(argv[optind - 1], "--", 2) &&
	    !strncmp(argv[optind - 1] + 2, name,
		     strcspn(argv[optind - 1] + 2, "=")))
		command_usage(self, "option '--%s' takes no value", name);
	if (optopt)
		command_usage(self, "unknown option '-%c'", optopt);
	command_usage(self, "unknown or ambiguous option '%s'",
		      argv[optind > at ? optind - 1 : at]);
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
