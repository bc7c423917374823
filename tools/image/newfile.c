// SPDX-License-Identifier: GPL-2.0
/*
 * The file has no name until it is finished, where the file system can do
 * that: then not even a power failure leaves it behind.  Elsewhere it has a
 * temporary name, which a handler removes if a signal ends the program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "newfile.h"

static const int newfile_signals[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM
};
static char newfile_doomed[PATH_MAX];	/* what the handler removes */

static void newfile_signal(int number)
{
	unlink(newfile_doomed);
	signal(number, SIG_DFL);
	raise(number);
}

/* From here on a signal removes @path; an empty string ends that. */
static void newfile_doom(const char *path)
{
	struct sigaction action = { .sa_handler = newfile_signal }, old;
	sigset_t set, before;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(newfile_signals) / sizeof(int); i++)
		sigaddset(&set, newfile_signals[i]);
	sigprocmask(SIG_BLOCK, &set, &before);
	strcpy(newfile_doomed, path);
	for (i = 0; i < sizeof(newfile_signals) / sizeof(int); i++) {
		action.sa_handler = *path ? newfile_signal : SIG_DFL;
		sigaction(newfile_signals[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)	/* as under nohup */
			sigaction(newfile_signals[i], &action, NULL);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/**
 * newfile_temp() - make up a name that nobody else has
 * @temp: takes it
 * @path: of a file that is to be in the same directory
 *
 * Return: 0 or a negative errno.
 */
int newfile_temp(char temp[PATH_MAX], const char *path)
{
	const char *slash = strrchr(path, '/');
	unsigned int random;
	int n;

	if (getentropy(&random, sizeof(random)))
		return -errno;
	n = snprintf(temp, PATH_MAX, "%.*s.%.200s.%08x",
		     slash ? (int)(slash - path) + 1 : 0, path,
		     slash ? slash + 1 : path, random);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/**
 * newfile_is_temp() - is it the name of a file that is not finished?
 * @name: without a directory
 *
 * Return: true if it is like those of newfile_temp().
 */
bool newfile_is_temp(const char *name)
{
	const char *dot = strrchr(name, '.');

	return *name == '.' && dot > name + 1 && strlen(dot + 1) == 8 &&
	       strspn(dot + 1, "0123456789abcdef") == 8;
}

static int newfile_make_named(struct newfile *file)
{
	int r = newfile_temp(file->temp, file->path);

	if (r)
		return r;
	newfile_doom(file->temp);
	file->fd = open(file->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
			0666);
	if (file->fd >= 0)
		return 0;
	r = -errno;
	newfile_doom("");
	file->temp[0] = '\0';
	return r;
}

/* Where only devices are nobody wants a file, which would fill memory. */
static bool newfile_is_among_devices(const struct newfile *file)
{
	char dir[PATH_MAX];
	struct stat st, dev;

	if (!realpath(file->dir, dir) || strncmp(dir, "/dev", 4) ||
	    (dir[4] && dir[4] != '/'))
		return false;
	/* /dev/shm is another file system. */
	return !stat(dir, &st) && !stat("/dev", &dev) &&
	       st.st_dev == dev.st_dev;
}

/* The file's name when it is finished, and its directory. */
static int newfile_prepare(struct newfile *file, const char *path)
{
	char *slash;

	memset(file, 0, sizeof(*file));
	file->fd = -1;
	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (!realpath(path, file->path))
		strcpy(file->path, path);
	strcpy(file->dir, file->path);
	slash = strrchr(file->dir, '/');
	if (!slash)
		strcpy(file->dir, ".");
	else
		slash[slash == file->dir] = '\0';
	return newfile_is_among_devices(file) ? -ENODEV : 0;
}

/**
 * newfile_open() - start a file
 * @file: result
 * @path: its name when it is finished; where that is a symbolic link, what it
 *        points to
 *
 * Return: 0 or a negative errno.
 */
int newfile_open(struct newfile *file, const char *path)
{
	int r = newfile_prepare(file, path);

	if (r)
		return r;
	file->fd = open(file->dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0666);
	if (file->fd >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL &&
	    errno != ENOENT)
		return -errno;
	return newfile_make_named(file);
}

/**
 * newfile_open_named() - start a file that other programs can open
 * @file: result; @temp is its name for now
 * @path: as for newfile_open()
 *
 * Return: 0 or a negative errno.
 */
int newfile_open_named(struct newfile *file, const char *path)
{
	int r = newfile_prepare(file, path);

	return r ? r : newfile_make_named(file);
}

/*
 * Has somebody else put it there?  Who may replace @path has made it if it belongs to
 * the owner of that: see newfile_inherit().
 */
static bool newfile_is_foreign(const struct newfile *file)
{
	struct stat st, old;

	if (fstat(file->fd, &st) || !S_ISREG(st.st_mode) || st.st_nlink != 1)
		return true;
	return st.st_uid != geteuid() &&
	       (stat(file->path, &old) || st.st_uid != old.st_uid);
}

/**
 * newfile_open_kept() - start a file that stays if it is not finished
 * @file: result
 * @path: as for newfile_open()
 * @suffix: of its name in the meantime
 *
 * One that is there by that name already is opened as it is, if it is the caller's.
 *
 * Return: 0 or a negative errno: -EEXIST if it is somebody else's.
 */
int newfile_open_kept(struct newfile *file, const char *path,
		      const char *suffix)
{
	int r = newfile_prepare(file, path), n;
	const char *base;

	if (r)
		return r;
	base = strrchr(file->path, '/');
	base = base ? base + 1 : file->path;
	n = snprintf(file->temp, sizeof(file->temp), "%s/.%.200s.%s",
		     file->dir, base, suffix);
	if (n >= (int)sizeof(file->temp))
		return -ENAMETOOLONG;
	file->kept = true;
	file->fd = open(file->temp, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
			0666);
	if (file->fd < 0)
		return -errno;
	return newfile_is_foreign(file) ? -EEXIST : 0;
}

/**
 * newfile_has_name() - is it still the file of its temporary name?
 * @file: from newfile_open_kept()
 *
 * Return: false if somebody else has finished or removed it since it was opened.
 */
bool newfile_has_name(const struct newfile *file)
{
	struct stat st, now;

	return !fstat(file->fd, &st) && !lstat(file->temp, &now) &&
	       st.st_dev == now.st_dev && st.st_ino == now.st_ino;
}

/**
 * newfile_inherit() - be as open to others as the file that is replaced
 * @file: the file, not finished
 * @old: the file that newfile_commit() is going to replace
 *
 * Return: 0 or a negative errno.
 */
int newfile_inherit(struct newfile *file, const struct stat *old)
{
	mode_t mode = old->st_mode & 0777;
	struct stat now;

	if (fstat(file->fd, &now))
		return -errno;
	/* What only the superuser may do has to do without; no other group. */
	if ((now.st_uid != old->st_uid || now.st_gid != old->st_gid) &&
	    fchown(file->fd, old->st_uid, old->st_gid) &&
	    now.st_gid != old->st_gid && fchown(file->fd, -1, old->st_gid))
		mode &= ~070;
	if ((now.st_mode & 0777) == mode)
		return 0;
	return fchmod(file->fd, mode) ? -errno : 0;
}

/* Give a file without a name one. */
static int newfile_link(struct newfile *file, const char *path)
{
	char proc[64];

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", file->fd);
	if (!linkat(AT_FDCWD, proc, AT_FDCWD, path, AT_SYMLINK_FOLLOW))
		return 0;
	if (errno != ENOENT)
		return -errno;
	/* Without /proc only the superuser can. */
	return linkat(file->fd, "", AT_FDCWD, path, AT_EMPTY_PATH) ? -errno : 0;
}

static int newfile_publish(struct newfile *file, bool replace)
{
	int r;

	if (!file->temp[0] && !replace)
		return newfile_link(file, file->path);
	if (!file->temp[0]) {
		r = newfile_temp(file->temp, file->path);
		if (r)
			return r;
		newfile_doom(file->temp);
		r = newfile_link(file, file->temp);
		if (r)
			return r;
	}
	if (replace)
		return rename(file->temp, file->path) ? -errno : 0;
	if (!renameat2(AT_FDCWD, file->temp, AT_FDCWD, file->path,
		       RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL)
		return -errno;
	/* Neither may there be on this file system; links there are. */
	if (link(file->temp, file->path))
		return -errno;
	unlink(file->temp);
	return 0;
}

/**
 * newfile_sync_dir() - make durable which files a directory has
 * @dir: the directory; one that cannot be opened has everything synced
 *
 * Return: 0 or a negative errno.
 */
int newfile_sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0 && errno == EACCES) {
		/* Who may put a file there need not be able to list it. */
		sync();
		return 0;
	}
	if (fd < 0)
		return -errno;
	/* Some file systems cannot sync a directory, and need not. */
	r = fsync(fd) && errno != EINVAL ? -errno : 0;
	close(fd);
	return r;
}

/**
 * newfile_commit() - finish a file: durable, under its name
 * @file: the file; closed afterwards, unless this fails
 * @replace: a file that has this name already goes away
 *
 * Return: 0 or a negative errno; -EEXIST only without @replace.
 */
int newfile_commit(struct newfile *file, bool replace)
{
	int r = fsync(file->fd) ? -errno : 0;

	if (!r)
		r = newfile_publish(file, replace);
	if (r)
		return r;
	newfile_doom("");
	file->temp[0] = '\0';
	if (close(file->fd))
		r = -errno;
	file->fd = -1;
	return r ? r : newfile_sync_dir(file->dir);
}

/**
 * newfile_abort() - drop a file that is not finished
 * @file: the file; one that is finished or was never started stays as it is
 */
void newfile_abort(struct newfile *file)
{
	if (file->temp[0] && !file->kept)
		unlink(file->temp);
	newfile_doom("");
	file->temp[0] = '\0';
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}
