// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"

/* In the child. */
static void program_exec(const char *const argv[], int said)
{
	sigset_t none;
	int null;

	/* This program keeps signals back while there is something to undo. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
	}
	dup2(said, 2);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

/**
 * program_run() - run another program to its end
 * @argv: its name and arguments, NULL at the end
 * @said: takes what it has written to its standard error, without the last
 *        newline, as far as there is room
 * @size: size of @said
 *
 * It can be interrupted even where this one cannot.  What it leaves in the
 * background is not waited for.
 *
 * Return: its exit status; 127 if there is no such program; 128 and more if a
 * signal has ended it; or a negative errno.
 */
int program_run(const char *const argv[], char *said, size_t size)
{
	int fd, status, r = 0;
	ssize_t n;
	pid_t pid;

	*said = '\0';
	/* Unlike a pipe it can be read when somebody still has it open. */
	fd = memfd_create("vhdx-said", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	pid = fork();
	if (!pid)
		program_exec(argv, fd);
	if (pid < 0)
		r = -errno;
	while (!r && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			r = -errno;
	n = pread(fd, said, size - 1, 0);
	close(fd);
	while (n > 0 && said[n - 1] == '\n')
		n--;
	said[n > 0 ? n : 0] = '\0';
	if (r)
		return r;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status);
}
