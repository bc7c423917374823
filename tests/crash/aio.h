/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Asynchronous I/O.  Not only for speed: a synchronous RWF_DSYNC write to a
 * block device is followed by a flush, an asynchronous one is FUA and nothing
 * else.
 */
#ifndef CRASH_AIO_H
#define CRASH_AIO_H

#include <linux/aio_abi.h>

#include "crash.h"

/**
 * struct aio - a queue
 * @ctx: the kernel's
 */
struct aio {
	aio_context_t ctx;
};

/**
 * struct aio_op - one read or write; must stay until aio_wait() returns it
 * @cb: the kernel's
 * @result: bytes or negative errno
 */
struct aio_op {
	struct iocb cb;
	long long result;
};

void aio_init(struct aio *aio, unsigned int depth);
void aio_exit(struct aio *aio);
void aio_read(struct aio *aio, struct aio_op *op, int fd, void *buf, u64 bytes,
	      u64 off);
void aio_write(struct aio *aio, struct aio_op *op, int fd, const void *buf,
	       u64 bytes, u64 off, bool fua);
struct aio_op *aio_wait(struct aio *aio);

#endif /* CRASH_AIO_H */
