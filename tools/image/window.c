// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: a part of a disk as a file
 *
 * Programs that know a file system want a file or a device, which the disk of an image
 * is not, and a copy may be as large as the disk.  A process of its own serves it by
 * FUSE: a directory with one file.  (That could be mounted itself, but some programs take
 * no mount point.)
 *
 * Nothing is left mounted, whatever happens.  The server has a mount namespace of its
 * own, in which only the programs are that are asked (and a user namespace, where that
 * takes no root), and the mount goes with the last of these.  Where there is no such
 * thing, as where others may not make namespaces, or not mount in theirs, fusermount3
 * mounts it for all to see.
 * The server ends, and unmounts it, as soon as the other end of its socket is closed: by
 * window_close(), or by the end of the process that has it, for whatever reason that ends.
 * Signals are held back until window_close(); those of a terminal reach the server, too,
 * which is not to end by them.
 */
#define _GNU_SOURCE
#define FUSE_USE_VERSION 34
#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vhd-disk.h"
#include "window.h"

#define WINDOW_NAME	"disk"
#define WINDOW_FILE	(FUSE_ROOT_ID + 1)
#define WINDOW_FOREVER	3600.0	/* seconds that the kernel may remember; nothing changes */

/**
 * struct window_server - what is served
 * @disk: the disk
 * @from: where on it the file begins, in bytes
 * @bytes: size of the file
 * @control: ends when it is not needed any more
 */
struct window_server {
	struct disk *disk;
	u64 from;
	u64 bytes;
	int control;
};

/*
 * --- what the kernel asks --------------------------------------------------------------
 *
 * Some programs that only read want to open a file for writing; so it is refused when they
 * write, and the mount itself is no read-only one.
 */

static struct stat window_stat(const struct window_server *server, fuse_ino_t ino)
{
	struct stat stat = {
		.st_ino = ino,
		.st_mode = S_IFDIR | 0500,
		.st_nlink = 2,
		.st_uid = geteuid(),
		.st_gid = getegid(),
		.st_blksize = SZ_4K,
	};

	if (ino == WINDOW_FILE) {
		stat.st_mode = S_IFREG | 0600;
		stat.st_nlink = 1;
		stat.st_size = server->bytes;
		stat.st_blocks = server->bytes / 512;
	}
	return stat;
}

static void window_getattr(fuse_req_t req, fuse_ino_t ino,
			   struct fuse_file_info *info)
{
	struct stat stat = window_stat(fuse_req_userdata(req), ino);

	(void)info;
	fuse_reply_attr(req, &stat, WINDOW_FOREVER);
}

static void window_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct fuse_entry_param entry = {
		.ino = WINDOW_FILE,
		.attr = window_stat(fuse_req_userdata(req), WINDOW_FILE),
		.attr_timeout = WINDOW_FOREVER,
		.entry_timeout = WINDOW_FOREVER,
	};

	if (parent == FUSE_ROOT_ID && !strcmp(name, WINDOW_NAME))
		fuse_reply_entry(req, &entry);
	else
		fuse_reply_err(req, ENOENT);
}

static void window_open_file(fuse_req_t req, fuse_ino_t ino,
			     struct fuse_file_info *info)
{
	(void)ino;
	info->keep_cache = 1;
	fuse_reply_open(req, info);
}

static void window_refuse(fuse_req_t req, fuse_ino_t ino, const char *buf,
			  size_t size, off_t off, struct fuse_file_info *info)
{
	(void)ino;
	(void)buf;
	(void)size;
	(void)off;
	(void)info;
	fuse_reply_err(req, EROFS);
}

static void window_refuse_setattr(fuse_req_t req, fuse_ino_t ino,
				  struct stat *stat, int what,
				  struct fuse_file_info *info)
{
	(void)ino;
	(void)stat;
	(void)what;
	(void)info;
	fuse_reply_err(req, EROFS);
}

/* Whole sectors are read; of a disk that ends within one there is none. */
static void window_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			struct fuse_file_info *info)
{
	const struct window_server *server = fuse_req_userdata(req);
	u64 begin, end, from;
	u8 *buf = NULL;
	int r = 0;

	(void)ino;
	(void)info;
	from = min_t(u64, off, server->bytes);
	end = min_t(u64, from + size, server->bytes);
	begin = from / VHD_SECTOR * VHD_SECTOR;
	size = DIV_ROUND_UP_ULL(end - begin, VHD_SECTOR) * VHD_SECTOR;
	if (begin + size > server->bytes)
		r = -EIO;
	if (!r && size)
		buf = malloc(size);
	if (!r && size && !buf)
		r = -ENOMEM;
	if (!r && size)
		r = disk_read(server->disk, server->from + begin, buf, size);
	if (r)
		fuse_reply_err(req, r < 0 ? -r : EIO);
	else
		fuse_reply_buf(req, end > from ? (char *)buf + (from - begin) :
						 NULL, end - from);
	free(buf);
}

static const struct fuse_lowlevel_ops window_ops = {
	.lookup = window_lookup,
	.getattr = window_getattr,
	.open = window_open_file,
	.read = window_read,
	.write = window_refuse,
	.setattr = window_refuse_setattr,
};

/* --- the server ------------------------------------------------------------------------- */

