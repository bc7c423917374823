// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx boot-install: have GRUB of this machine boot the system in an image
 *
 * And "vhdx boot-copy", which hooks in that system run when its kernels or
 * initramfses have changed.
 */
#define _GNU_SOURCE
#include <blkid/blkid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing.h"
#include "bootdir.h"
#include "command.h"
#include "inside.h"
#include "kernels.h"
#include "message.h"
#include "ramfs.h"
#include "state.h"

/* Options without a short form. */
enum {
	BOOT_REMOVE = OPTION_LONG,
	BOOT_DIRECTORY,
	BOOT_GRUB,
	BOOT_TITLE,
	BOOT_PARAMETERS,
};

/**
 * struct boot - what the user wants, and what is known
 * @write: change something
 * @remove: undo that
 * @directory: where the kernels go, if the user says
 * @grub: custom.cfg, if the user says
 * @title: of the entry, if the user says
 * @parameters: more of them, from the user
 * @gone: there is no such image any more
 * @image: absolute path of the image
 * @source: the image, for rd.vhdx=
 * @bootdir: the directory
 * @place: how GRUB finds it
 */
struct boot {
	bool write;
	bool remove;
	bool gone;
	const char *directory;
	const char *grub;
	const char *title;
	const char *parameters;
	char image[PATH_MAX];
	char source[2 * PATH_MAX];
	struct bootdir bootdir;
	struct grub_place place;
};

static const char *boot_grub(const struct boot *boot)
{
	if (boot->grub)
		return boot->grub;
	return access("/boot/grub2", F_OK) ? "/boot/grub/custom.cfg" :
					     "/boot/grub2/custom.cfg";
}

/* As fields of tables are written. */
static void boot_escape(char *to, size_t size, const char *from)
{
	size_t n = 0;

	for (; *from && n + 5 < size; from++) {
		if (strchr(" \t:\\\"'", *from))
			n += snprintf(to + n, size - n, "\\%03o",
				      (unsigned char)*from);
		else
			to[n++] = *from;
	}
	to[n] = '\0';
}

/* A partition's ID stays when disks change their names. */
static void boot_source_device(struct boot *boot)
{
	char *id = blkid_get_tag_value(NULL, "PARTUUID", boot->image);

	if (id)
		snprintf(boot->source, sizeof(boot->source), "PARTUUID=%s", id);
	else
		boot_escape(boot->source, sizeof(boot->source), boot->image);
	if (!id && !strncmp(boot->image, "/dev/sd", 7))
		note(boot->image, "this name may change from one boot to the next: give one of /dev/disk/by-id");
	free(id);
}

static int boot_source_file(struct boot *boot)
{
	char dir[PATH_MAX], path[2 * PATH_MAX], escaped[2 * PATH_MAX - 80];
	struct grub_place place;
	char *base;
	int r;

	strcpy(dir, boot->image);
	base = strrchr(dir, '/');
	*base++ = '\0';
	r = grub_place(&place, *dir ? dir : "/");
	if (r)
		return r;
	snprintf(path, sizeof(path), "%s/%s",
		 strcmp(place.dir, "/") ? place.dir : "", base);
	boot_escape(escaped, sizeof(escaped), path);
	snprintf(boot->source, sizeof(boot->source), "UUID=%s:%s", place.uuid,
		 escaped);
	return 0;
}

/* The image itself.  One that is gone has no longer to be there to be forgotten. */
static int boot_find_image(struct boot *boot, const char *image,
			   struct stat *st)
{
	const char *name = strrchr(image, '/');
	char dir[PATH_MAX];
	int r;

	memset(st, 0, sizeof(*st));
	if (realpath(image, boot->image) && !stat(boot->image, st))
		return 0;
	r = -errno;
	name = name ? name + 1 : image;
	snprintf(dir, sizeof(dir), "%.*s", (int)(name - image), image);
	if (r == -ENOENT && boot->remove && *name &&
	    realpath(*dir ? dir : ".", boot->image) &&
	    strlen(boot->image) + strlen(name) + 1 < PATH_MAX) {
		if (strcmp(boot->image, "/"))
			strcat(boot->image, "/");
		strcat(boot->image, name);
		boot->gone = true;
		return 0;
	}
	complain_errno(image, r, "cannot be found");
	return r;
}

