/* SPDX-License-Identifier: GPL-2.0 */
/* Subcommands and their arguments. */
#ifndef VHDX_TOOLS_COMMAND_H
#define VHDX_TOOLS_COMMAND_H

#include <getopt.h>
#include <stdbool.h>

/* Exit status of all commands but check. */
enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
};

/**
 * struct command - a subcommand
 * @name: what the user types
 * @summary: what it does, in half a line
 * @synopsis: its arguments
 * @help: its options, for --help
 * @usage_status: exit status after a usage error
 * @failed_status: exit status if the report cannot be written; 0: STATUS_FAILED
 * @run: does it; gets the arguments from the command's name on, returns the
 *       exit status
 */
struct command {
	const char *name;
	const char *summary;
	const char *synopsis;
	const char *help;
	int usage_status;
	int failed_status;
	int (*run)(const struct command *self, int argc, char **argv);
};

extern const struct command command_attach;
extern const struct command command_boot_copy;
extern const struct command command_boot_install;
extern const struct command command_chain;
extern const struct command command_check;
extern const struct command command_compact;
extern const struct command command_convert;
extern const struct command command_create;
extern const struct command command_detach;
extern const struct command command_diff;
extern const struct command command_flatten;
extern const struct command command_generator;
extern const struct command command_hibernation;
extern const struct command command_info;
extern const struct command command_initrd;
extern const struct command command_list;
extern const struct command command_map;
extern const struct command command_merge;
extern const struct command command_monitor;
extern const struct command command_mount;
extern const struct command command_rebase;
extern const struct command command_replay;
extern const struct command command_resize;
extern const struct command command_shutdown;
extern const struct command command_snapshot;
extern const struct command command_status;
extern const struct command command_trim;
extern const struct command command_udev;
extern const struct command command_umount;

int command_finish(const struct command *self, int status);
void command_version(void);
void command_help(const struct command *self);
void command_usage(const struct command *self, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));
int command_option(const struct command *self, int argc, char **argv,
		   const struct option *options);
void command_operands(const struct command *self, int argc, char **argv,
		      int min, int max, const char *missing);

/* Options of several commands.  The first stands for two. */
#define OPTION_HELP	{ "help", no_argument, NULL, 'h' }, \
			{ "version", no_argument, NULL, 'V' }
#define OPTION_JSON	{ "json", no_argument, NULL, 'J' }

/* Values of options without a short form begin here. */
#define OPTION_LONG	256

#endif /* VHDX_TOOLS_COMMAND_H */
