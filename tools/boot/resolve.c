// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: file systems below images
 *
 * An image may be in a file system that nobody else has mounted.  Then it is
 * mounted below /run/vhdx/host, and unmounted when the last image in it is
 * detached: the kernel says whether another one is.  Who mounts holds a lock
 * until the image is in use, so that nobody else's detach comes in between.
 */
#define _GNU_SOURCE
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "field.h"
#include "host.h"
#include "message.h"
#include "resolve.h"

/**
 * struct resolve_mount - where a file system is mounted as a whole
 * @dir: the directory
 * @read_only: it cannot be written there
 */
struct resolve_mount {
	char dir[PATH_MAX];
	bool read_only;
};

/* The device's node, as it can be opened.  Return: false if there is none. */
static bool resolve_node(const struct source *source, char node[PATH_MAX])
{
	struct stat st;
	char *found;

	source_node(source, node);
	if (!stat(node, &st))
		return true;
	/* Without udev there are no links. */
	found = *source->tag ?
		blkid_evaluate_tag(source->tag, source->value, NULL) : NULL;
	if (found)
		snprintf(node, PATH_MAX, "%s", found);
	free(found);
	return found && !stat(node, &st);
}

/**
 * resolve_is_there() - is there what a source names, as far as can be seen?
 * @source: the source
 *
 * Nothing is mounted to find out.
 *
 * Return: true if so.
 */
bool resolve_is_there(const struct source *source)
{
	char node[PATH_MAX];

	if (source_on_device(source))
		return resolve_node(source, node);
	return !access(source->path, F_OK);
}

/* Does a line of mountinfo have the word @ro among options? */
static bool resolve_has_ro(const char *options)
{
	return !strcmp(options, "ro") || !strncmp(options, "ro,", 3);
}

/* Take a line of mountinfo to pieces.  Return: is it of @st, and whole? */
static bool resolve_take_mount(char *line, const struct stat *st,
			       struct resolve_mount *mount)
{
	char *root, *dir, *options, *word, *from, *super;
	unsigned int ma, mi;
	struct stat other;

	strtok_r(line, " ", &line);
	strtok_r(line, " ", &line);
	word = strtok_r(line, " ", &line);
	root = strtok_r(line, " ", &line);
	dir = strtok_r(line, " ", &line);
	options = strtok_r(line, " ", &line);
	while ((from = strtok_r(line, " ", &line)) && strcmp(from, "-"))
		;
	strtok_r(line, " ", &line);
	from = strtok_r(line, " ", &line);
	super = strtok_r(line, " \n", &line);
	if (!super || strcmp(root, "/") || sscanf(word, "%u:%u", &ma, &mi) != 2)
		return false;
	/* Some file systems, such as btrfs, have numbers of their own. */
	if (makedev(ma, mi) != st->st_rdev &&
	    (*from != '/' || stat(from, &other) ||
	     !S_ISBLK(other.st_mode) || other.st_rdev != st->st_rdev))
		return false;
	if (field_decode(mount->dir, sizeof(mount->dir), dir, strlen(dir)))
		return false;
	mount->read_only = resolve_has_ro(options) || resolve_has_ro(super);
	return true;
}

/* Where the file system of a device is mounted, rather where it is writable. */
static bool resolve_find_mount(const struct stat *st,
			       struct resolve_mount *mount)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	struct resolve_mount each;
	bool found = false;
	char *line = NULL;
	size_t size = 0;

	while (file && getline(&line, &size, file) >= 0) {
		if (!resolve_take_mount(line, st, &each))
			continue;
		if (!found || (mount->read_only && !each.read_only))
			*mount = each;
		found = true;
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

static int resolve_lock(void)
{
	int fd;

	mkdir("/run/vhdx", 0755);
	mkdir(SOURCE_HOSTS, 0755);
	fd = open(SOURCE_HOSTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX))
		if (errno != EINTR) {
			close(fd);
			return -errno;
		}
	return fd;
}

static bool resolve_is_ours(const char *dir)
{
	return !strncmp(dir, SOURCE_HOSTS "/", strlen(SOURCE_HOSTS) + 1);
}