/* Where all of it is and goes. */
static int boot_find(struct boot *boot, const char *image)
{
	char parent[PATH_MAX], *slash;
	struct stat st;
	int r;

	r = boot_find_image(boot, image, &st);
	if (r)
		return r;
	if (S_ISBLK(st.st_mode) && !boot->directory) {
		complain(image, "say where with --directory, such as '/boot/vhdx'",
			 "a device has no place beside it for kernels");
		return -EINVAL;
	}
	if (S_ISBLK(st.st_mode) && *image == '/')
		snprintf(boot->image, sizeof(boot->image), "%s", image);
	if (boot->directory)
		snprintf(boot->bootdir.path, PATH_MAX, "%s", boot->directory);
	else if (snprintf(boot->bootdir.path, PATH_MAX, "%s" BOOTDIR_SUFFIX,
			  boot->image) >= PATH_MAX)
		return -ENAMETOOLONG;
	/* It need not be there yet. */
	snprintf(parent, sizeof(parent), "%s", boot->bootdir.path);
	slash = strrchr(parent, '/');
	if (*parent != '/') {
		complain(parent, "write it from '/' on", "no absolute path");
		return -EINVAL;
	}
	slash[slash == parent] = '\0';
	r = grub_place(&boot->place, parent);
	if (r)
		return r;
	strcat(strcmp(boot->place.dir, "/") ? boot->place.dir :
	       memset(boot->place.dir, 0, 1), "/");
	strncat(boot->place.dir, strrchr(boot->bootdir.path, '/') + 1,
		PATH_MAX - strlen(boot->place.dir) - 1);
	if (boot->remove)
		return 0;
	if (boot->place.hidden) {
		complain(boot->bootdir.path, "say with --directory where GRUB can read, such as '/boot/vhdx'",
			 "GRUB could not read kernels there: it is %s",
			 boot->place.hidden);
		return -EINVAL;
	}
	if (S_ISBLK(st.st_mode))
		boot_source_device(boot);
	else
		r = boot_source_file(boot);
	return r;
}

/* The newest initramfs has to know what to do. */
static int boot_check(const struct inside *inside, const char *image)
{
	static const char *const advice =
		"in the system in the image, install vhdx-tools and dm-vhdx-dkms, write VHDX=y to /etc/initramfs-tools/conf.d/vhdx and run 'update-initramfs -u', or with dracut add_dracutmodules+=\" vhdx \" to /etc/dracut.conf.d/vhdx.conf and run 'dracut --force'";
	struct kernels *kernels = malloc(sizeof(*kernels));
	char path[2 * PATH_MAX];
	struct ramfs ramfs;
	int r = kernels ? kernels_find(kernels, inside->boot) : -ENOMEM;

	if (!r) {
		snprintf(path, sizeof(path), "%s/%s", inside->boot,
			 kernels->kernel[0].initramfs);
		r = ramfs_look(&ramfs, path);
	}
	if (!r && !(ramfs.tool && ramfs.module && ramfs.scripts)) {
		complain(image, advice, "its initramfs '%s' has no %s, and could not attach it",
			 kernels->kernel[0].initramfs, !ramfs.tool ?
			 "program 'vhdx'" : !ramfs.module ?
			 "module 'dm-vhdx'" : "script for that");
		r = -ENOENT;
	}
	free(kernels);
	return r;
}

static int boot_settings(struct boot *boot, const struct inside *inside)
{
	struct bootdir *bootdir = &boot->bootdir;
	char place[2 * PATH_MAX];
	int n;

	if (boot->title)
		snprintf(bootdir->title, sizeof(bootdir->title), "%s",
			 boot->title);
	else
		snprintf(bootdir->title, sizeof(bootdir->title), "%.200s in %.50s",
			 inside->title, strrchr(boot->image, '/') + 1);
	boot_escape(place, sizeof(place), boot->place.dir);
	/* Hooks in there have to find a directory that is elsewhere. */
	n = snprintf(bootdir->parameters, sizeof(bootdir->parameters),
		     "root=UUID=%s ro %s%s%srd.vhdx=%s%s%s%s%s %s",
		     inside->uuid[inside->root],
		     *inside->subvolume ? "rootflags=subvol=" : "",
		     inside->subvolume, *inside->subvolume ? " " : "",
		     boot->source,
		     boot->directory ? " vhdx.boot=UUID=" : "",
		     boot->directory ? boot->place.uuid : "",
		     boot->directory ? ":" : "", boot->directory ? place : "",
		     boot->parameters ?: "quiet");
	if (n < (int)sizeof(bootdir->parameters))
		return 0;
	complain(boot->image, "move it to a shorter path, or give fewer parameters",
		 "the kernel's command line would be too long");
	return -ENAMETOOLONG;
}

