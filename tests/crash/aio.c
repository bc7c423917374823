// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "aio.h"

/**
 * aio_init() - set up a queue
 * @aio: result
 * @depth: operations under way at most
 */
void aio_init(struct aio *aio, unsigned int depth)
{
	aio->ctx = 0;
	if (syscall(SYS_io_setup, depth, &aio->ctx))
		die("io_setup: %s", strerror(errno));
}

/**
 * aio_exit() - undo aio_init()
 * @aio: the queue; nothing is under way
 */
void aio_exit(struct aio *aio)
{
	syscall(SYS_io_destroy, aio->ctx);
}

static void aio_submit(struct aio *aio, struct aio_op *op, int fd, int opcode,
		       const void *buf, u64 bytes, u64 off, int flags)
{
	struct iocb *cb = &op->cb;

	memset(op, 0, sizeof(*op));
	cb->aio_data = (uintptr_t)op;
	cb->aio_fildes = fd;
	cb->aio_lio_opcode = opcode;
	cb->aio_buf = (uintptr_t)buf;
	cb->aio_nbytes = bytes;
	cb->aio_offset = off;
	cb->aio_rw_flags = flags;
	if (syscall(SYS_io_submit, aio->ctx, 1, &cb) != 1)
		die("io_submit: %s", strerror(errno));
}

/**
 * aio_read() - start a read
 * @aio: the queue
 * @op: takes its result
 * @fd: file
 * @buf: destination
 * @bytes: how much
 * @off: where from
 */
void aio_read(struct aio *aio, struct aio_op *op, int fd, void *buf, u64 bytes,
	      u64 off)
{
	aio_submit(aio, op, fd, IOCB_CMD_PREAD, buf, bytes, off, 0);
}

/**
 * aio_write() - start a write
 * @aio: the queue
 * @op: takes its result
 * @fd: file
 * @buf: source
 * @bytes: how much
 * @off: where to
 * @fua: it is durable when it completes
 */
void aio_write(struct aio *aio, struct aio_op *op, int fd, const void *buf,
	       u64 bytes, u64 off, bool fua)
{
	aio_submit(aio, op, fd, IOCB_CMD_PWRITE, buf, bytes, off,
		   fua ? RWF_DSYNC : 0);
}

/**
 * aio_wait() - wait until an operation is done
 * @aio: the queue; something is under way
 *
 * Return: the operation.
 */
struct aio_op *aio_wait(struct aio *aio)
{
	struct io_event event;
	struct aio_op *op;
	long r;

	do {
		r = syscall(SYS_io_getevents, aio->ctx, 1, 1, &event, NULL);
	} while (r < 0 && errno == EINTR);
	if (r != 1)
		die("io_getevents: %s", strerror(errno));
	op = (struct aio_op *)(uintptr_t)event.data;
	op->result = event.res;
	return op;
}
