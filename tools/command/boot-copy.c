// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx boot-copy: copy kernels and initramfses of this system to where GRUB
 * reads them, if it runs from an image for which there is such a place
 *
 * See boot-install.c.  The place is beside an image that the initramfs has
 * attached, or one that vhdx.boot= on the kernel's command line names.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backing.h"
#include "bootdir.h"
#include "command.h"
#include "message.h"
#include "parameter.h"
#include "resolve.h"
#include "state.h"

#define COPY_FROM	"/boot"

static int copy_to(const char *path)
{
	struct bootdir *bootdir = calloc(1, sizeof(*bootdir));
	int r = -ENOMEM;

	if (bootdir) {
		snprintf(bootdir->path, sizeof(bootdir->path), "%s", path);
		r = bootdir_load(bootdir);
		/* Nobody has asked for it to be booted by GRUB. */
		if (r == -ENOENT)
			r = 0;
		else if (r)
			complain_errno(path, r, "cannot be read");
		else
			r = bootdir_update(bootdir, COPY_FROM);
	}
	free(bootdir);
	return r;
}

static int copy_image(void *arg, const char *name,
		      const struct state_image *image)
{
	char path[PATH_MAX + 8];
	struct backing backing;
	struct mapping disk;
	int *worst = arg, r;

	(void)image;
	if (mapping_get(name, &disk) || !mapping_is_ours(&disk))
		return 0;
	backing_get(&backing, &disk);
	if (!backing.on_file)
		return 0;
	snprintf(path, sizeof(path), "%s" BOOTDIR_SUFFIX, backing.file.path);
	r = copy_to(path);
	if (r)
		*worst = r;
	return 0;
}

/* Where vhdx.boot= says. */
static int copy_named(const char *cmdline)
{
	struct resolved *resolved;
	struct source *source;
	const char *wrong;
	char *value;
	int r;

	value = parameter_value(cmdline, "vhdx.boot=");
	if (!value)
		return 0;
	resolved = malloc(sizeof(*resolved));
	source = malloc(sizeof(*source));
	r = resolved && source ? 0 : -ENOMEM;
	wrong = r ? NULL : source_parse(source, value);
	if (wrong) {
		complain(value, "see vhdx-boot-install(8)",
			 "vhdx.boot= on the kernel's command line %s", wrong);
		r = -EINVAL;
	} else if (!r) {
		r = resolve_begin(resolved, source, false);
		if (!r)
			r = copy_to(resolved->path);
		resolve_end(resolved);
	}
	free(source);
	free(resolved);
	free(value);
	return r;
}

static int copy_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { OPTION_HELP, {} };
	int worst = 0, r;

	while (command_option(self, argc, argv, options) >= 0)
		;
	command_operands(self, argc, argv, 0, 0, NULL);
	if (mapping_start())
		return STATUS_FAILED;
	state_each_image(copy_image, &worst);
	r = copy_named(PARAMETER_FILE);
	return r || worst ? STATUS_FAILED : STATUS_OK;
}

const struct command command_boot_copy = {
	.name = "boot-copy",
	.summary = "Copy kernels to where 'boot-install' has GRUB look for them",
	.synopsis = "",
	.help =
"Hooks of the system in an image run it when a kernel or an initramfs changes.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = copy_run,
};