static int boot_print(const struct boot *boot, const struct inside *inside)
{
	struct kernels *kernels = malloc(sizeof(*kernels));
	int r = kernels ? kernels_find(kernels, inside->boot) : -ENOMEM;

	if (!r) {
		printf("# %s and %s would be copied to %s,\n# with this entry in grub.cfg there:\n",
		       kernels->kernel[0].image, kernels->kernel[0].initramfs,
		       boot->bootdir.path);
		grub_print_kernel(stdout, &boot->place, kernels->kernel,
				  boot->bootdir.title,
				  boot->bootdir.parameters);
		printf("# and this one in %s (--write does it):\n",
		       boot_grub(boot));
		grub_print_menu(stdout, &boot->place, boot->bootdir.title);
	}
	free(kernels);
	return r;
}

static int boot_install(struct boot *boot)
{
	struct inside *inside = calloc(1, sizeof(*inside));
	int r = inside ? inside_open(inside, boot->image) : -ENOMEM;

	if (!r)
		r = boot_check(inside, boot->image);
	if (!r)
		r = boot_settings(boot, inside);
	if (!r && !boot->write)
		r = boot_print(boot, inside);
	else if (!r)
		r = bootdir_update(&boot->bootdir, inside->boot);
	if (!r && boot->write)
		r = grub_replace(boot_grub(boot), &boot->place,
				 boot->bootdir.title);
	if (inside)
		inside_close(inside);
	free(inside);
	return r;
}

static int boot_remove(struct boot *boot)
{
	bool there = grub_has(boot_grub(boot), &boot->place);
	int r = 0;

	if (boot->gone && !there && access(boot->bootdir.path, F_OK)) {
		complain_errno(boot->image, ENOENT, "cannot be found");
		return -ENOENT;
	}
	if (there)
		r = grub_replace(boot_grub(boot), &boot->place, NULL);
	return r ?: bootdir_remove(&boot->bootdir);
}

static int boot_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "write", no_argument, NULL, 'w' },
		{ "remove", no_argument, NULL, BOOT_REMOVE },
		{ "directory", required_argument, NULL, BOOT_DIRECTORY },
		{ "grub", required_argument, NULL, BOOT_GRUB },
		{ "title", required_argument, NULL, BOOT_TITLE },
		{ "parameters", required_argument, NULL, BOOT_PARAMETERS },
		OPTION_HELP,
		{}
	};
	struct boot *boot = calloc(1, sizeof(*boot));
	int c, r;

	if (!boot)
		return STATUS_FAILED;
	while ((c = command_option(self, argc, argv, options)) >= 0) {
		boot->write |= c == 'w';
		boot->remove |= c == BOOT_REMOVE;
		if (c == BOOT_DIRECTORY)
			boot->directory = optarg;
		else if (c == BOOT_GRUB)
			boot->grub = optarg;
		else if (c == BOOT_TITLE)
			boot->title = optarg;
		else if (c == BOOT_PARAMETERS)
			boot->parameters = optarg;
	}
	command_operands(self, argc, argv, 1, 1, "IMAGE");
	if (boot->write && boot->remove)
		command_usage(self, "--write and --remove exclude each other");
	r = boot_find(boot, argv[optind]);
	if (!r)
		r = boot->remove ? boot_remove(boot) : boot_install(boot);
	free(boot);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_boot_install = {
	.name = "boot-install",
	.summary = "Have GRUB of this machine boot the system in an image",
	.synopsis = "[OPTION...] IMAGE",
	.help =
"  -w, --write                do it; without it only print what would be done\n"
"      --remove               undo it\n"
"      --directory DIR        where kernels go, in place of IMAGE.boot; a device\n"
"                             needs it\n"
"      --grub FILE            another file in place of /boot/grub/custom.cfg\n"
"      --title TITLE          what the menu calls it\n"
"      --parameters 'ARG...'  parameters of the kernel, in place of 'quiet'\n"
"\n"
"GRUB cannot read what is in an image, so kernels and initramfses are copied out\n"
"of it, now and by hooks in it at each change.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = boot_run,
};
