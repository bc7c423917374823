// SPDX-License-Identifier: GPL-2.0
/* vhdx replay */
#include <inttypes.h>
#include <stdio.h>

#include "command.h"
#include "edit.h"
#include "identify.h"
#include "message.h"
#include "output.h"
#include "vhd-image.h"

static int replay_visit(void *arg, u64 index, u32 block, bool bitmap,
			const struct vhdx_bat_entry *entry, int result)
{
	(void)arg;
	(void)index;
	(void)block;
	(void)bitmap;
	(void)entry;
	return result;
}

/* The replay is done; that the image is good is another matter. */
static void replay_look(struct image *image)
{
	int r;

	image_forget(image);
	/* Whether these are there is another matter still. */
	image->reader.parents = true;
	r = image_load(image);
	if (!r)
		r = image_load_bat(image, replay_visit, NULL);
	if (r > 0)
		note(image->path, "the log is replayed, but the image is damaged (%s): run 'vhdx check' on it",
		     vhdx_fault_text(r));
}

static void replay_print(const struct image *image, u64 entries, bool json)
{
	struct output out;

	if (json) {
		output_begin(&out, true);
		output_text(&out, "file", NULL, image->path);
		output_number(&out, "log_entries", NULL, entries);
		output_bool(&out, "replayed", NULL, entries);
		output_end(&out);
		return;
	}
	if (entries)
		printf("%s: replayed %" PRIu64 " log %s\n", image->shown,
		       entries, entries == 1 ? "entry" : "entries");
	else
		printf("%s: the log is clean, nothing to do\n", image->shown);
}

static int replay_image(struct image *image, bool quiet, bool json)
{
	u64 entries;
	int r;

	if (vhd_image_is(image)) {
		complain(image->path, "run 'vhdx check' on it",
			 "a VHD image (version 1), which has no log to replay");
		return -EOPNOTSUPP;
	}
	/* Header and log have to be good, what the log repairs does not. */
	r = vhdx_load_header(&image->reader, &image->layout, image->scratch);
	if (!r)
		r = image_load_log(image);
	if (r) {
		identify_complain(image, r);
		return r;
	}
	entries = image_log_entries(image);
	r = entries ? edit_replay(image) : 0;
	if (r < 0)
		complain_errno(image->path, r, "cannot replay the log");
	else if (r)
		complain_fault(image->path, r);
	else if (!quiet)
		replay_print(image, entries, json);
	if (!r && entries)
		replay_look(image);
	return r;
}

static int replay_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "quiet", no_argument, NULL, 'q' },
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	bool quiet = false, json = false;
	struct image image;
	int c, r;

	while ((c = command_option(self, argc, argv, options)) >= 0) {
		quiet |= c == 'q';
		json |= c == 'J';
	}
	command_operands(self, argc, argv, 1, 1, "FILE");

	r = image_open(&image, argv[optind], IMAGE_WRITE);
	if (!r)
		r = replay_image(&image, quiet, json);
	image_close(&image);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_replay = {
	.name = "replay",
	.summary = "Replay the log of an image that was not closed properly",
	.synopsis = "[OPTION...] FILE",
	.help =
"  -q, --quiet                print errors only\n"
"  -J, --json                 print JSON\n"
"\n"
"Only needed for software that refuses such an image: 'vhdx attach' and the\n"
"kernel replay the log by themselves.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = replay_run,
};
