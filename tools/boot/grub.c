// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: two files of GRUB's
 *
 * custom.cfg, beside the host's grub.cfg, which has that read it: an entry for
 * each image, between two comments, that only loads the grub.cfg that stands
 * with the image's kernels.  That one is renewed from inside the image, which
 * need not know where GRUB is.
 */
#define _GNU_SOURCE
#include <blkid/blkid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "field.h"
#include "grub.h"
#include "message.h"
#include "newfile.h"
#include "sysfs.h"

#define GRUB_BEGIN	"### BEGIN vhdx boot-install "
#define GRUB_END	"### END vhdx boot-install "

/* GRUB's modules, by blkid's names. */
static const struct grub_module {
	const char *type;
	const char *module;
} grub_modules[] = {
	{ "ext2", "ext2" }, { "ext3", "ext2" }, { "ext4", "ext2" },
	{ "xfs", "xfs" }, { "btrfs", "btrfs" }, { "ntfs", "ntfs" },
	{ "vfat", "fat" }, { "exfat", "exfat" }, { "f2fs", "f2fs" },
	{}
};

/* The mount that @dir is on: its root in the file system, and its device. */
static int grub_find_mount(const char *dir, char root[PATH_MAX],
			   char point[PATH_MAX], char device[PATH_MAX])
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *rest, *word[10], each[PATH_MAX];
	size_t size = 0, length, best = 0;
	unsigned int i;

	while (file && getline(&line, &size, file) >= 0) {
		rest = line;
		for (i = 0; i < 5; i++)
			word[i] = strsep(&rest, " ");
		rest = rest ? strstr(rest, "- ") : NULL;
		if (!rest || field_decode(each, sizeof(each), word[4],
					  strlen(word[4])))
			continue;
		length = strlen(each) == 1 ? 0 : strlen(each);
		if (strncmp(dir, each, length) || length < best ||
		    (dir[length] && dir[length] != '/'))
			continue;
		best = length;
		rest += 2;
		strsep(&rest, " ");
		strcpy(point, length ? each : "");
		field_decode(root, PATH_MAX, word[3], strlen(word[3]));
		snprintf(device, PATH_MAX, "%s", strsep(&rest, " "));
	}
	free(line);
	if (file)
		fclose(file);
	return *device == '/' ? 0 : -ENODEV;
}

static bool grub_probe(const char *device, struct grub_place *place)
{
	blkid_probe probe = blkid_new_probe_from_filename(device);
	const char *value;

	if (!probe)
		return false;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE |
					  BLKID_SUBLKS_UUID);
	if (!blkid_do_safeprobe(probe)) {
		if (!blkid_probe_lookup_value(probe, "UUID", &value, NULL))
			snprintf(place->uuid, sizeof(place->uuid), "%s", value);
		if (!blkid_probe_lookup_value(probe, "TYPE", &value, NULL))
			snprintf(place->type, sizeof(place->type), "%s", value);
	}
	blkid_free_probe(probe);
	return *place->uuid && *place->type;
}

static int grub_look_below(void *arg, const char *name, const char *uuid)
{
	struct grub_place *place = arg;

	place->lvm |= !strncmp(uuid, "LVM-", 4);
	place->raid |= !strncmp(name, "md", 2);
	if (!strncmp(uuid, "CRYPT-", 6))
		place->hidden = "encrypted";
	else if (!strncmp(uuid, "VHDX-", 5) || strstr(uuid, "-VHDX-"))
		place->hidden = "in an image itself";
	return 0;
}

/* What the file system's device is made of. */
static void grub_below(struct grub_place *place, const char *device)
{
	struct stat st;
	char name[64];

	if (!stat(device, &st) && !sysfs_name(st.st_rdev, name))
		sysfs_each_below(name, grub_look_below, place);
}

/**
 * grub_place() - how GRUB finds a directory
 * @place: result
 * @dir: its absolute path here
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int grub_place(struct grub_place *place, const char *dir)
{
	char root[PATH_MAX] = "", point[PATH_MAX] = "", device[PATH_MAX] = "";
	int r;

	memset(place, 0, sizeof(*place));
	r = grub_find_mount(dir, root, point, device);
	if (r || !grub_probe(device, place)) {
		complain(dir, "put it on an ordinary disk",
			 "no file system on a block device, or one without a UUID: GRUB could not find it");
		return r ?: -ENODEV;
	}
	grub_below(place, device);
	if (snprintf(place->dir, sizeof(place->dir), "%s%s",
		     strcmp(root, "/") ? root : "", dir + strlen(point)) >=
	    PATH_MAX)
		return -ENAMETOOLONG;
	return 0;
}

/* In single quotes GRUB takes all but these as they are. */
static void grub_print_quoted(FILE *file, const char *text)
{
	putc('\'', file);
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", file);
		else
			putc(*text, file);
	}
	putc('\'', file);
}

static void grub_print_search(FILE *file, const struct grub_place *place)
{
	const struct grub_module *module = grub_modules;

	while (module->type && strcmp(module->type, place->type))
		module++;
	fputs("\tinsmod part_gpt\n\tinsmod part_msdos\n", file);
	if (module->type)
		fprintf(file, "\tinsmod %s\n", module->module);
	if (place->raid)
		fputs("\tinsmod mdraid09\n\tinsmod mdraid1x\n", file);
	if (place->lvm)
		fputs("\tinsmod lvm\n", file);
	fprintf(file, "\tsearch --no-floppy --fs-uuid --set=root %s\n",
		place->uuid);
}

