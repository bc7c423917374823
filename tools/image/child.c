// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "child.h"
#include "locator.h"
#include "message.h"
#include "newfile.h"

/**
 * child_inherit() - what a child has from its parent
 * @meta: the child's: sizes that are 0 become the parent's, if it has a choice
 * @from: the parent's
 */
void child_inherit(struct vhdx_meta *meta, const struct vhdx_meta *from)
{
	meta->has_parent = true;
	meta->disk_id = from->disk_id;
	meta->logical_bytes = from->logical_bytes;
	if (!meta->disk_bytes)
		meta->disk_bytes = from->disk_bytes;
	if (!meta->physical_bytes)
		meta->physical_bytes = from->physical_bytes;
}

/**
 * child_locate() - what a child says of its parent
 * @format: takes it; @format->locator is to be freed
 * @child: the child's name; it need not be there yet
 * @parent: the parent's, likewise
 * @guid: the parent's DataWriteGuid
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int child_locate(struct format *format, const char *child, const char *parent,
		 const guid_t *guid)
{
	int r = locator_make(&format->locator, &format->locator_bytes, child,
			     parent, guid, NULL);

	if (r == -EILSEQ)
		complain(parent, "rename it",
			 "Windows has no such names, so no child could name it");
	else if (r)
		complain_errno(child, r, "cannot create");
	return r;
}

/**
 * child_write() - write a new image into a new file
 * @fill: called with @arg, an empty file, and @path
 * @arg: for that
 * @path: where; there must be nothing
 *
 * Durable on return.  Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int child_write(child_fill_fn fill, const void *arg, const char *path)
{
	struct newfile file;
	int r;

	r = newfile_open(&file, path);
	if (!r)
		r = fill(arg, file.fd, path);
	if (!r)
		r = newfile_commit(&file, false);
	newfile_abort(&file);
	if (r == -EEXIST)
		complain(path, "take another name or remove it", "exists");
	else if (r)
		complain_errno(path, r, "cannot create");
	return r;
}

/**
 * child_sync_dir() - make durable which names there are beside a file
 * @path: the file
 *
 * Return: 0 or a negative errno.
 */
int child_sync_dir(const char *path)
{
	char *dir = strdup(path), *slash = dir ? strrchr(dir, '/') : NULL;
	int r = -ENOMEM;

	if (slash)
		slash[slash == dir] = '\0';
	if (dir)
		r = newfile_sync_dir(slash ? dir : ".");
	free(dir);
	return r;
}

static int child_rename(const char *from, const char *to)
{
	return rename(from, to) ? -errno : child_sync_dir(to);
}

/*
 * DOC: names that cannot be exchanged at once
 *
 * As on NTFS.  Each step is durable before the next, as nothing else keeps the order of
 * changes of a directory, and a file without a name is lost.  With a second name for both
 * files, where there are such, neither name is ever missing: a crash leaves both of them
 * to one of the files, and the other one to a name that does not count.  Without,
 * as on exFAT, one name may be missing, but is never that of a file it should not be.
 */
static int child_exchange_linked(const char *a, const char *b, const char *own,
				 const char *other)
{
	int r;

	if (link(b, own))
		return -EOPNOTSUPP;
	r = link(a, other) ? -EOPNOTSUPP : child_sync_dir(a);
	if (!r && rename(other, b))
		r = -errno;
	if (r) {
		unlink(own);
		unlink(other);
		return r;
	}
	r = child_sync_dir(a);
	if (!r && rename(own, a))
		r = -errno;
	if (r && rename(own, b))
		r = -ENOTRECOVERABLE;
	return r;
}

static int child_exchange_renamed(const char *a, const char *b, const char *temp)
{
	int r = child_rename(b, temp);

	if (!r)
		r = child_rename(a, b);
	if (!r && rename(temp, a))
		r = -errno;
	/* Whatever was done is undone. */
	if (r && ((access(a, F_OK) && rename(b, a)) ||
		  (access(b, F_OK) && rename(temp, b))))
		return -ENOTRECOVERABLE;
	return r;
}

static int child_exchange_slowly(const char *a, const char *b)
{
	char own[PATH_MAX], other[PATH_MAX];
	int r = newfile_temp(own, b);

	if (!r)
		r = newfile_temp(other, b);
	if (!r)
		r = child_exchange_linked(a, b, own, other);
	return r == -EOPNOTSUPP ? child_exchange_renamed(a, b, own) : r;
}

static int child_exchange_names(const char *a, const char *b)
{
	int r = 0;

	if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE))
		r = -errno;
	return r == -EINVAL || r == -ENOSYS ? child_exchange_slowly(a, b) : r;
}

/**
 * child_exchange() - let two files in one directory change names
 * @a: one of them
 * @b: the other one
 *
 * At once, where the file system can do that; durable on return.
 *
 * Return: 0 or a negative errno: then they have the names that they had, unless it
 * is -ENOTRECOVERABLE.
 */
int child_exchange(const char *a, const char *b)
{
	int r = child_exchange_names(a, b);

	if (r)
		return r;
	r = child_sync_dir(a);
	if (r && child_exchange_names(a, b))
		return -ENOTRECOVERABLE;
	return r;
}

/**
 * child_discard() - delete a new file that is not needed after all
 * @path: its name
 * @st: the file; if another one has the name now nothing is deleted
 */
void child_discard(const char *path, const struct stat *st)
{
	struct stat now;

	if (!lstat(path, &now) && now.st_dev == st->st_dev &&
	    now.st_ino == st->st_ino)
		unlink(path);
}
