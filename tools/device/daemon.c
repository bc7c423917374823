// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: who serves a device
 *
 * The process that serves a device holds a POSIX lock on a file of the
 * device's number in /run/vhdx.  The file says nothing; the lock does, and it
 * ends with the process however that ends.  Who wants to end the process asks
 * the kernel who has the lock, gets a descriptor for that process, and asks
 * again: if the answer is the same the descriptor is that of the holder, and
 * no other process that was given its number can be meant.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"

#define DAEMON_DIR	"/run/vhdx"

static void daemon_path(char path[64], dev_t dev)
{
	snprintf(path, 64, DAEMON_DIR "/monitor-%u:%u", major(dev), minor(dev));
}

static int daemon_lock(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (!fcntl(fd, F_SETLK, &lock))
		return 0;
	return errno == EACCES || errno == EAGAIN ? -EBUSY : -errno;
}

/**
 * daemon_claim() - become the one process that serves a device
 * @claim: result; daemon_unclaim() it
 * @dev: the device
 *
 * Not inherited by child processes.
 *
 * Return: 0 or a negative errno; -EBUSY if there is one.
 */
int daemon_claim(struct daemon_claim *claim, dev_t dev)
{
	struct stat locked, named;
	int r;

	daemon_path(claim->path, dev);
	if (mkdir(DAEMON_DIR, 0755) && errno != EEXIST)
		return -errno;
	for (;;) {
		claim->fd = open(claim->path, O_RDWR | O_CREAT | O_CLOEXEC |
				 O_NOFOLLOW, 0600);
		if (claim->fd < 0)
			return -errno;
		r = daemon_lock(claim->fd);
		if (!r && fstat(claim->fd, &locked))
			r = -errno;
		/* The last holder may have removed it in between. */
		if (!r && !stat(claim->path, &named) &&
		    named.st_ino == locked.st_ino)
			return 0;
		close(claim->fd);
		claim->fd = -1;
		if (r)
			return r;
	}
}

/**
 * daemon_unclaim() - leave the device to others
 * @claim: from daemon_claim()
 */
void daemon_unclaim(struct daemon_claim *claim)
{
	if (claim->fd < 0)
		return;
	unlink(claim->path);
	close(claim->fd);
	claim->fd = -1;
}

/* The process that has the lock; 0: none that can be seen from here. */
static pid_t daemon_holder(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_GETLK, &lock) || lock.l_type == F_UNLCK ||
	    lock.l_pid <= 0)
		return 0;
	return lock.l_pid;
}

/**
 * daemon_find() - find the process that serves a device
 * @dev: the device
 *
 * Return: a descriptor of the process, or -1 if there is none.
 */
int daemon_find(dev_t dev)
{
	char path[64];
	int fd, pidfd = -1;
	pid_t pid;

	daemon_path(path, dev);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	pid = daemon_holder(fd);
	if (pid)
		pidfd = pidfd_open(pid, 0);
	if (pidfd >= 0 && daemon_holder(fd) != pid) {
		close(pidfd);
		pidfd = -1;
	}
	close(fd);
	return pidfd;
}

/**
 * daemon_end() - end a process and wait until it has ended
 * @pidfd: from daemon_find(); closed afterwards
 * @seconds: how long to wait
 *
 * Return: 0 or a negative errno; -ETIMEDOUT if it goes on.
 */
int daemon_end(int pidfd, unsigned int seconds)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };
	int r = 0, n;

	if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) && errno != ESRCH)
		r = -errno;
	if (!r) {
		do {
			n = poll(&poll_fd, 1, seconds * 1000);
		} while (n < 0 && errno == EINTR);
		r = n > 0 ? 0 : n ? -errno : -ETIMEDOUT;
	}
	close(pidfd);
	return r;
}

/* In the parent: what the child says before it lets go of the terminal. */
static int daemon_await(int fd, pid_t pid)
{
	char byte;
	ssize_t n;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	close(fd);
	if (n == 1)
		return 1;
	waitpid(pid, NULL, 0);
	return -ECHILD;
}

/**
 * daemon_fork() - go on in a child of its own session
 * @ready: in the child, for daemon_detach()
 *
 * Return: in the child 0; in the parent 1 after daemon_detach() in the child,
 * or a negative errno, -ECHILD if the child has ended before that.
 */
int daemon_fork(int *ready)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid) {
		close(fds[1]);
		return daemon_await(fds[0], pid);
	}
	close(fds[0]);
	setsid();
	*ready = fds[1];
	return 0;
}

/**
 * daemon_detach() - let go of the terminal, and let the parent end
 * @ready: from daemon_fork()
 */
void daemon_detach(int ready)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd;

	for (fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	if (chdir("/"))
		errno = 0;	/* then it stays where it is */
	if (write(ready, "", 1) != 1)
		_exit(1);	/* nobody waits for this one any more */
	close(ready);
}

/* As systemd-escape does it: what may not be in the name of a unit. */
static void daemon_unit(char *unit, size_t size, const char *name)
{
	size_t n = snprintf(unit, size, "vhdx-monitor-");

	for (; *name && n + 5 < size; name++) {
		if (strchr("#+-=@", *name))
			n += snprintf(unit + n, size - n, "\\x%02x", *name);
		else
			unit[n++] = *name;
	}
	unit[n] = '\0';
}

static void daemon_exec(const char *name, bool systemd)
{
	char exe[PATH_MAX] = "", unit[512], about[256];
	sigset_t none;
	int null;

	/* This program blocks signals while it attaches. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (close_range(3, ~0U, 0))
		errno = 0;	/* the kernel has no such call: all are CLOEXEC */
	if (!systemd) {
		execl("/proc/self/exe", "vhdx", "monitor", "--daemon", name,
		      (char *)NULL);
		_exit(127);
	}
	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		_exit(127);
	/* If it fails there is another try, which says why if it fails too. */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, 1);
		dup2(null, 2);
	}
	daemon_unit(unit, sizeof(unit), name);
	snprintf(about, sizeof(about), "--description=Enlarge the file of VHDX disk %s",
		 name);
	/*
	 * Not stopped with other services when the machine goes down: file
	 * systems are unmounted after that, and write.
	 */
	execlp("systemd-run", "systemd-run", "--quiet", "--collect",
	       "--unit", unit, about, "--property=Type=forking",
	       "--property=Restart=on-abnormal",
	       "--property=DefaultDependencies=no", "--", exe, "monitor",
	       "--daemon", name, (char *)NULL);
	_exit(127);
}

/**
 * daemon_start() - have a process serve a device
 * @name: the mapping
 *
 * As a unit of systemd, so that it is not the child of whoever attaches, where
 * systemd runs and takes it.
 *
 * Return: 0 once it does, also if there was one; -ECHILD if it cannot: it has
 * said why.
 */
int daemon_start(const char *name)
{
	bool systemd = !access("/run/systemd/system", F_OK);
	int status;
	pid_t pid;

	for (;;) {
		pid = fork();
		if (!pid)
			daemon_exec(name, systemd);
		if (pid < 0)
			return -errno;
		while (waitpid(pid, &status, 0) < 0)
			if (errno != EINTR)
				return -errno;
		if (WIFEXITED(status) && !WEXITSTATUS(status))
			return 0;
		if (!systemd)
			return -ECHILD;
		systemd = false;
	}
}
