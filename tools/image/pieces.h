/* SPDX-License-Identifier: GPL-2.0 */
/* The virtual disk of an image in pieces that need no VHDX to be understood. */
#ifndef VHDX_TOOLS_PIECES_H
#define VHDX_TOOLS_PIECES_H

#include "image.h"

#define PIECES_MAX	1048576		/* targets of a table, as the kernel has it */

/**
 * enum piece_kind - what a piece of the disk reads as
 * @PIECE_ZERO: zeros
 * @PIECE_DATA: what the image holds at some place
 * @PIECE_LOG: what the log is going to write there
 */
enum piece_kind {
	PIECE_ZERO,
	PIECE_DATA,
	PIECE_LOG,
};

/**
 * struct piece - a piece of the disk
 * @kind: what it reads as
 * @start: bytes from the start of the disk
 * @bytes: how long it is
 * @off: where that is in the image, or in @log of struct pieces
 */
struct piece {
	enum piece_kind kind;
	u64 start;
	u64 bytes;
	u64 off;
};

/**
 * struct pieces - the whole disk
 * @piece: neighbours that go together are one
 * @count: how many there are
 * @absent: blocks of the disk that have no space
 * @log: sectors of the log that lie in the disk
 * @log_bytes: how much that is
 */
struct pieces {
	struct piece *piece;
	u32 count;
	u32 room;	/* elements of @piece */
	u64 absent;
	u8 *log;
	u64 log_bytes;
	u64 log_room;	/* size of @log */
};

int pieces_load(struct pieces *pieces, struct image *image, bool settled);
int pieces_hold(struct pieces *pieces, const struct image *image);
void pieces_free(struct pieces *pieces);

#endif /* VHDX_TOOLS_PIECES_H */
