// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inside.h"
#include "kernels.h"
#include "message.h"

#define INSIDE_FLAGS	(MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC)

/* How to mount each without writing: no journal is replayed. */
static const struct inside_type {
	const char *name;
	const char *options;
} inside_types[] = {
	{ "ext2", NULL }, { "ext3", "noload" }, { "ext4", "noload" },
	{ "xfs", "norecovery" }, { "btrfs", "rescue=nologreplay" },
	{ "f2fs", "norecovery" }, { "vfat", NULL },
	{}
};

/* What the installers of Debian, Ubuntu and Fedora call the root's subvolume. */
static const char *const inside_subvolumes[] = {
	"", "@rootfs", "@", "root", NULL
};

static const struct inside_type *inside_probe(const char *node,
					      char uuid[GRUB_UUID])
{
	const struct inside_type *type = inside_types;
	blkid_probe probe = blkid_new_probe_from_filename(node);
	const char *value = "";

	if (!probe)
		return NULL;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE |
					  BLKID_SUBLKS_UUID);
	if (!blkid_do_safeprobe(probe)) {
		if (!blkid_probe_lookup_value(probe, "UUID", &value, NULL))
			snprintf(uuid, GRUB_UUID, "%s", value);
		blkid_probe_lookup_value(probe, "TYPE", &value, NULL);
	}
	while (type->name && strcmp(type->name, value))
		type++;
	blkid_free_probe(probe);
	return type->name ? type : NULL;
}

static void inside_path(const struct inside *inside, unsigned int i,
			const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%u%s", inside->dir, i, name);
}

static void inside_mount(struct inside *inside, const char *name)
{
	char node[256], dir[PATH_MAX], uuid[GRUB_UUID] = "";
	const struct inside_type *type;

	mapping_path(node, sizeof(node), name);
	type = inside_probe(node, uuid);
	if (!type || inside->mounts >= INSIDE_MOUNTS)
		return;
	inside_path(inside, inside->mounts, "", dir);
	if (mkdir(dir, 0700))
		return;
	if (mount(node, dir, type->name, INSIDE_FLAGS, type->options)) {
		rmdir(dir);
		return;
	}
	inside->btrfs[inside->mounts] = !strcmp(type->name, "btrfs");
	strcpy(inside->uuid[inside->mounts++], uuid);
}

/* A file of the root. */
static void inside_root_path(const struct inside *inside, const char *name,
			     char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%d/%s%s%s", inside->dir, inside->root,
		 inside->subvolume, *inside->subvolume ? "/" : "", name);
}

/* The value of PRETTY_NAME. */
static void inside_title(struct inside *inside)
{
	char path[PATH_MAX], line[GRUB_TITLE + 32], *value;
	FILE *file;

	strcpy(inside->title, "Linux");
	inside_root_path(inside, "etc/os-release", path);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "PRETTY_NAME=", 12))
			continue;
		value = line + 12 + strspn(line + 12, "\"'");
		value[strcspn(value, "\"'\n")] = '\0';
		snprintf(inside->title, sizeof(inside->title), "%s", value);
	}
	if (file)
		fclose(file);
}

static bool inside_has_kernels(const char *dir)
{
	struct kernels *kernels = malloc(sizeof(*kernels));
	bool has = kernels && !kernels_find(kernels, dir) && kernels->count;

	free(kernels);
	return has;
}

/* Is a file system the root, or has that in a subvolume? */
static bool inside_is_root(struct inside *inside, unsigned int mount)
{
	const char *const *name = inside_subvolumes;
	char path[PATH_MAX];

	inside->root = mount;
	for (; *name && (!**name || inside->btrfs[mount]); name++) {
		inside->subvolume = *name;
		inside_root_path(inside, "etc/os-release", path);
		if (!faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW))
			return true;
	}
	inside->root = -1;
	return false;
}

/* Which of them is the root, and which has the kernels? */
static int inside_find(struct inside *inside, const char *image)
{
	unsigned int i;

	for (i = 0; i < inside->mounts && !inside_is_root(inside, i); i++)
		;
	if (inside->root < 0) {
		complain(image, "if it is on LVM or the like, start the image in another way, and run it there (see vhdx-boot-install(8))",
			 "no file system in it is a root, with '/etc/os-release'");
		return -ENOENT;
	}
	inside_root_path(inside, "boot", inside->boot);
	for (i = 0; i < inside->mounts && !inside_has_kernels(inside->boot);
	     i++)
		inside_path(inside, i, "", inside->boot);
	if (!inside_has_kernels(inside->boot)) {
		complain(image, "install one, such as Debian's linux-image-amd64",
			 "no kernel with an initramfs in it");
		return -ENOENT;
	}
	inside_title(inside);
	return 0;
}

static int inside_attach(struct inside *inside, const char *path)
{
	struct mapping *disk;
	int r;

	inside->image = attachment_new();
	if (!inside->image)
		return -ENOMEM;
	disk = &inside->image->disk;
	inside->image->path = path;
	inside->image->read_only = true;
	snprintf(disk->name, sizeof(disk->name), "vhdx-boot-install-%d",
		 getpid());
	r = attachment_make(inside->image);
	if (r) {
		attachment_free(inside->image);
		inside->image = NULL;
	}
	return r;
}

/**
 * inside_open() - look into an image
 * @inside: result; inside_close() it, also after a failure
 * @path: the image
 *
 * Says what is wrong.  The image is not written.
 *
 * Return: 0 or a negative errno.
 */
int inside_open(struct inside *inside, const char *path)
{
	const struct partitions *partitions;
	unsigned int i;
	int r;

	memset(inside, 0, sizeof(*inside));
	inside->root = -1;
	strcpy(inside->dir, "/run/vhdx-boot-install-XXXXXX");
	if (!mkdtemp(inside->dir)) {
		r = -errno;
		*inside->dir = '\0';
		complain_errno("/run", r, "cannot make a directory there");
		return r;
	}
	r = inside_attach(inside, path);
	if (r)
		return r;
	partitions = &inside->image->partitions;
	if (!partitions->count)
		inside_mount(inside, inside->image->disk.name);
	for (i = 0; i < partitions->count; i++)
		inside_mount(inside, partitions->name[i]);
	return inside_find(inside, path);
}

/**
 * inside_close() - undo inside_open()
 * @inside: from there
 */
void inside_close(struct inside *inside)
{
	char dir[PATH_MAX];

	while (inside->mounts) {
		inside_path(inside, --inside->mounts, "", dir);
		umount2(dir, UMOUNT_NOFOLLOW);
		rmdir(dir);
	}
	if (*inside->dir)
		rmdir(inside->dir);
	if (!inside->image)
		return;
	partitions_remove(&inside->image->partitions);
	if (mapping_remove(inside->image->disk.name))
		complain(inside->image->disk.name, "run 'vhdx detach' on it",
			 "cannot be removed: %s", mapping_error());
	attachment_free(inside->image);
	inside->image = NULL;
}
