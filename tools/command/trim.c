// SPDX-License-Identifier: GPL-2.0
/* vhdx trim */
#include <stddef.h>

#include "shrink.h"

static int trim_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "dry-run", no_argument, NULL, 'n' },
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	struct shrink shrink = { .trim = true };
	int c;

	while ((c = command_option(self, argc, argv, options)) >= 0) {
		shrink.dry_run |= c == 'n';
		shrink.json |= c == 'J';
	}
	command_operands(self, argc, argv, 1, 1, "FILE");
	shrink.path = argv[optind];
	return shrink_run(&shrink);
}

const struct command command_trim = {
	.name = "trim",
	.summary = "Cut off what the file has behind the image",
	.synopsis = "[OPTION...] FILE",
	.help =
"  -n, --dry-run              only tell what would be won\n"
"  -J, --json                 print JSON\n"
"\n"
"As 'vhdx detach' does.  Moves nothing: for that there is 'vhdx compact'.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = trim_run,
};
