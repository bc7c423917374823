// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"
#include "signals.h"

#define PROGRAM_SIGNALS_MS	200	/* so often it is looked whether one has come */

/* In the child; @written: its standard output, -1: nobody wants that. */
static void program_exec(const char *const argv[], int written, int said)
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
	if (written >= 0)
		dup2(written, 1);
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
		program_exec(argv, -1, fd);
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

/* Those of administrators may be where a user's PATH does not lead. */
static void program_exec_reader(const char *const argv[],
				const struct program_reader *reader, int end)
{
	const char *known = getenv("PATH");
	char path[PROGRAM_LINE];

	if (reader->enter && reader->enter(reader->arg))
		_exit(126);
	snprintf(path, sizeof(path), "%s:/usr/local/sbin:/usr/sbin:/sbin",
		 known ? known : "/usr/bin:/bin");
	setenv("PATH", path, 1);
	setenv("LC_ALL", "C", 1);
	program_exec(argv, end, end);
}

/**
 * struct program_text - what has come, but for lines that are complete
 * @text: that
 * @bytes: how much
 */
struct program_text {
	char text[PROGRAM_LINE];
	size_t bytes;
};

/* Return: false if nobody wants more. */
static bool program_split(struct program_text *text, const char *from, size_t bytes,
			  const struct program_reader *reader)
{
	for (; bytes; from++, bytes--) {
		bool end = *from == '\n' || *from == '\r';

		if (!end)
			text->text[text->bytes++] = *from;
		if (!text->bytes ||
		    (!end && text->bytes < sizeof(text->text) - 1))
			continue;
		text->text[text->bytes] = '\0';
		text->bytes = 0;
		if (!reader->line(reader->arg, text->text))
			return false;
	}
	return true;
}

/* Return: 0 at the end, 1 if nobody wants more, or a negative errno. */
static int program_take(int fd, const struct program_reader *reader)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct program_text text = {};
	char buf[16 * PROGRAM_LINE];
	ssize_t n = 1;
	int r;

	while (n > 0) {
		r = poll(&wait, 1, PROGRAM_SIGNALS_MS);
		if (signals_pending())
			return -EINTR;
		if (r <= 0)
			continue;
		n = read(fd, buf, sizeof(buf));
		if (n < 0)
			return -errno;
		if (!program_split(&text, buf, n, reader))
			return 1;
	}
	return !program_split(&text, "\n", 1, reader);
}

/**
 * program_read() - run another program, and read what it writes
 * @argv: its name and arguments, NULL at the end
 * @reader: takes each line that is not empty of its standard output and its standard
 *          error, of whatever language it is in "C"
 *
 * It is killed if nobody wants to read more, and if a signal has come that is kept back
 * here.
 *
 * Return: its exit status; 127 if there is no such program, 126 if it could not be
 * executed; 128 and more if a signal has ended it; or a negative errno, -EINTR if a
 * signal has come here.
 */
int program_read(const char *const argv[], const struct program_reader *reader)
{
	int ends[2], status = 0, r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		program_exec_reader(argv, reader, ends[1]);
	r = pid < 0 ? -errno : 0;
	close(ends[1]);
	if (!r)
		r = program_take(ends[0], reader);
	close(ends[0]);
	if (pid < 0)
		return r;
	if (r)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r >= 0 && signals_pending())
		r = -EINTR;
	if (r < 0)
		return r;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status);
}
