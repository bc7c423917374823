// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx initrd: what the scripts of initramfs-tools and dracut run
 *
 * They call it again and again while devices appear.  Each call attaches what
 * can be attached; what fails is said once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "entry.h"
#include "message.h"
#include "parameter.h"
#include "resolve.h"
#include "resume.h"
#include "resume-place.h"
#include "state.h"

/* Exit status: some devices are not there yet. */
#define INITRD_WAITS	3

/* Options without a short form. */
enum {
	INITRD_CMDLINE = OPTION_LONG,
	INITRD_LIST,
	INITRD_LAST,
	INITRD_RESUME,
	INITRD_RESUME_OFFSET,
};

/**
 * struct initrd - a run of the command
 * @cmdline: file with the kernel's command line
 * @resume: device that a hibernated system may be on
 * @resume_offset: where on it
 * @list: only print what is wanted
 * @last: nothing more appears: say what is missing
 * @parameters: what the command line wants
 * @tab: the table
 * @firmware: where systemd has left word that it is
 * @waits: how many devices are not there
 * @failed: how many images cannot be attached
 */
struct initrd {
	const char *cmdline;
	const char *resume;
	const char *resume_offset;
	bool list;
	bool last;
	struct resume_place firmware;
	struct parameters parameters;
	struct tab tab;
	unsigned int waits;
	unsigned int failed;
};

/* The command line goes first: it is written when the table is wrong. */
static int initrd_each(struct initrd *initrd,
		       int (*visit)(struct initrd *initrd,
				    const struct tab_entry *entry))
{
	const struct tab *tab = &initrd->parameters.tab;
	unsigned int i;
	int r = 0;

	for (i = 0; !r && i < tab->count; i++)
		r = visit(initrd, tab->entries[i]);
	tab = &initrd->tab;
	for (i = 0; !r && i < tab->count; i++)
		if (tab->entries[i]->initrd && !tab->entries[i]->no_auto &&
		    !tab_find(&initrd->parameters.tab, tab->entries[i]->name))
			r = visit(initrd, tab->entries[i]);
	return r;
}

/* Messages are said once only. */
static void initrd_hush(bool hush)
{
	static int saved = -1;
	int null;

	fflush(stderr);
	if (!hush && saved >= 0) {
		dup2(saved, 2);
		close(saved);
		saved = -1;
	} else if (hush) {
		saved = fcntl(2, F_DUPFD_CLOEXEC, 3);
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (null >= 0) {
			dup2(null, 2);
			close(null);
		}
	}
}

static int initrd_load(struct initrd *initrd)
{
	bool again = !initrd->list && !initrd->last && state_has("said");
	int r;

	initrd_hush(again);
	r = parameter_load(&initrd->parameters, initrd->cmdline);
	if (r)
		complain_errno(initrd->cmdline, r, "cannot be read");
	r = tab_load(&initrd->tab, tab_default());
	if (r && r != -ENOENT)
		complain_errno(initrd->tab.path, r, "cannot be read");
	initrd_hush(false);
	return initrd->parameters.off ? -ENOENT : 0;
}

static int initrd_print(struct initrd *initrd, const struct tab_entry *entry)
{
	const struct source *source = &entry->source;

	(void)initrd;
	printf("%s\t%s%s%s%s%s\t%s\n", entry->name, source->tag,
	       *source->tag ? "=" : "",
	       *source->tag ? source->value : source->path,
	       *source->inner ? ":" : "", source->inner,
	       entry->read_only ? "read-only" : "-");
	return 0;
}

static int initrd_is_wanted(struct initrd *initrd,
			    const struct tab_entry *entry)
{
	(void)initrd;
	(void)entry;
	return 1;
}

static int initrd_is_missing(struct initrd *initrd,
			     const struct tab_entry *entry)
{
	(void)initrd;
	return !entry_is_attached(entry);
}

/* In seconds. */
static unsigned int initrd_patience(const struct initrd *initrd)
{
	char *rootdelay = parameter_value(initrd->cmdline, "rootdelay=");
	char *timeout = parameter_value(initrd->cmdline, "rd.timeout=");
	unsigned int seconds = resume_patience(rootdelay, timeout);

	free(rootdelay);
	free(timeout);
	return seconds;
}

static bool initrd_asks_firmware(struct initrd *initrd)
{
	char *off = parameter_value(initrd->cmdline, "noresume");
	bool asks = !off || !strcmp(off, "=0");

	free(off);
	return asks && resume_is_possible() &&
	       !resume_place_efi(&initrd->firmware, RESUME_EFIVARS);
}

/* From each place once.  Return: whether its device was there. */
static bool initrd_resume_from(const char *device, const char *offset,
			       const char *tried)
{
	if (state_has(tried))
		return true;
	if (resume_try(device, offset) != RESUME_DONE)
		return false;
	state_set(tried);
	return true;
}

/*
 * What the firmware knows is the last thing that a system has said before it went
 * to sleep.  Return: the device that is not there yet; NULL: all has been tried.
 */
static const char *initrd_resume(struct initrd *initrd)
{
	const char *missing = NULL;

	if (initrd_asks_firmware(initrd) &&
	    !initrd_resume_from(initrd->firmware.device,
				initrd->firmware.offset, "resume-firmware"))
		missing = initrd->firmware.device;
	if (!initrd_resume_from(initrd->resume, initrd->resume_offset,
				"resume-parameter"))
		missing = initrd->resume;
	return missing;
}

