// SPDX-License-Identifier: GPL-2.0
/* vhdx diff */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "disk.h"
#include "message.h"
#include "output.h"
#include "search.h"
#include "size.h"

#define DIFF_BYTES	SZ_1M	/* compared at a time */
#define DIFF_SECTOR	512

/**
 * struct diff - a comparison
 * @old: one disk
 * @new: the other one; what is past the end of either is zeros
 * @out: what differs goes to
 * @start: of the range that is being collected
 * @end: its end; @start: there is none
 * @zero: the new disk has zeros there, and no data
 * @old_buf: DIFF_BYTES
 * @new_buf: likewise
 */
struct diff {
	struct disk old;
	struct disk new;
	struct output out;
	u64 start;
	u64 end;
	bool zero;
	u8 *old_buf;
	u8 *new_buf;
};

static void diff_flush(struct diff *diff)
{
	if (diff->start == diff->end)
		return;
	output_row(&diff->out);
	output_number(&diff->out, "start", "", diff->start);
	output_number(&diff->out, "length", "", diff->end - diff->start);
	output_text(&diff->out, "state", "", diff->zero ? "zero" : "data");
}

/* [@start, @end) differs. */
static void diff_add(struct diff *diff, u64 start, u64 end, bool zero)
{
	if (diff->end != start || diff->zero != zero) {
		diff_flush(diff);
		diff->start = start;
	}
	diff->end = end;
	diff->zero = zero;
}

/* What is at @at, also behind the end of the disk. */
static int diff_run_at(struct disk *disk, u64 at, struct disk_run *run)
{
	if (at < disk->bytes)
		return disk_run_at(disk, at, run);
	memset(run, 0, sizeof(*run));
	run->end = ~0ULL;
	return 0;
}

static int diff_read(struct disk *disk, const struct disk_run *run, u64 at,
		     u8 *buf, u32 bytes)
{
	if (run->image)
		return disk_read(disk, at, buf, bytes);
	memset(buf, 0, bytes);
	return 0;
}

/* From @at on, at most to *@end, which becomes how far it came. */
static int diff_part(struct diff *diff, u64 at, u64 *end)
{
	struct disk_run old, new;
	u32 bytes, i;
	int r;

	r = diff_run_at(&diff->old, at, &old);
	if (!r)
		r = diff_run_at(&diff->new, at, &new);
	if (r)
		return r;
	*end = min_t(u64, *end, min_t(u64, old.end, new.end));
	/* Which need not be read. */
	if (disk_is_shared(&diff->old, &old, &diff->new, &new))
		return 0;

	*end = min_t(u64, *end, at + DIFF_BYTES);
	bytes = *end - at;
	r = diff_read(&diff->old, &old, at, diff->old_buf, bytes);
	if (!r)
		r = diff_read(&diff->new, &new, at, diff->new_buf, bytes);
	if (r || !memcmp(diff->old_buf, diff->new_buf, bytes))
		return r;
	for (i = 0; i < bytes; i += DIFF_SECTOR)
		if (memcmp(diff->old_buf + i, diff->new_buf + i, DIFF_SECTOR))
			diff_add(diff, at + i, at + i + DIFF_SECTOR, !new.image);
	return 0;
}

static int diff_print(struct diff *diff, bool json)
{
	static const struct output_column columns[] = {
		{ "Start", 14 },
		{ "Length", 14 },
		{ "State", -5 },
		{}
	};
	u64 all = max_t(u64, diff->old.bytes, diff->new.bytes);
	u64 at, end;
	int r = 0;

	output_begin(&diff->out, json);
	output_list(&diff->out, NULL, columns);
	for (at = 0; !r && at < all; at = end) {
		end = all;
		r = diff_part(diff, at, &end);
	}
	if (!r)
		diff_flush(diff);
	output_list_end(&diff->out);
	output_end(&diff->out);
	return r;
}

static int diff_open(struct diff *diff, char **path,
		     const struct parent_search *search)
{
	char old[SIZE_TEXT], new[SIZE_TEXT];
	int r;

	diff->old_buf = malloc(DIFF_BYTES);
	diff->new_buf = malloc(DIFF_BYTES);
	if (!diff->old_buf || !diff->new_buf) {
		complain_errno(path[0], ENOMEM, "cannot read");
		return -ENOMEM;
	}
	r = disk_open(&diff->old, path[0], DISK_AUTO, IMAGE_READ, search);
	if (!r)
		r = disk_open(&diff->new, path[1], DISK_AUTO, IMAGE_READ, search);
	if (!r && diff->old.bytes != diff->new.bytes)
		note(path[1], "its disk has %s, that of the other one %s; behind the end of either there are zeros",
		     size_argument(new, diff->new.bytes),
		     size_argument(old, diff->old.bytes));
	return r;
}

static int diff_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		SEARCH_OPTIONS,
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	static struct parent_search search;
	struct diff *diff = calloc(1, sizeof(*diff));
	bool json = false;
	int c, r;

	if (!diff) {
		complain_errno(self->name, ENOMEM, "cannot start");
		return STATUS_FAILED;
	}
	while ((c = command_option(self, argc, argv, options)) >= 0)
		if (!search_option(self, &search, c))
			json = true;
	command_operands(self, argc, argv, 2, 2, optind < argc ? "NEW" : "OLD");

	r = diff_open(diff, argv + optind, &search);
	if (!r)
		r = diff_print(diff, json);
	disk_close(&diff->old);
	disk_close(&diff->new);
	free(diff->old_buf);
	free(diff->new_buf);
	free(diff);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_diff = {
	.name = "diff",
	.summary = "List where the disks of two images differ",
	.synopsis = "[OPTION...] OLD NEW",
	.help =
SEARCH_HELP
"  -J, --json                 print JSON\n"
"\n"
"Either may be whatever 'vhdx convert' reads, a raw disk too. What both have\n"
"from the same parent is not even read, so what a checkpoint has\n"
"changed is found quickly. In state 'zero' NEW has no data, and reads as zeros.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = diff_run,
};