static int window_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* From now on the server has mounts that nobody else sees. */
static int window_hide(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char ids[2][48];
	int r = 0;

	if (unshare(uid ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS))
		return -errno;
	snprintf(ids[0], sizeof(ids[0]), "%u %u 1", uid, uid);
	snprintf(ids[1], sizeof(ids[1]), "%u %u 1", gid, gid);
	if (uid)
		r = window_write("/proc/self/setgroups", "deny");
	if (uid && !r)
		r = window_write("/proc/self/uid_map", ids[0]);
	if (uid && !r)
		r = window_write("/proc/self/gid_map", ids[1]);
	if (!r && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		r = -errno;
	return r;
}

static void window_serve(struct fuse_session *session, int control)
{
	struct pollfd fds[] = {
		{ .fd = fuse_session_fd(session), .events = POLLIN },
		{ .fd = control, .events = POLLIN },
	};
	struct fuse_buf buf = {};
	int r;

	/* Who has asked may be gone before it is read: that must not take for ever. */
	fcntl(fds[0].fd, F_SETFL, fcntl(fds[0].fd, F_GETFL) | O_NONBLOCK);
	while (!fuse_session_exited(session)) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			break;
		r = fuse_session_receive_buf(session, &buf);
		if (r > 0)
			fuse_session_process_buf(session, &buf);
		else if (r != -EINTR && r != -EAGAIN)
			break;
	}
	free(buf.mem);
}

static int window_mount(struct fuse_session *session, const char *dir, bool hidden)
{
	int r = hidden ? window_hide() : 0;

	if (r || !session)
		return r ? r : -ENOMEM;
	if (access("/dev/fuse", F_OK))
		return -errno;
	errno = 0;
	if (fuse_session_mount(session, dir))
		return errno ? -errno : -EPERM;
	return 0;
}

/* Tells by its socket what has become of it: 0 or a negative errno. */
static void window_run(struct window_server *server, const char *dir, bool hidden)
{
	char *argv[] = { "vhdx", "-o", "nosuid,nodev,fsname=vhdx,subtype=vhdx", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), told;
	struct fuse_session *session;

	/* libfuse has its own words for what is told anyway. */
	if (null >= 0) {
		dup2(null, 1);
		dup2(null, 2);
	}
	session = fuse_session_new(&args, &window_ops, sizeof(window_ops), server);
	told = window_mount(session, dir, hidden);
	if (send(server->control, &told, sizeof(told), MSG_NOSIGNAL) == sizeof(told) &&
	    !told)
		window_serve(session, server->control);
	if (!told)
		fuse_session_unmount(session);
	/* Nobody else may be left to do that. */
	rmdir(dir);
}

/* --- whoever wants it --------------------------------------------------------------------- */

/* What a namespace of the server is open as; -1: it cannot be opened. */
static int window_namespace(const struct window *window, const char *kind)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)window->server, kind);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int window_begin(struct window *window, bool hidden)
{
	int told;
	ssize_t n;

	do {
		n = read(window->control, &told, sizeof(told));
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(told))
		return -EIO;
	if (told || !hidden)
		return told;
	window->mounts = window_namespace(window, "mnt");
	if (window->mounts < 0)
		return -errno;
	if (!geteuid())
		return 0;
	window->users = window_namespace(window, "user");
	return window->users < 0 ? -errno : 0;
}

static int window_fork(struct window *window, struct window_server *server,
		       bool hidden)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -errno;
	window->control = ends[0];
	server->control = ends[1];
	window->server = fork();
	if (!window->server) {
		close(ends[0]);
		window_run(server, window->dir, hidden);
		_exit(0);
	}
	close(ends[1]);
	if (window->server > 0)
		return window_begin(window, hidden);
	window->server = 0;
	return -errno;
}

static int window_try(struct window *window, struct window_server *server,
		      bool hidden)
{
	strcpy(window->dir, "/tmp/vhdx-fs-XXXXXX");
	if (!mkdtemp(window->dir)) {
		window->dir[0] = '\0';
		return -errno;
	}
	snprintf(window->path, sizeof(window->path), "%.24s/%s", window->dir,
		 WINDOW_NAME);
	return window_fork(window, server, hidden);
}

static void window_end(struct window *window)
{
	if (window->control >= 0)
		close(window->control);
	if (window->server)
		while (waitpid(window->server, NULL, 0) < 0 && errno == EINTR)
			;
	if (window->users >= 0)
		close(window->users);
	if (window->mounts >= 0)
		close(window->mounts);
	if (window->dir[0])
		rmdir(window->dir);
	window->control = -1;
	window->server = 0;
	window->users = -1;
	window->mounts = -1;
	window->dir[0] = '\0';
}

/**
 * window_open() - let others see a part of a disk
 * @window: result; window_close() it, also after a failure
 * @disk: the disk
 * @from: where on it the file begins, in bytes, whole sectors
 * @bytes: its size
 *
 * Signals are held back until window_close().
 *
 * Return: 0, or a negative errno if there is no FUSE here.
 */
int window_open(struct window *window, struct disk *disk, u64 from, u64 bytes)
{
	struct window_server server = {
		.disk = disk, .from = from, .bytes = bytes,
	};

	int r;

	*window = (struct window){ .control = -1, .users = -1, .mounts = -1 };
	signals_hold(&window->before);
	r = window_try(window, &server, true);
	if (r) {
		window_end(window);
		r = window_try(window, &server, false);
	}
	return r;
}

/**
 * window_enter() - go where the file can be seen
 * @window: the file
 *
 * For a child process, before it executes a program.
 *
 * Return: 0 or a negative errno.
 */
int window_enter(const struct window *window)
{
	if (window->users >= 0 && setns(window->users, CLONE_NEWUSER))
		return -errno;
	if (window->mounts >= 0 && setns(window->mounts, CLONE_NEWNS))
		return -errno;
	return 0;
}

/**
 * window_close() - end it
 * @window: from window_open()
 *
 * A signal that has come meanwhile ends the program here.
 */
void window_close(struct window *window)
{
	window_end(window);
	signals_release(&window->before);
}