/* Return: whether the images may be attached by now. */
static bool initrd_may_write(struct initrd *initrd)
{
	static const char waiting[] = "resume-waits", done[] = "resume-tried";
	const char *missing;
	struct timespec now;
	struct stat st;

	if (state_has(done))
		return true;
	missing = initrd_resume(initrd);
	if (!missing) {
		state_set(done);
		return true;
	}
	if (!state_has(waiting))
		state_set(waiting);
	clock_gettime(CLOCK_REALTIME, &now);
	if (!initrd->last && !stat(STATE_DIR "/resume-waits", &st) &&
	    now.tv_sec >= st.st_mtim.tv_sec &&
	    now.tv_sec - st.st_mtim.tv_sec < initrd_patience(initrd))
		return false;
	note(missing, "not there before the images are attached, so no system that was hibernated to it is looked for");
	/* The firmware's word is of one time only. */
	if (missing == initrd->resume)
		state_set("no-resume");
	state_set(done);
	return true;
}

/* Where it is mounted, so that the system knows what to leave alone. */
static void initrd_remember(const struct tab_entry *entry,
			    const struct attachment *image)
{
	struct state_image state = { .steps = image->steps };

	if (*entry->source.inner)
		source_host(&entry->source, state.host);
	state_save_image(entry->name, &state);
}

static int initrd_image(const struct tab_entry *entry)
{
	struct attachment *image = attachment_new();
	struct resolved *resolved = malloc(sizeof(*resolved));
	int r = -ENOMEM;

	if (!image || !resolved) {
		complain_errno(entry->name, ENOMEM, "cannot start");
	} else {
		r = resolve_begin(resolved, &entry->source, entry->read_only);
		image->path = resolved->path;
		entry_fill(image, entry);
		if (!r)
			r = attachment_make(image);
		if (!r)
			initrd_remember(entry, image);
		resolve_end(resolved);
	}
	free(resolved);
	if (image)
		attachment_free(image);
	return r;
}

static int initrd_attach_one(struct initrd *initrd,
			     const struct tab_entry *entry)
{
	char failed[NAME_MAX_CHARS + 16];
	bool again;
	int r;

	if (entry_is_attached(entry))
		return 0;
	if (!initrd->last && !resolve_is_there(&entry->source)) {
		initrd->waits++;
		return 0;
	}
	snprintf(failed, sizeof(failed), "failed-%s", entry->name);
	again = !initrd->last && state_has(failed);
	initrd_hush(again);
	r = initrd_image(entry);
	initrd_hush(false);
	if (r) {
		state_set(failed);
		initrd->failed++;
	}
	return 0;
}

static int initrd_attach(struct initrd *initrd)
{
	if (initrd_load(initrd))
		return STATUS_OK;
	if (initrd->list) {
		initrd_each(initrd, initrd_print);
		return STATUS_OK;
	}
	if (!initrd_each(initrd, initrd_is_wanted))
		return STATUS_OK;
	if (mapping_start())
		return STATUS_FAILED;
	if (!initrd_each(initrd, initrd_is_missing))
		return STATUS_OK;
	state_set("said");
	if (!initrd_may_write(initrd))
		return INITRD_WAITS;
	initrd_each(initrd, initrd_attach_one);
	if (initrd->failed)
		return STATUS_FAILED;
	return initrd->waits ? INITRD_WAITS : STATUS_OK;
}

static int initrd_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "cmdline", required_argument, NULL, INITRD_CMDLINE },
		{ "list", no_argument, NULL, INITRD_LIST },
		{ "last", no_argument, NULL, INITRD_LAST },
		{ "resume", required_argument, NULL, INITRD_RESUME },
		{ "resume-offset", required_argument, NULL,
		  INITRD_RESUME_OFFSET },
		OPTION_HELP,
		{}
	};
	struct initrd initrd = { .cmdline = PARAMETER_FILE };
	int c, status;

	while ((c = command_option(self, argc, argv, options)) >= 0) {
		initrd.list |= c == INITRD_LIST;
		initrd.last |= c == INITRD_LAST;
		if (c == INITRD_CMDLINE)
			initrd.cmdline = optarg;
		else if (c == INITRD_RESUME)
			initrd.resume = optarg;
		else if (c == INITRD_RESUME_OFFSET)
			initrd.resume_offset = optarg;
	}
	command_operands(self, argc, argv, 0, 0, NULL);
	status = initrd_attach(&initrd);
	tab_free(&initrd.parameters.tab);
	tab_free(&initrd.tab);
	return status;
}

const struct command command_initrd = {
	.name = "initrd",
	.summary = "Attach what the kernel's command line and x-initrd.attach want",
	.synopsis = "[OPTION...]",
	.help =
"      --cmdline FILE         another file in place of /proc/cmdline\n"
"      --last                 nothing more is going to appear: say what is missing\n"
"      --list                 only print what is wanted: name, source, read-only\n"
"      --resume DEVICE        try to resume a hibernated system from it first\n"
"      --resume-offset N      where on it\n"
"\n"
"For the scripts of an initramfs.  Exit status: 0 all is attached; 1 something\n"
"cannot be attached; 3 a device is not there yet.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = initrd_run,
};
