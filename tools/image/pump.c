// SPDX-License-Identifier: GPL-2.0
/*
 * By io_uring; where the kernel has none, or does not let anybody use it, one
 * after the other.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pump.h"

#define PUMP_ALIGN	4096
#define PUMP_ENTRIES	(PUMP_BUFFERS * 4)	/* beyond that they wait */

/**
 * pump_begin() - get ready
 * @pump: result; pump_end() it, also after a failure
 *
 * Return: 0 or a negative errno.
 */
int pump_begin(struct pump *pump)
{
	u32 i;

	memset(pump, 0, sizeof(*pump));
	if (posix_memalign((void **)&pump->memory, PUMP_ALIGN,
			   PUMP_BUFFERS * (size_t)PUMP_BYTES)) {
		pump->memory = NULL;
		return -ENOMEM;
	}
	for (i = 0; i < PUMP_BUFFERS; i++)
		pump->buffer[i].data = pump->memory + i * (size_t)PUMP_BYTES;
	pump->async = !io_uring_queue_init(PUMP_ENTRIES, &pump->ring, 0);
	return 0;
}

static void pump_fail(struct pump *pump, const struct pump_op *op, int error)
{
	if (pump->error)
		return;
	pump->error = error;
	pump->wrote = op->write;
}

/* @n bytes of it are done.  Return: true if that was all. */
static bool pump_advance(struct pump *pump, struct pump_op *op, ssize_t n)
{
	if (n == -EINTR || n == -EAGAIN)
		return false;
	if (n < 0) {
		pump_fail(pump, op, n);
		return true;
	}
	if (!n) {
		/* Behind the end of a file there are zeros. */
		if (op->write)
			pump_fail(pump, op, -EIO);
		else
			memset(op->data, 0, op->bytes);
		return true;
	}
	op->data += n;
	op->off += n;
	op->bytes -= n;
	return !op->bytes;
}

/*
 * Whole pages that were written: the kernel would wait for more, and the disk be idle, until
 * there is a lot, or all is synced.  A page that more is written to soon is left.
 */
static u32 pump_send_range(const struct pump_op *op, u64 *from)
{
	u64 end = op->off & ~(u64)(PUMP_ALIGN - 1);

	*from = (op->start + PUMP_ALIGN - 1) & ~(u64)(PUMP_ALIGN - 1);
	return end > *from ? end - *from : 0;
}

/* Is there something to be sent to the disk? */
static bool pump_to_send(const struct pump *pump, const struct pump_op *op)
{
	u64 from;

	return op->write && !op->sent && !pump->error && pump_send_range(op, &from);
}

static void pump_do(struct pump *pump, struct pump_op *op)
{
	u64 from;
	u32 bytes;
	ssize_t n;

	do {
		n = op->write ? pwrite(op->fd, op->data, op->bytes, op->off) :
				pread(op->fd, op->data, op->bytes, op->off);
	} while (!pump_advance(pump, op, n < 0 ? -errno : n));
	if (!pump_to_send(pump, op))
		return;
	/* Its errors are those of the sync at the end. */
	bytes = pump_send_range(op, &from);
	sync_file_range(op->fd, from, bytes, SYNC_FILE_RANGE_WRITE);
}

/* Hand it to the kernel. */
static int pump_queue(struct pump *pump, struct pump_op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&pump->ring);
	u64 from;
	u32 bytes;
	int r;

	if (!sqe) {
		r = io_uring_submit(&pump->ring);
		if (r < 0)
			return r;
		sqe = io_uring_get_sqe(&pump->ring);
		if (!sqe)
			return -EBUSY;
	}
	if (op->sent) {
		bytes = pump_send_range(op, &from);
		io_uring_prep_sync_file_range(sqe, op->fd, bytes, from,
					      SYNC_FILE_RANGE_WRITE);
	} else if (op->write) {
		io_uring_prep_write(sqe, op->fd, op->data, op->bytes, op->off);
	} else {
		io_uring_prep_read(sqe, op->fd, op->data, op->bytes, op->off);
	}
	/* What is in the page cache is copied by several CPUs, too. */
	io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

static int pump_start(struct pump *pump, struct pump_op *op)
{
	int r;

	if (!pump->async) {
		pump_do(pump, op);
		return pump->error;
	}
	r = pump_queue(pump, op);
	if (r)
		return r;
	op->buffer->busy++;
	r = io_uring_submit(&pump->ring);
	return r < 0 ? r : 0;
}

