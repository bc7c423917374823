// SPDX-License-Identifier: GPL-2.0
/* The program: finds the command and runs it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "message.h"

static const struct command *const commands[] = {
	&command_create,
	&command_info,
	&command_check,
	&command_map,
	&command_chain,
	&command_diff,
	&command_flatten,
	&command_convert,
	&command_compact,
	&command_trim,
	&command_resize,
	&command_rebase,
	&command_snapshot,
	&command_merge,
	&command_replay,
	&command_attach,
	&command_detach,
	&command_mount,
	&command_umount,
	&command_list,
	&command_status,
	&command_monitor,
	&command_boot_install,
	NULL
};

/* For programs: what people need not know of is in no list. */
static const struct command *const helpers[] = {
	&command_boot_copy,
	&command_generator,
	&command_hibernation,
	&command_initrd,
	&command_shutdown,
	&command_udev,
	NULL
};

static const struct command *find_among(const struct command *const *list,
					const char *name)
{
	for (; *list; list++)
		if (!strcmp((*list)->name, name))
			return *list;
	return NULL;
}

static const struct command *find_command(const char *name)
{
	return find_among(commands, name) ?: find_among(helpers, name);
}

static void print_help(FILE *to)
{
	int i;

	fputs("Usage: vhdx COMMAND [ARGUMENT...]\n\n"
	      "Creates, inspects and repairs VHDX disk images, and maps them to block\n"
	      "devices.\n\nCommands:\n", to);
	for (i = 0; commands[i]; i++)
		fprintf(to, "  %-12s %s\n", commands[i]->name,
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

/*
 * If one of the standard descriptors is closed the next file to be opened, the
 * image, takes its place, and messages would be written into it.
 */
static void reserve_descriptors(void)
{
	int fd;

	for (fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) != fd)
			exit(STATUS_FAILED);
}

int main(int argc, char **argv)
{
	const struct command *command;

	reserve_descriptors();
	/* Then a file that gets too large is an error like any other. */
	signal(SIGXFSZ, SIG_IGN);

	if (argc < 2) {
		print_help(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help"))
		return command_finish(NULL, run_help(argc, argv));
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		command_version();
		return command_finish(NULL, STATUS_OK);
	}
	command = find_command(argv[1]);
	if (!command)
		return unknown_command(argv[1]);
	return command_finish(command,
			      command->run(command, argc - 1, argv + 1));
}
