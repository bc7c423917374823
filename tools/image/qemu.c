// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "message.h"
#include "program.h"
#include "qemu.h"

#define QEMU_SAID	1024
#define QEMU_PATIENCE	30000	/* ms that the server may take to end */

/* Run one of qemu's programs, and say what it has to say. */
static int qemu_call(const char *const argv[], const char *shown)
{
	char said[QEMU_SAID];
	int r = program_run(argv, said, sizeof(said));

	if (r == 127)
		complain(shown, "install qemu-utils (Debian) or what holds it",
			 "images of qemu's take its program '%s'", argv[0]);
	else if (r > 0)
		complain(shown, "'qemu-img info' may tell more",
			 "%s says: %s", argv[0], said);
	else if (r)
		complain_errno(shown, r, "cannot run '%s'", argv[0]);
	return r > 0 ? -EIO : r;
}

/**
 * qemu_create() - make an empty qcow2 image
 * @path: its file
 * @shown: what messages call it
 * @bytes: size of the disk
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int qemu_create(const char *path, const char *shown, u64 bytes)
{
	char size[32];
	const char *const argv[] = {
		"qemu-img", "create", "-q", "-f", "qcow2", "--", path, size,
		NULL
	};

	snprintf(size, sizeof(size), "%" PRIu64, bytes);
	return qemu_call(argv, shown);
}

/* It goes into the background, and inherits an end of a pipe. */
static int qemu_serve(struct qemu *qemu, const char *const argv[],
		      const char *shown)
{
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC)) {
		r = -errno;
		complain_errno(shown, r, "cannot make a pipe");
		return r;
	}
	fcntl(ends[1], F_SETFD, 0);
	r = qemu_call(argv, shown);
	close(ends[1]);
	qemu->ended = ends[0];
	return r;
}

/**
 * qemu_open() - let qemu-nbd open a qcow2 image
 * @qemu: result; qemu_close() it, also after a failure
 * @path: its file
 * @shown: what messages call it
 * @writable: it is written to
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int qemu_open(struct qemu *qemu, const char *path, const char *shown,
	      bool writable)
{
	char socket_path[64];
	const char *const argv[] = {
		"qemu-nbd", "--fork", writable ? "--cache=writeback" :
						 "--read-only",
		"--format=qcow2", "--socket", socket_path, "--", path, NULL
	};
	int r;

	memset(qemu, 0, sizeof(*qemu));
	qemu->nbd.fd = -1;
	qemu->ended = -1;
	strcpy(qemu->dir, "/tmp/vhdx-nbd-XXXXXX");
	if (!mkdtemp(qemu->dir)) {
		r = -errno;
		qemu->dir[0] = '\0';
		complain_errno("/tmp", r, "cannot make a directory");
		return r;
	}
	snprintf(socket_path, sizeof(socket_path), "%s/nbd", qemu->dir);
	r = qemu_serve(qemu, argv, shown);
	if (r)
		return r;
	r = nbd_connect(&qemu->nbd, socket_path);
	if (r)
		complain_errno(shown, r, "cannot talk to qemu-nbd");
	unlink(socket_path);
	return r;
}

/* In the child. */
static void qemu_exec_map(const char *path, int out)
{
	dup2(out, 1);
	execlp("qemu-img", "qemu-img", "map", "--output=json", "-f", "qcow2",
	       "--", path, NULL);
	_exit(127);
}

static int qemu_begin_map(struct qemu *qemu, const char *path)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	qemu->map_pid = fork();
	if (!qemu->map_pid)
		qemu_exec_map(path, ends[1]);
	close(ends[1]);
	qemu->map = qemu->map_pid < 0 ? NULL : fdopen(ends[0], "r");
	if (!qemu->map)
		close(ends[0]);
	return qemu->map ? 0 : -EIO;
}

static u64 qemu_number(struct json_object *row, const char *key)
{
	return json_object_get_int64(json_object_object_get(row, key));
}

/* Each part of the disk is an object in a line of its own. */
static int qemu_read_map(struct qemu *qemu)
{
	struct json_object *row;
	char *line = NULL;
	size_t size = 0;
	int r = -EIO;

	if (getline(&line, &size, qemu->map) > 0 && strchr(line, '{')) {
		/* What is behind the object is not looked at. */
		struct json_tokener *tokener = json_tokener_new();
		const char *from = strchr(line, '{');

		row = json_tokener_parse_ex(tokener, from, strlen(from));
		if (row) {
			qemu->start = qemu_number(row, "start");
			qemu->end = qemu->start + qemu_number(row, "length");
			qemu->zero = json_object_get_boolean(
				json_object_object_get(row, "zero"));
			r = 0;
		}
		json_object_put(row);
		json_tokener_free(tokener);
	}
	free(line);
	return r;
}

/**
 * qemu_run() - is a part of the disk zeros?
 * @qemu: from qemu_open()
 * @path: its file
 * @at: bytes from the start of the disk, not below that of the last call
 * @end: takes how far the answer goes
 * @zero: takes whether it is
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int qemu_run(struct qemu *qemu, const char *path, u64 at, u64 *end, bool *zero)
{
	int r = qemu->map ? 0 : qemu_begin_map(qemu, path);

	while (!r && at >= qemu->end)
		r = qemu_read_map(qemu);
	if (r)
		complain(path, "run it yourself to see why",
			 "'qemu-img map' does not tell what is where");
	*end = qemu->end;
	*zero = qemu->zero;
	return r;
}

/* Until it has, the image is in use for whoever comes next. */
static void qemu_await_end(struct qemu *qemu)
{
	struct pollfd ended = { .fd = qemu->ended };

	if (qemu->ended < 0)
		return;
	poll(&ended, 1, QEMU_PATIENCE);
	close(qemu->ended);
}

/**
 * qemu_close() - let go of an image
 * @qemu: from qemu_open(), or all zeros
 */
void qemu_close(struct qemu *qemu)
{
	if (qemu->map)
		fclose(qemu->map);
	if (qemu->map_pid > 0)
		waitpid(qemu->map_pid, NULL, 0);
	if (qemu->dir[0]) {
		nbd_close(&qemu->nbd);
		qemu_await_end(qemu);
		rmdir(qemu->dir);
	}
	memset(qemu, 0, sizeof(*qemu));
	qemu->nbd.fd = -1;
}
