// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "pieces.h"

/**
 * struct pieces_scan - a walk over the BAT
 * @pieces: what was found
 * @image: the image
 * @settled: its log is going to be replayed, and its file to be extended
 * @data_end: nothing can be read behind that, in bytes from its start
 */
struct pieces_scan {
	struct pieces *pieces;
	const struct image *image;
	bool settled;
	u64 data_end;
};

static u64 pieces_end(const struct pieces *pieces)
{
	const struct piece *last;

	if (!pieces->count)
		return 0;
	last = &pieces->piece[pieces->count - 1];
	return last->start + last->bytes;
}

static bool piece_goes_on(const struct piece *piece, enum piece_kind kind,
			  u64 off)
{
	return piece->kind == kind &&
	       (kind == PIECE_ZERO || piece->off + piece->bytes == off);
}

/* What comes next on the disk. */
static int pieces_add(struct pieces *pieces, enum piece_kind kind, u64 bytes,
		      u64 off)
{
	u64 start = pieces_end(pieces);
	struct piece *more;
	u32 room;

	if (!bytes)
		return 0;
	if (pieces->count &&
	    piece_goes_on(&pieces->piece[pieces->count - 1], kind, off)) {
		pieces->piece[pieces->count - 1].bytes += bytes;
		return 0;
	}
	if (pieces->count == PIECES_MAX)
		return -E2BIG;
	if (pieces->count == pieces->room) {
		room = 2 * pieces->room + 64;
		more = realloc(pieces->piece, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		pieces->piece = more;
		pieces->room = room;
	}
	pieces->piece[pieces->count++] = (struct piece){
		.kind = kind,
		.start = start,
		.bytes = bytes,
		.off = off,
	};
	return 0;
}

/* A change of the log, or the part of it that lies in the disk. */
static int pieces_add_change(struct pieces *pieces, const void *data, u64 bytes)
{
	u64 off = pieces->log_bytes, room;
	u8 *more;

	if (!data)
		return pieces_add(pieces, PIECE_ZERO, bytes, 0);
	if (off + bytes > pieces->log_room) {
		room = 2 * (off + bytes);
		more = realloc(pieces->log, room);
		if (!more)
			return -ENOMEM;
		pieces->log = more;
		pieces->log_room = room;
	}
	memcpy(pieces->log + off, data, bytes);
	pieces->log_bytes += bytes;
	return pieces_add(pieces, PIECE_LOG, bytes, off);
}

/* What the file holds; behind its end there are zeros. */
static int pieces_add_data(struct pieces_scan *scan, u64 from, u64 to)
{
	u64 end = scan->settled ? to : min_t(u64, to, scan->data_end);
	int r = 0;

	if (from < end)
		r = pieces_add(scan->pieces, PIECE_DATA, end - from, from);
	else
		end = from;
	return r ? r : pieces_add(scan->pieces, PIECE_ZERO, to - end, 0);
}

/* Of a block that is there, with what the log has to say about it. */
static int pieces_add_block(struct pieces_scan *scan, u64 from, u64 to)
{
	struct overlay_change change;
	u64 start, end;
	int r = 0;

	while (!r && from < to) {
		if (scan->settled ||
		    !overlay_next(&scan->image->overlay, from, &change) ||
		    change.off >= to)
			return pieces_add_data(scan, from, to);
		start = max_t(u64, change.off, from);
		end = min_t(u64, change.end, to);
		r = pieces_add_data(scan, from, start);
		if (!r)
			r = pieces_add_change(scan->pieces, change.data ?
					      (const u8 *)change.data +
					      (start - change.off) : NULL,
					      end - start);
		from = end;
	}
	return r;
}

/* What lies before this block, in bytes from the start of the disk, is absent. */
static int pieces_skip(struct pieces_scan *scan, u64 start)
{
	const struct vhdx_geometry *geo = &scan->image->layout.geo;
	u64 end = pieces_end(scan->pieces), blocks;

	if (end >= start)
		return 0;
	blocks = (start - end + (1ULL << geo->block_shift) - 1) >>
		 geo->block_shift;
	scan->pieces->absent += blocks;
	return pieces_add(scan->pieces, PIECE_ZERO, start - end, 0);
}

static int pieces_visit(void *arg, u64 index, u32 block, bool bitmap,
			const struct vhdx_bat_entry *entry, int result)
{
	struct pieces_scan *scan = arg;
	const struct vhdx_geometry *geo = &scan->image->layout.geo;
	u64 start = (u64)block << geo->block_shift, bytes;
	int r;

	(void)index;
	/* The file is extended before anybody reads that. */
	if (result == VHDX_FAULT_BAT_CUT && scan->settled)
		result = 0;
	if (result || bitmap || entry->state != VHDX_BLOCK_FULL)
		return result;
	r = pieces_skip(scan, start);
	bytes = min_t(u64, 1ULL << geo->block_shift, geo->disk_bytes - start);
	return r ? r : pieces_add_block(scan, entry->mib * SZ_1M,
					entry->mib * SZ_1M + bytes);
}

/**
 * pieces_load() - take the disk of an image to pieces
 * @pieces: result; pieces_free() it, also after a failure
 * @image: the image, without a parent; image_load_bat() has passed
 * @settled: the image as it is once its log is replayed and its file is as long
 *           as it has to be; otherwise as it is now, with the log's changes in
 *           memory
 *
 * Return: 0, a fault or a negative errno: -E2BIG if there are more than
 * PIECES_MAX of them.
 */
int pieces_load(struct pieces *pieces, struct image *image, bool settled)
{
	struct pieces_scan scan = {
		.pieces = pieces,
		.image = image,
		.settled = settled,
		.data_end = image->file_bytes &
			    ~((u64)image->layout.meta.logical_bytes - 1),
	};
	int r;

	memset(pieces, 0, sizeof(*pieces));
	r = image_rescan_bat(image, pieces_visit, &scan);
	return r ? r : pieces_skip(&scan, image->layout.geo.disk_bytes);
}

/* A part of the first MiB, which nobody writes, that happens to be all zeros. */
static u64 pieces_find_zeros(const struct image *image, u32 bytes)
{
	u8 *buf = malloc(SZ_1M);
	u64 off = SZ_1M;
	u32 i = 0;

	if (buf && !image_pread(image, 0, buf, SZ_1M))
		while (off && i < bytes) {
			off -= bytes;
			for (i = 0; i < bytes && !buf[off + i]; i++)
				;
		}
	free(buf);
	return buf && i == bytes ? off : 0;
}

/**
 * pieces_hold() - see to it that something of the image is in the disk
 * @pieces: the pieces
 * @image: the image
 *
 * Who maps them relies on that: a device stays in use only as long as something
 * refers to it.  Where all of the disk reads as zeros one sector of it becomes
 * a piece of the image that is all zeros.
 *
 * Return: 0; -ENODATA if nothing can be found for that; or another negative
 * errno.
 */
int pieces_hold(struct pieces *pieces, const struct image *image)
{
	u32 bytes = image->layout.meta.logical_bytes;
	struct piece *piece;
	u64 off;
	u32 i;

	for (i = 0; i < pieces->count; i++)
		if (pieces->piece[i].kind == PIECE_DATA)
			return 0;
	off = pieces_find_zeros(image, bytes);
	for (i = 0; i < pieces->count; i++)
		if (pieces->piece[i].kind == PIECE_ZERO)
			break;
	if (!off || i == pieces->count)
		return -ENODATA;
	piece = realloc(pieces->piece, (pieces->count + 1) * sizeof(*piece));
	if (!piece)
		return -ENOMEM;
	pieces->piece = piece;
	piece += i;
	memmove(piece + 1, piece, (pieces->count - i) * sizeof(*piece));
	pieces->count++;
	piece->kind = PIECE_DATA;
	piece->bytes = bytes;
	piece->off = off;
	piece[1].start += bytes;
	piece[1].bytes -= bytes;
	if (!piece[1].bytes) {
		memmove(piece + 1, piece + 2,
			(pieces->count - i - 2) * sizeof(*piece));
		pieces->count--;
	}
	return 0;
}

/**
 * pieces_free() - forget them
 * @pieces: from pieces_load()
 */
void pieces_free(struct pieces *pieces)
{
	free(pieces->piece);
	free(pieces->log);
	memset(pieces, 0, sizeof(*pieces));
}
