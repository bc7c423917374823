// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: boot directories
 *
 * GRUB cannot read what is in a dynamic image.  So the kernels and initramfses
 * of the system in it are copied to a directory beside it, or one that was
 * chosen:
 *
 *   vmlinuz-RELEASE, initrd.img-RELEASE   the two newest, and the running one
 *   initrd.img-RELEASE.old                the one before, if it was made again
 *   grub.cfg                              an entry for each
 *   settings                              title and parameters, in two lines
 *
 * Each file is replaced in one step once it is written, and grub.cfg after
 * what it names: whenever the power fails there is something to boot.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bootdir.h"
#include "message.h"
#include "newfile.h"

#define BOOTDIR_KEEP	2	/* the newest ones */
#define BOOTDIR_OLD	".old"

static void bootdir_path(const struct bootdir *bootdir, const char *name,
			 const char *suffix, char path[PATH_MAX])
{
	if (snprintf(path, PATH_MAX, "%s/%s%s", bootdir->path, name, suffix) >=
	    PATH_MAX)
		*path = '\0';
}

/**
 * bootdir_load() - read title and parameters
 * @bootdir: with its path; the rest is filled in
 *
 * Return: 0 or a negative errno; -ENOENT if there is no such directory.
 */
int bootdir_load(struct bootdir *bootdir)
{
	char path[PATH_MAX];
	FILE *file;
	int r = 0;

	bootdir_path(bootdir, "settings", "", path);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (!fgets(bootdir->title, sizeof(bootdir->title), file) ||
	    !fgets(bootdir->parameters, sizeof(bootdir->parameters), file))
		r = -EIO;
	bootdir->title[strcspn(bootdir->title, "\n")] = '\0';
	bootdir->parameters[strcspn(bootdir->parameters, "\n")] = '\0';
	fclose(file);
	return r;
}

static int bootdir_finish(FILE *file, struct newfile *new, int r)
{
	if (!r && (ferror(file) || fflush(file)))
		r = -errno ?: -EIO;
	if (file)
		fclose(file);
	if (!r && fchmod(new->fd, 0644))
		errno = 0;	/* a file system without permissions */
	if (!r)
		r = newfile_commit(new, true);
	if (r)
		complain_errno(new->path, r, "cannot be written");
	newfile_abort(new);
	return r;
}

static FILE *bootdir_begin(const struct bootdir *bootdir, const char *name,
			   struct newfile *new)
{
	char path[PATH_MAX];
	FILE *file = NULL;
	int r;

	bootdir_path(bootdir, name, "", path);
	r = newfile_open(new, path);
	if (!r)
		file = fdopen(dup(new->fd), "w");
	if (!file)
		complain_errno(path, r ?: ENOMEM, "cannot be made");
	if (!file)
		newfile_abort(new);
	return file;
}

static int bootdir_save(const struct bootdir *bootdir)
{
	struct newfile new;
	FILE *file = bootdir_begin(bootdir, "settings", &new);

	if (!file)
		return -EIO;
	fprintf(file, "%s\n%s\n", bootdir->title, bootdir->parameters);
	return bootdir_finish(file, &new, 0);
}

static int bootdir_copy_bytes(int from, int to, off_t bytes)
{
	ssize_t n;

	while (bytes > 0) {
		n = sendfile(to, from, NULL, bytes);
		if (n <= 0)
			return n ? -errno : -EIO;
		bytes -= n;
	}
	return 0;
}

/*
 * Two files trade their names.  In one step, so that whoever boots after a power cut
 * finds a whole file under each; or in steps, where @name has one at any time if the
 * file system has links.
 */