/* It has come back from the kernel.  Return: true if nothing is left to do of it. */
static bool pump_is_over(struct pump *pump, struct pump_op *op, int res)
{
	/* Errors of sending are those of the sync at the end. */
	if (op->sent)
		return true;
	if (!pump_advance(pump, op, res))
		return false;
	op->sent = pump_to_send(pump, op);
	return !op->sent;
}

/* Wait until at least one has ended. */
static int pump_reap(struct pump *pump)
{
	struct io_uring_cqe *cqe;
	struct pump_op *op;
	int r;

	do {
		r = io_uring_wait_cqe(&pump->ring, &cqe);
	} while (r == -EINTR);
	while (!r) {
		op = io_uring_cqe_get_data(cqe);
		if (pump_is_over(pump, op, cqe->res)) {
			op->buffer->busy--;
		} else {
			r = pump_queue(pump, op);
			if (!r)
				r = io_uring_submit(&pump->ring);
			r = r < 0 ? r : 0;
		}
		io_uring_cqe_seen(&pump->ring, cqe);
		if (r || io_uring_peek_cqe(&pump->ring, &cqe))
			break;
	}
	return r;
}

/**
 * pump_wait() - wait until all reads and writes of a buffer have ended
 * @pump: the pump
 * @buffer: the buffer
 *
 * Return: 0 or a negative errno: of any read or write so far.
 */
int pump_wait(struct pump *pump, struct pump_buffer *buffer)
{
	int r = 0;

	while (!r && buffer->busy)
		r = pump_reap(pump);
	return r ? r : pump->error;
}

/**
 * pump_buffer() - get the next buffer
 * @pump: the pump
 * @buffer: takes it; all that it was used for before has ended
 *
 * Return: as pump_wait().
 */
int pump_buffer(struct pump *pump, struct pump_buffer **buffer)
{
	*buffer = &pump->buffer[pump->next];
	pump->next = (pump->next + 1) % PUMP_BUFFERS;
	(*buffer)->writes = 0;
	return pump_wait(pump, *buffer);
}

/**
 * pump_read() - start to read into a buffer
 * @pump: the pump
 * @buffer: from pump_buffer()
 * @fd: the file
 * @off: where in that; behind its end there are zeros
 * @bytes: how much, at most PUMP_BYTES
 *
 * Return: 0 or a negative errno.
 */
int pump_read(struct pump *pump, struct pump_buffer *buffer, int fd, u64 off,
	      u32 bytes)
{
	buffer->read = (struct pump_op){
		.buffer = buffer, .fd = fd, .data = buffer->data,
		.bytes = bytes, .off = off,
	};
	return pump_start(pump, &buffer->read);
}

/**
 * pump_write() - start to write a part of a buffer
 * @pump: the pump
 * @buffer: the buffer
 * @fd: the file
 * @from: where the part starts
 * @bytes: how long it is
 * @off: where in the file
 *
 * Return: 0 or a negative errno.
 */
int pump_write(struct pump *pump, struct pump_buffer *buffer, int fd,
	       u32 from, u32 bytes, u64 off)
{
	struct pump_op *op;
	int r;

	if (buffer->writes == PUMP_WRITES) {
		r = pump_wait(pump, buffer);
		if (r)
			return r;
		buffer->writes = 0;
	}
	op = &buffer->write[buffer->writes++];
	*op = (struct pump_op){
		.buffer = buffer, .fd = fd, .data = buffer->data + from,
		.bytes = bytes, .off = off, .start = off, .write = true,
	};
	return pump_start(pump, op);
}

/**
 * pump_drain() - wait until all reads and writes have ended
 * @pump: the pump
 *
 * Return: as pump_wait().
 */
int pump_drain(struct pump *pump)
{
	int r = 0;
	u32 i;

	for (i = 0; !r && i < PUMP_BUFFERS; i++)
		r = pump_wait(pump, &pump->buffer[i]);
	return r ? r : pump->error;
}

/**
 * pump_end() - give all back
 * @pump: the pump
 */
void pump_end(struct pump *pump)
{
	u32 i;

	/* The kernel may still be at work with the memory. */
	for (i = 0; pump->async && i < PUMP_BUFFERS; i++)
		while (pump->buffer[i].busy && !pump_reap(pump))
			;
	if (pump->async)
		io_uring_queue_exit(&pump->ring);
	free(pump->memory);
	memset(pump, 0, sizeof(*pump));
}