/**
 * grub_print_kernel() - write the entry of a kernel
 * @file: the grub.cfg of an image
 * @place: where kernel and initramfs are
 * @kernel: the kernel
 * @title: of the image
 * @parameters: of the kernel
 */
void grub_print_kernel(FILE *file, const struct grub_place *place,
		       const struct kernel *kernel, const char *title,
		       const char *parameters)
{
	char text[PATH_MAX + KERNELS_NAME + 32];
	char *copy = strdup(parameters), *rest = copy, *word;

	snprintf(text, sizeof(text), "%s, Linux %s", title, kernel->release);
	fputs("menuentry ", file);
	grub_print_quoted(file, text);
	fputs(" {\n", file);
	grub_print_search(file, place);
	snprintf(text, sizeof(text), "%s/%s", place->dir, kernel->image);
	fputs("\tlinux ", file);
	grub_print_quoted(file, text);
	while ((word = strsep(&rest, " \n"))) {
		if (!*word)
			continue;
		putc(' ', file);
		grub_print_quoted(file, word);
	}
	snprintf(text, sizeof(text), "%s/%s", place->dir, kernel->initramfs);
	fputs("\n\tinitrd ", file);
	grub_print_quoted(file, text);
	fputs("\n}\n", file);
	free(copy);
}

/**
 * grub_print_menu() - write the entry of an image
 * @file: the host's custom.cfg
 * @place: where the grub.cfg of the image is
 * @title: of the image
 */
void grub_print_menu(FILE *file, const struct grub_place *place,
		     const char *title)
{
	char path[PATH_MAX + 16];

	fprintf(file, GRUB_BEGIN "%s:%s\nmenuentry ", place->uuid, place->dir);
	grub_print_quoted(file, title);
	fputs(" {\n", file);
	grub_print_search(file, place);
	snprintf(path, sizeof(path), "%s/grub.cfg", place->dir);
	fputs("\tconfigfile ", file);
	grub_print_quoted(file, path);
	fprintf(file, "\n}\n" GRUB_END "%s:%s\n", place->uuid, place->dir);
}

/* Is a line the comment at one end of our part? */
static bool grub_is_mark(const char *line, const char *mark,
			 const struct grub_place *place)
{
	char text[PATH_MAX + GRUB_UUID + 64];

	snprintf(text, sizeof(text), "%s%s:%s\n", mark, place->uuid,
		 place->dir);
	return !strcmp(line, text);
}

/*
 * All of @from but our part.  If that has no end nobody knows where what others have
 * written begins.
 *
 * Return: 0; -EBADMSG if it has none, or -EIO.
 */
static int grub_copy_others(FILE *from, FILE *to,
			    const struct grub_place *place)
{
	char *line = NULL;
	bool ours = false;
	size_t size = 0;

	while (getline(&line, &size, from) >= 0) {
		ours |= grub_is_mark(line, GRUB_BEGIN, place);
		if (!ours)
			fputs(line, to);
		else if (grub_is_mark(line, GRUB_END, place))
			ours = false;
	}
	free(line);
	return ferror(from) ? -EIO : ours ? -EBADMSG : 0;
}

static void grub_complain(const char *path, const struct grub_place *place,
			  int error)
{
	if (error == -EBADMSG)
		complain(path, "put it where it belongs, or remove the entry by hand",
			 "has no line '" GRUB_END "%s:%s' behind the entry of the image",
			 place->uuid, place->dir);
	else
		complain_errno(path, error, "cannot be written");
}

/**
 * grub_replace() - write the entry of an image anew, or remove it
 * @path: the host's custom.cfg
 * @place: where the grub.cfg of the image is
 * @title: of the image; NULL: remove the entry
 *
 * What others have written there stays; if there is nothing the file goes.  Says
 * what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int grub_replace(const char *path, const struct grub_place *place,
		 const char *title)
{
	struct newfile new;
	FILE *old, *file;
	struct stat st;
	bool empty;
	int r;

	r = newfile_open(&new, path);
	if (r)
		return r;
	old = fopen(path, "re");
	r = old || errno == ENOENT ? 0 : -errno;
	file = fdopen(dup(new.fd), "w");
	if (!r && !file)
		r = -ENOMEM;
	if (!r && old && !fstat(fileno(old), &st))
		r = newfile_inherit(&new, &st);
	else if (!r && fchmod(new.fd, 0644))
		r = -errno;
	if (!r && old)
		r = grub_copy_others(old, file, place);
	if (!r && title)
		grub_print_menu(file, place, title);
	empty = file && !ftell(file);
	if (file && (ferror(file) | fclose(file)) && !r)
		r = -EIO;
	if (old)
		fclose(old);
	if (!r && empty)
		r = unlink(new.path) && errno != ENOENT ? -errno : 0;
	else if (!r)
		r = newfile_commit(&new, true);
	newfile_abort(&new);
	if (r)
		grub_complain(path, place, r);
	return r;
}

/**
 * grub_has() - is there an entry for an image?
 * @path: the host's custom.cfg
 * @place: where the grub.cfg of the image is
 *
 * Return: true if so.
 */
bool grub_has(const char *path, const struct grub_place *place)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	bool found = false;
	size_t size = 0;

	while (file && !found && getline(&line, &size, file) >= 0)
		found = grub_is_mark(line, GRUB_BEGIN, place);
	free(line);
	if (file)
		fclose(file);
	return found;
}
