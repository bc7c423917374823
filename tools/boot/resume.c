// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: hibernation
 *
 * A system that was hibernated knows from memory what its file systems and
 * images hold.  So before an initramfs writes any of them, be it by replaying
 * a journal, it has to try to resume: then that system goes on, and this one is
 * gone.  Initramfses do so only when the root's device is there, which is too
 * late here, as making it there mounts the host.
 *
 * A swap space inside an image is never resumed from: it is there only when it
 * is too late.  Nor may it be hibernated to: what the kernel writes there
 * after it has taken its picture of memory allocates blocks, which the picture
 * does not know of.  See hibernation.c.
 */
#define _GNU_SOURCE
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "message.h"
#include "resume.h"

#define RESUME_FILE	"/sys/power/resume"
#define RESUME_OFFSET	"/sys/power/resume_offset"

static int resume_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* Does a swap space hold a system that sleeps? */
static bool resume_is_there(const char *node)
{
	blkid_probe probe = blkid_new_probe_from_filename(node);
	const char *type = "";
	bool sleeps;

	if (!probe)
		return false;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE);
	if (!blkid_do_safeprobe(probe))
		blkid_probe_lookup_value(probe, "TYPE", &type, NULL);
	sleeps = !strcmp(type, "swsuspend");
	blkid_free_probe(probe);
	return sleeps;
}

/**
 * resume_is_possible() - does the kernel hibernate and resume?
 *
 * Return: true if so.
 */
bool resume_is_possible(void)
{
	return !access(RESUME_FILE, F_OK);
}

/**
 * resume_try() - go on with the system that was hibernated, if there is one
 * @device: as "resume=" names it: a path or a tag; NULL: none
 * @offset: as "resume_offset=" has it; NULL: none
 *
 * Return: what is known; it does not return if that system goes on.
 */
enum resume_state resume_try(const char *device, const char *offset)
{
	enum resume_state state = RESUME_DONE;
	char number[32], *node;
	struct stat st;

	if (!device || !*device || !resume_is_possible())
		return RESUME_DONE;
	node = blkid_evaluate_spec(device, NULL);
	if (!node || stat(node, &st) || !S_ISBLK(st.st_mode)) {
		state = RESUME_WAIT;
	} else if ((offset && *offset) || resume_is_there(node)) {
		/* Another device may have been tried before. */
		resume_write(RESUME_OFFSET, offset && *offset ? offset : "0");
		snprintf(number, sizeof(number), "%u:%u", major(st.st_rdev),
			 minor(st.st_rdev));
		note(device, "trying to resume from it");
		resume_write(RESUME_FILE, number);
		if (resume_is_there(node))
			note(device, "the hibernated system there does not go on, and is going to be lost");
	}
	free(node);
	return state;
}
