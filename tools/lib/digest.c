// SPDX-License-Identifier: GPL-2.0
/*
 * A program that every system has does it, beside this one: on another CPU, and
 * without a library that all uses of this program would have to load.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "digest.h"

#define DIGEST_PIPE_BYTES	SZ_1M

static void digest_exec(int in, int out)
{
	dup2(in, 0);
	dup2(out, 1);
	execlp("sha256sum", "sha256sum", NULL);
	_exit(127);
}

/**
 * digest_begin() - start
 * @digest: result; digest_end() it, also after a failure
 *
 * Return: 0 or a negative errno.
 */
int digest_begin(struct digest *digest)
{
	int in[2], out[2];

	memset(digest, 0, sizeof(*digest));
	if (pipe2(in, O_CLOEXEC))
		return -errno;
	if (pipe2(out, O_CLOEXEC)) {
		close(in[0]);
		close(in[1]);
		return -errno;
	}
	fcntl(in[1], F_SETPIPE_SZ, DIGEST_PIPE_BYTES);
	digest->in = in[1];
	digest->out = out[0];
	/* If it ends, writing to it is an error like any other. */
	signal(SIGPIPE, SIG_IGN);
	digest->pid = fork();
	if (!digest->pid)
		digest_exec(in[0], out[1]);
	close(in[0]);
	close(out[1]);
	return digest->pid < 0 ? -EAGAIN : 0;
}

/**
 * digest_add() - add data
 * @digest: the digest
 * @buf: the data
 * @bytes: how much
 *
 * Return: 0 or a negative errno.
 */
int digest_add(struct digest *digest, const void *buf, u64 bytes)
{
	const u8 *from = buf;
	ssize_t n;

	while (bytes) {
		n = write(digest->in, from, bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		from += n;
		bytes -= n;
	}
	return 0;
}

/**
 * digest_add_zeros() - add zeros
 * @digest: the digest
 * @bytes: how many
 *
 * Return: 0 or a negative errno.
 */
int digest_add_zeros(struct digest *digest, u64 bytes)
{
	static const u8 zeros[SZ_64K];
	u64 part;
	int r = 0;

	for (; !r && bytes; bytes -= part) {
		part = min_t(u64, bytes, sizeof(zeros));
		r = digest_add(digest, zeros, part);
	}
	return r;
}

/**
 * digest_end() - finish
 * @digest: the digest; may be all zeros
 * @text: takes it, in hexadecimal digits
 *
 * Return: 0 or a negative errno.
 */
int digest_end(struct digest *digest, char text[DIGEST_TEXT])
{
	int status = -1, got = 0;
	ssize_t n = 1;

	text[0] = '\0';
	if (!digest->pid)
		return 0;
	close(digest->in);
	while (digest->pid > 0 && n > 0 && got < DIGEST_TEXT - 1) {
		n = read(digest->out, text + got, DIGEST_TEXT - 1 - got);
		got += n > 0 ? n : 0;
	}
	text[got] = '\0';
	close(digest->out);
	if (digest->pid > 0)
		waitpid(digest->pid, &status, 0);
	digest->pid = 0;
	return got == DIGEST_TEXT - 1 && WIFEXITED(status) &&
	       !WEXITSTATUS(status) ? 0 : -EIO;
}