static int bootdir_swap(const char *name, const char *other)
{
	char third[PATH_MAX];

	if (!renameat2(AT_FDCWD, name, AT_FDCWD, other, RENAME_EXCHANGE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (snprintf(third, sizeof(third), "%s~", name) >= PATH_MAX)
		return -ENAMETOOLONG;
	unlink(third);
	if (link(name, third) && rename(name, third))
		return -errno;
	if (rename(other, name)) {
		int r = -errno;

		rename(third, name);
		return r;
	}
	return rename(third, other) ? -errno : 0;
}

/* A new file is finished as @other: it is to be @name, and what that was @other. */
static int bootdir_take_turns(const char *name, const char *other)
{
	int r = bootdir_swap(name, other);

	return r == -ENOENT ? (rename(other, name) ? -errno : 0) : r;
}

/* Copy a file unless that has been done; @keep_old: what it was stays as ".old". */
static int bootdir_copy(const struct bootdir *bootdir, const char *boot,
			const char *name, bool keep_old)
{
	struct newfile new = { .fd = -1 };
	struct timespec times[2];
	char from[PATH_MAX], to[PATH_MAX], at[PATH_MAX];
	struct stat source, there;
	int fd, r = 0;

	bootdir_path(bootdir, name, "", to);
	bootdir_path(bootdir, name, keep_old ? BOOTDIR_OLD : "", at);
	snprintf(from, sizeof(from), "%s/%s", boot, name);
	fd = open(from, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &source))
		r = -errno;
	/* FAT has even seconds. */
	if (!r && !stat(to, &there) && there.st_size == source.st_size &&
	    labs(there.st_mtime - source.st_mtime) <= 2) {
		close(fd);
		return 0;
	}
	if (!r)
		r = newfile_open(&new, at);
	if (!r)
		r = bootdir_copy_bytes(fd, new.fd, source.st_size);
	times[0] = source.st_atim;
	times[1] = source.st_mtim;
	if (!r && futimens(new.fd, times))
		r = -errno;
	if (!r)
		r = newfile_commit(&new, true);
	if (!r && keep_old)
		r = bootdir_take_turns(to, at);
	newfile_abort(&new);
	if (fd >= 0)
		close(fd);
	if (r)
		complain(to, r == -ENOSPC ? "make room there, and run it again" :
			 NULL, "'%s' cannot be copied there, and what was there stays: %s",
			 from, strerror(-r));
	return r;
}

static bool bootdir_wants(const struct kernels *kernels, unsigned int i)
{
	struct utsname name;

	return i < BOOTDIR_KEEP ||
	       (!uname(&name) &&
		!strcmp(name.release, kernels->kernel[i].release));
}

static int bootdir_write_menu(const struct bootdir *bootdir,
			      const struct kernels *kernels)
{
	char title[GRUB_TITLE + 32], path[PATH_MAX];
	struct grub_place place;
	struct kernel old;
	struct newfile new;
	unsigned int i;
	FILE *file;
	int r;

	r = grub_place(&place, bootdir->path);
	file = r ? NULL : bootdir_begin(bootdir, "grub.cfg", &new);
	if (!file)
		return r ?: -EIO;
	fputs("# Written by vhdx boot-install(8), and again at each change of kernel or initramfs.\n"
	      "set default=0\nset timeout=5\n", file);
	for (i = 0; i < kernels->count; i++) {
		if (!bootdir_wants(kernels, i))
			continue;
		old = kernels->kernel[i];
		grub_print_kernel(file, &place, &old, bootdir->title,
				  bootdir->parameters);
		bootdir_path(bootdir, old.initramfs, BOOTDIR_OLD, path);
		if (access(path, F_OK))
			continue;
		strcat(old.initramfs, BOOTDIR_OLD);
		snprintf(title, sizeof(title), "%s (previous initramfs)",
			 bootdir->title);
		grub_print_kernel(file, &place, &old, title,
				  bootdir->parameters);
	}
	return bootdir_finish(file, &new, 0);
}

/* Is this file one of a kernel that is still wanted?  "" wants none. */
static bool bootdir_is_wanted(const struct kernels *kernels, const char *name)
{
	const struct kernel *kernel = kernels->kernel;
	unsigned int i;

	for (i = 0; i < kernels->count; i++, kernel++)
		if (bootdir_wants(kernels, i) &&
		    (!strcmp(name, kernel->image) ||
		     !strncmp(name, kernel->initramfs,
			      strlen(kernel->initramfs))))
			return true;
	return false;
}

static bool bootdir_is_kernel(const char *name)
{
	return !strncmp(name, "vmlinuz-", 8) || !strncmp(name, "initr", 5);
}

static void bootdir_clean(const struct bootdir *bootdir,
			  const struct kernels *kernels)
{
	DIR *list = opendir(bootdir->path);
	char path[PATH_MAX];
	struct dirent *each;

	while (list && (each = readdir(list))) {
		if (!bootdir_is_kernel(each->d_name) ||
		    bootdir_is_wanted(kernels, each->d_name))
			continue;
		bootdir_path(bootdir, each->d_name, "", path);
		unlink(path);
	}
	if (list)
		closedir(list);
}

/**
 * bootdir_update() - copy what is new
 * @bootdir: the directory, with title and parameters; made if there is none
 * @boot: /boot of the system in the image
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int bootdir_update(const struct bootdir *bootdir, const char *boot)
{
	struct kernels *kernels = malloc(sizeof(*kernels));
	unsigned int i;
	int r = kernels ? kernels_find(kernels, boot) : -ENOMEM;

	if (!r && mkdir(bootdir->path, 0755) && errno != EEXIST)
		r = -errno;
	if (r)
		complain_errno(bootdir->path, r, "cannot be filled from '%s'",
			       boot);
	for (i = 0; !r && i < kernels->count; i++) {
		if (!bootdir_wants(kernels, i))
			continue;
		r = bootdir_copy(bootdir, boot, kernels->kernel[i].image,
				 false);
		if (!r)
			r = bootdir_copy(bootdir, boot,
					 kernels->kernel[i].initramfs, true);
	}
	if (!r)
		r = bootdir_save(bootdir);
	if (!r)
		r = bootdir_write_menu(bootdir, kernels);
	if (!r)
		bootdir_clean(bootdir, kernels);
	free(kernels);
	return r;
}

/**
 * bootdir_remove() - remove what bootdir_update() has written, and no more
 * @bootdir: the directory, which goes, too, if it is empty then
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno; 0 also if there is none.
 */
int bootdir_remove(const struct bootdir *bootdir)
{
	static const char *const names[] = { "grub.cfg", "settings", NULL };
	struct kernels none = {};
	char path[PATH_MAX];
	unsigned int i;
	int r;

	for (i = 0; names[i]; i++) {
		bootdir_path(bootdir, names[i], "", path);
		unlink(path);
	}
	bootdir_clean(bootdir, &none);
	if (!rmdir(bootdir->path) || errno == ENOENT)
		return 0;
	r = -errno;
	if (r == -ENOTEMPTY || r == -EEXIST)
		note(bootdir->path, "holds something else and stays");
	else
		complain_errno(bootdir->path, r, "cannot be removed");
	return r == -ENOTEMPTY || r == -EEXIST ? 0 : r;
}
