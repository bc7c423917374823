/* SPDX-License-Identifier: GPL-2.0 */
/* Reads and writes of files, several at a time. */
#ifndef VHDX_TOOLS_PUMP_H
#define VHDX_TOOLS_PUMP_H

#include <liburing.h>

#include "vhdx-shim.h"

#define PUMP_BUFFERS	16
#define PUMP_BYTES	SZ_1M		/* of a buffer */
#define PUMP_WRITES	16		/* of one buffer */

struct pump_buffer;

/**
 * struct pump_op - a read or a write
 * @buffer: what it belongs to
 * @fd: the file
 * @data: from or to here
 * @bytes: how much is left of it
 * @off: where in the file
 * @start: where it began
 * @write: it is a write
 * @sent: it is done, and what it has left in the page cache is on its way to the disk
 */
struct pump_op {
	struct pump_buffer *buffer;
	int fd;
	u8 *data;
	u32 bytes;
	u64 off;
	u64 start;
	bool write;
	bool sent;
};

/**
 * struct pump_buffer - memory on its way from one file to another
 * @data: PUMP_BYTES
 * @busy: reads and writes of it that have not ended
 * @read: the read
 * @write: the writes
 * @writes: how many
 */
struct pump_buffer {
	u8 *data;
	u32 busy;
	struct pump_op read;
	struct pump_op write[PUMP_WRITES];
	u32 writes;
};

/**
 * struct pump - all of them
 * @ring: for the kernel, if it has that
 * @async: it has
 * @memory: of all buffers
 * @buffer: they take turns
 * @next: whose turn it is
 * @error: of the first read or write that failed
 * @wrote: that was a write
 */
struct pump {
	struct io_uring ring;
	bool async;
	u8 *memory;
	struct pump_buffer buffer[PUMP_BUFFERS];
	u32 next;
	int error;
	bool wrote;
};

int pump_begin(struct pump *pump);
int pump_buffer(struct pump *pump, struct pump_buffer **buffer);
int pump_read(struct pump *pump, struct pump_buffer *buffer, int fd, u64 off,
	      u32 bytes);
int pump_write(struct pump *pump, struct pump_buffer *buffer, int fd,
	       u32 from, u32 bytes, u64 off);
int pump_wait(struct pump *pump, struct pump_buffer *buffer);
int pump_drain(struct pump *pump);
void pump_end(struct pump *pump);

#endif /* VHDX_TOOLS_PUMP_H */