/* Have the file system mounted; @mount says where. */
static int resolve_host(const struct source *source, const char *node,
			bool read_only, struct resolve_mount *mount)
{
	struct stat st;
	int r = 0;

	if (stat(node, &st) || !S_ISBLK(st.st_mode)) {
		complain(node, NULL, "no block device");
		return -ENOTBLK;
	}
	if (resolve_find_mount(&st, mount)) {
		if (read_only || !mount->read_only)
			return 0;
		if (!resolve_is_ours(mount->dir)) {
			complain(mount->dir, "remount it writable, or attach the image read-only",
				 "mounted read-only");
			return -EROFS;
		}
		r = host_make_writable(mount->dir);
		if (r)
			complain(node, "'dmesg' may tell more",
				 "the file system with the image, mounted read-only on '%s', cannot be made writable",
				 mount->dir);
		return r;
	}
	source_host(source, mount->dir);
	if (mkdir(mount->dir, 0755) && errno != EEXIST) {
		r = -errno;
		complain_errno(mount->dir, r, "cannot be made");
	} else {
		r = host_mount(node, mount->dir, read_only);
	}
	if (r)
		rmdir(mount->dir);
	return r;
}

/**
 * resolve_begin() - find the image of a source
 * @resolved: result; resolve_end() it once the image is in use, or after a
 *            failure
 * @source: the source
 * @read_only: the image is not to be written
 *
 * Mounts the file system that the image is in, if that is not mounted.  Says
 * what is wrong.
 *
 * Return: 0 or a negative errno; -ENODEV if the device is not there.
 */
int resolve_begin(struct resolved *resolved, const struct source *source,
		  bool read_only)
{
	struct resolve_mount *mount;
	char node[PATH_MAX];
	int r;

	resolved->lock = -1;
	snprintf(resolved->path, PATH_MAX, "%s", source->path);
	if (!source_on_device(source))
		return 0;
	if (!resolve_node(source, node)) {
		complain(*source->tag ? source->value : source->path, "see that it is there ('blkid' shows what there is)",
			 "no device with this %s",
			 *source->tag ? source->tag : "name");
		return -ENODEV;
	}
	snprintf(resolved->path, PATH_MAX, "%s", node);
	if (!*source->inner)
		return 0;
	mount = malloc(sizeof(*mount));
	resolved->lock = mount ? resolve_lock() : -ENOMEM;
	if (resolved->lock < 0) {
		r = resolved->lock;
		resolved->lock = -1;
		complain_errno(SOURCE_HOSTS, r, "cannot be made and locked");
	} else {
		r = resolve_host(source, node, read_only, mount);
	}
	if (!r && snprintf(resolved->path, PATH_MAX, "%s%s",
			   !strcmp(mount->dir, "/") ? "" : mount->dir,
			   source->inner) >= PATH_MAX)
		r = -ENAMETOOLONG;
	free(mount);
	return r;
}

/* What has been mounted for images in it goes if there are none. */
static void resolve_unmount(const char *path)
{
	char dir[PATH_MAX];
	const char *end;

	end = strchr(path + strlen(SOURCE_HOSTS) + 1, '/');
	if (!end)
		return;
	snprintf(dir, sizeof(dir), "%.*s", (int)(end - path), path);
	if (!umount2(dir, UMOUNT_NOFOLLOW))
		rmdir(dir);
}

/**
 * resolve_end() - let others unmount what resolve_begin() has mounted
 * @resolved: from there; the image is in use by now, or not wanted
 */
void resolve_end(struct resolved *resolved)
{
	if (resolved->lock < 0)
		return;
	if (resolve_is_ours(resolved->path))
		resolve_unmount(resolved->path);
	close(resolved->lock);
	resolved->lock = -1;
}

/**
 * resolve_release() - unmount the file system of an image that is detached
 * @path: the image
 *
 * Only if it was mounted for that, and no other image in it is in use.
 */
void resolve_release(const char *path)
{
	int lock;

	if (!resolve_is_ours(path))
		return;
	lock = resolve_lock();
	if (lock < 0)
		return;
	resolve_unmount(path);
	close(lock);
}
