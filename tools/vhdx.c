// SPDX-License-Identifier: GPL-2.0
/* The program: finds the command and runs it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "message.h"

static const struct command *const commands[] = {
	&command_create,
	&command_info,
	&command_check,
	&command_map,
	&command_replay,
	&command_attach,
	&command_detach,
	&command_list,
	NULL
};

static const struct command *find_command(const char *name)
{
	int i;

	for (i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static void print_help(FILE *to)
{
	int i;

	fputs("Usage: vhdx COMMAND [ARGUMENT...]\n\n"
	      "Creates, inspects and repairs VHDX disk images, and maps them to block\n"
	      "devices.\n\nCommands:\n", to);
	for (i = 0; commands[i]; i++)
		fprintf(to, "  %-10s %s\n", commands[i]->name,
			commands[i]->summary);
	fputs("\n'vhdx help COMMAND' and 'vhdx COMMAND --help' tell more;\n"
	      "'vhdx --version' prints the version.\n", to);
}

static int unknown_command(const char *name)
{
	complain(NULL, "'vhdx --help' lists what there is",
		 name[0] == '-' ? "unknown option '%s'" :
		 "unknown command '%s'", name);
	return STATUS_USAGE;
}

static int run_help(int argc, char **argv)
{
	const struct command *command;

	if (argc < 3) {
		print_help(stdout);
		return STATUS_OK;
	}
	command = find_command(argv[2]);
	if (!command)
		return unknown_command(argv[2]);
	command_help(command);
	return STATUS_OK;
}

static int finish(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		complain(NULL, "make sure that the output can be written",
			 "cannot write to standard output");
		return status ? status : STATUS_FAILED;
	}
	return status;
}

int main(int argc, char **argv)
{
	const struct command *command;

	/* Then a file that gets too large is an error like any other. */
	signal(SIGXFSZ, SIG_IGN);

	if (argc < 2) {
		print_help(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help"))
		return finish(run_help(argc, argv));
	if (!strcmp(argv[1], "--version")) {
		puts("vhdx (dm-vhdx) " VERSION);
		return finish(STATUS_OK);
	}
	command = find_command(argv[1]);
	if (!command)
		return unknown_command(argv[1]);
	return finish(command->run(command, argc - 1, argv + 1));
}
