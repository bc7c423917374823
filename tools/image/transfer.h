/* SPDX-License-Identifier: GPL-2.0 */
/* Copying a disk into a new one. */
#ifndef VHDX_TOOLS_TRANSFER_H
#define VHDX_TOOLS_TRANSFER_H

#include "digest.h"
#include "disk.h"
#include "newdisk.h"
#include "pump.h"

#define TRANSFER_QUEUE	(PUMP_BUFFERS / 2)

static_assert(TRANSFER_QUEUE <= NBD_READS);

/**
 * enum transfer_kind - what to do with a part of the disk
 * @TRANSFER_DATA: it is data, being read
 * @TRANSFER_ZEROS: it is zeros
 * @TRANSFER_HASH: it is there already, and is read for the digest only
 */
enum transfer_kind {
	TRANSFER_DATA,
	TRANSFER_ZEROS,
	TRANSFER_HASH,
};

/**
 * struct transfer_part - a part of the disk on its way
 * @kind: what to do with it
 * @at: bytes from the start of the disk
 * @bytes: how long it is
 * @image: the file that it comes from, or NULL
 * @off: where in that
 * @buffer: where it is read to
 * @asked: qemu-nbd has been asked for it
 */
struct transfer_part {
	enum transfer_kind kind;
	u64 at;
	u64 bytes;
	struct image *image;
	u64 off;
	struct pump_buffer *buffer;
	bool asked;
};

/**
 * struct transfer_share - a part of a file that is to be shared
 * @fd: the file
 * @at: bytes from the start of the disk
 * @off: where it is in the file
 * @to: where it is to be
 * @bytes: how long it is; 0: there is none
 */
struct transfer_share {
	int fd;
	u64 at;
	u64 off;
	u64 to;
	u64 bytes;
};

/**
 * struct transfer - a disk that is copied
 * @from: the disk
 * @to: the new one, begun
 * @solid: zeros are data, too
 * @digest: takes the contents; NULL: nobody wants to know
 * @checkpoint: called now and then, when all before @at is in the new disk; NULL:
 *              never
 * @arg: for that
 * @at: how far it has come
 * @copied: bytes that were written
 * @shared: bytes that were shared
 * @zeros: bytes that were left out
 */
struct transfer {
	struct disk *from;
	struct newdisk *to;
	bool solid;
	struct digest *digest;
	int (*checkpoint)(void *arg, const struct transfer *transfer);
	void *arg;
	u64 at;
	u64 copied;
	u64 shared;
	u64 zeros;
	/* private */
	struct pump pump;
	struct transfer_part part[TRANSFER_QUEUE];
	u32 first;
	u32 count;
	struct transfer_share share;
	bool may_share;
	u32 align;		/* of what is shared */
	u64 saved;		/* bytes at the last checkpoint */
};

int transfer_run(struct transfer *transfer);

#endif /* VHDX_TOOLS_TRANSFER_H */
