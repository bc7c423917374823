// SPDX-License-Identifier: GPL-2.0
/* vhdx resize: the command line. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "command.h"
#include "find.h"
#include "message.h"
#include "resize-run.h"
#include "size.h"

enum {
	RESIZE_MINIMUM = OPTION_LONG,
};

/* Of a disk in use, or of an image that is not. */
static int resize_any(struct resize_run *run)
{
	struct mapping disk;
	int r = -ENODEV;

	if (mapping_possible() && !geteuid()) {
		r = mapping_start();
		if (!r)
			r = find_leaf(run->path, &disk);
	}
	if (!r)
		return resize_live(run, &disk);
	return r == -ENODEV ? resize_alone(run) : r;
}

static int resize_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "to-minimum", no_argument, NULL, RESIZE_MINIMUM },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "force", no_argument, NULL, 'f' },
		{ "verbose", no_argument, NULL, 'v' },
		SEARCH_OPTIONS,
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	struct resize_run *run = calloc(1, sizeof(*run));
	int c, r;

	if (!run) {
		complain_errno(self->name, ENOMEM, "cannot start");
		return STATUS_FAILED;
	}
	run->disk.qemu.nbd.fd = -1;
	while ((c = command_option(self, argc, argv, options)) >= 0) {
		search_option(self, &run->search, c);
		run->minimum |= c == RESIZE_MINIMUM;
		run->dry_run |= c == 'n';
		run->force |= c == 'f';
		run->verbose |= c == 'v';
		run->json |= c == 'J';
	}
	command_operands(self, argc, argv, run->minimum ? 1 : 2,
			 run->minimum ? 1 : 2, optind < argc ? "SIZE" : "NAME");
	run->path = argv[optind];
	if (!run->minimum && size_parse(argv[optind + 1], &run->bytes))
		command_usage(self, "SIZE '%s' is no size: write a number of bytes, or one with K, M, G or T",
			      argv[optind + 1]);
	r = resize_any(run);
	disk_close(&run->disk);
	gpt_free(&run->gpt);
	free(run);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_resize = {
	.name = "resize",
	.summary = "Give the disk of an image another size",
	.synopsis = "[OPTION...] NAME|FILE|DEVICE SIZE|--to-minimum",
	.help =
"      --to-minimum           as small as what the disk holds\n"
"  -f, --force                cut off whatever is behind SIZE, and give up children\n"
"  -n, --dry-run              only tell what would be done\n"
SEARCH_HELP
"  -v, --verbose              say how long a disk in use had to wait\n"
"  -J, --json                 print JSON\n"
"\n"
"A disk that is attached gets larger while it is in use, and smaller while nobody uses\n"
"it.  A disk gets smaller as far as its last partition or its file system reaches; the\n"
"copy of a GUID partition table at its end moves.  Partitions and file systems stay\n"
"as they are.  The file is made shorter by 'vhdx compact', not by this.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = resize_run,
};
