// SPDX-License-Identifier: GPL-2.0
/* vhdx compact */
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "find.h"
#include "message.h"
#include "shrink.h"

enum {
	COMPACT_ZEROS = OPTION_LONG,
	COMPACT_FS,
};

/* Of a disk in use it is another thing. */
static int compact_any(const struct shrink *shrink)
{
	struct mapping disk;
	int r = -ENODEV;

	if (mapping_possible() && !geteuid()) {
		r = mapping_start();
		if (!r)
			r = find_leaf(shrink->path, &disk);
	}
	if (!r && shrink->fs) {
		complain(disk.name, "let 'fstrim' tell what its file systems do not use, and leave --fs out",
			 "it is attached");
		return STATUS_FAILED;
	}
	if (!r)
		return compact_disk(shrink, &disk);
	return r == -ENODEV ? shrink_run(shrink) : STATUS_FAILED;
}

static int compact_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "zeros", no_argument, NULL, COMPACT_ZEROS },
		{ "fs", no_argument, NULL, COMPACT_FS },
		{ "dry-run", no_argument, NULL, 'n' },
		SEARCH_OPTIONS,
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	struct shrink shrink = {};
	int c;

	while ((c = command_option(self, argc, argv, options)) >= 0) {
		search_option(self, &shrink.search, c);
		shrink.zeros |= c == COMPACT_ZEROS;
		shrink.fs |= c == COMPACT_FS;
		shrink.dry_run |= c == 'n';
		shrink.json |= c == 'J';
	}
	command_operands(self, argc, argv, 1, 1, "FILE|NAME");
	shrink.path = argv[optind];
	return compact_any(&shrink);
}

const struct command command_compact = {
	.name = "compact",
	.summary = "Move blocks together, and make the file shorter",
	.synopsis = "[OPTION...] FILE|NAME",
	.help =
"      --zeros                drop blocks that hold only zeros before\n"
"      --fs                   drop blocks before that file systems do not use: ext2,\n"
"                             ext3, ext4, NTFS, XFS, btrfs, FAT and exFAT\n"
SEARCH_HELP
"  -n, --dry-run              only tell what would be won\n"
"  -J, --json                 print JSON\n"
"\n"
"The disk stays what it is, also if this is interrupted; the same command goes on.\n"
"One that is attached can be used meanwhile; its file is cut when it is detached.\n"
"With --fs what no file system uses reads as zeros afterwards.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = compact_run,
};
