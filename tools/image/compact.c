// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: blocks move down
 *
 * From the end of the file on, what lies highest goes to the lowest space that is
 * free and large enough for it, until there is none below it.  So nothing moves
 * twice, and no space that has become free is used again.
 *
 * What moves is copied, some blocks at a time; the copies are made durable; their
 * entries change by way of the log, durably; and after the last of them the file is
 * cut.  At every moment each entry names a complete block, whichever of the two.
 * What is dropped is dropped before anything moves, so that its space can be used.
 *
 * The disk is the same all the time: its data write GUID stays, and children fit.  Only
 * if something is dropped that is not zeros, as nobody uses it, it gets a new one first.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "compact.h"
#include "edit.h"
#include "guid.h"
#include "journal.h"
#include "message.h"

#define COMPACT_BYTES	SZ_1M			/* copied at a time */
#define COMPACT_BATCH	(256ULL << 20)		/* between two flushes */
#define COMPACT_PLACED	(2U << 20)		/* moves in one run */

static bool compact_drops(const struct compact *compact, u32 block)
{
	return find_next_bit(compact->drop, block + 1ULL, block) == block;
}

static bool compact_is_unused(const struct compact *compact, u32 block)
{
	return compact->unused && find_next_bit(compact->unused, block + 1ULL,
						block) == block;
}

static bool compact_is_zero(const u8 *buf)
{
	return !buf[0] && !memcmp(buf, buf + 1, COMPACT_BYTES - 1);
}

/* Does a part of the file hold only zeros?  Holes need not be read. */
static int compact_holds_zeros(struct image *image, u64 off, u64 end, bool *zeros)
{
	u8 *buf = malloc(COMPACT_BYTES);
	off_t data;
	int r = buf ? 0 : -ENOMEM;

	for (*zeros = true; !r && *zeros && off < end; off += COMPACT_BYTES) {
		data = image->block_device ? (off_t)off :
					     lseek(image->fd, off, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		if (data > (off_t)off)
			off = data / COMPACT_BYTES * COMPACT_BYTES;
		if (off >= end)
			break;
		r = image_pread(image, off, buf, COMPACT_BYTES);
		*zeros = !r && compact_is_zero(buf);
	}
	free(buf);
	return r;
}

/* A block with space of its own: does it go? */
static int compact_judge(struct compact *compact, u32 block,
			 const struct vhdx_bat_entry *entry)
{
	const struct vhdx_geometry *geo = &compact->image->layout.geo;
	u64 off = entry->mib * SZ_1M;
	bool zeros;
	int r;

	if (!vhdx_block_present(entry->state)) {
		if (compact->trim)
			return 0;
		bitmap_set(compact->drop, block, 1);
		compact->anchors++;
		return 0;
	}
	if (compact_is_unused(compact, block)) {
		bitmap_set(compact->drop, block, 1);
		compact->dropped++;
		return 0;
	}
	if (!compact->zeros || entry->state != VHDX_BLOCK_FULL)
		return 0;
	progress("Looking for zeros", block, geo->blocks);
	r = compact_holds_zeros(compact->image, off,
				off + (1ULL << geo->block_shift), &zeros);
	if (!r && zeros) {
		bitmap_set(compact->drop, block, 1);
		compact->dropped++;
	}
	return r;
}

static int compact_find_drops(void *arg, u64 index, u32 block, bool bitmap,
			      const struct vhdx_bat_entry *entry, int result)
{
	struct compact *compact = arg;

	(void)index;
	if (result == VHDX_FAULT_BAT_CUT && !compact->image->block_device)
		result = 0;
	if (result || bitmap || !entry->mib)
		return result;
	return compact_judge(compact, block, entry);
}

static int compact_add(struct compact *compact, u64 index, u32 mib, u32 count)
{
	u64 room = 2 * compact->room + 1024;
	struct compact_move *more;

	if (compact->count == compact->room) {
		more = realloc(compact->placed, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		compact->placed = more;
		compact->room = room;
	}
	compact->placed[compact->count++] = (struct compact_move){
		.index = index, .from = mib, .count = count,
	};
	return compact->count > COMPACT_PLACED ? -E2BIG : 0;
}

/* What may have to move. */
static int compact_find_placed(void *arg, u64 index, u32 block, bool bitmap,
			       const struct vhdx_bat_entry *entry, int result)
{
	struct compact *compact = arg;
	const struct vhdx_geometry *geo = &compact->image->layout.geo;
	u32 count = bitmap ? 1 : vhdx_block_mib(geo);

	if (result == VHDX_FAULT_BAT_CUT && !compact->image->block_device)
		result = 0;
	/* Without a parent there are no bitmaps, whatever a slot says. */
	if (result || !entry->mib || (bitmap && !geo->has_parent))
		return result;
	if (!bitmap && compact_drops(compact, block))
		return 0;
	if (entry->mib + count <= compact->lowest)
		return 0;
	return compact_add(compact, index, entry->mib, count);
}

/* Of a block that is cut the map has a part only. */
static void compact_give_back(struct compact *compact, u64 mib, u32 count)
{
	u32 size = compact->space.size;

	if (mib < size)
		vhdx_space_release(&compact->space, mib,
				   min_t(u64, count, size - mib));
}

static int compact_release(void *arg, u64 index, u32 block, bool bitmap,
			   const struct vhdx_bat_entry *entry, int result)
{
	struct compact *compact = arg;
	u32 count = vhdx_block_mib(&compact->image->layout.geo);

	(void)index;
	(void)result;
	if (bitmap || !entry->mib || !compact_drops(compact, block))
		return 0;
	compact_give_back(compact, entry->mib, count);
	return 0;
}

static int compact_compare(const void *a, const void *b)
{
	const struct compact_move *one = a, *two = b;

	return one->from < two->from ? 1 : one->from > two->from ? -1 : 0;
}

/* All that has space below which nothing has to go. */
static int compact_collect(struct compact *compact)
{
	u32 top = compact->space.end;
	int r;

	compact->lowest = compact->space.taken;
	for (;;) {
		compact->count = 0;
		r = image_rescan_bat(compact->image, compact_find_placed,
				     compact);
		if (r != -E2BIG)
			break;
		/* As much as goes into memory; another run does the rest. */
		compact->lowest += (top - compact->lowest + 1) / 2;
	}
	if (!r && compact->count)
		qsort(compact->placed, compact->count, sizeof(*compact->placed),
		      compact_compare);
	return r;
}

/* Where it all goes. */
static void compact_assign(struct compact *compact)
{
	struct vhdx_space *space = &compact->space;
	struct compact_move *move;
	u32 hint[2] = { 1, 1 }, to;
	bool small;

	compact->move = compact->placed;
	for (; compact->moves < compact->count; compact->moves++) {
		move = &compact->placed[compact->moves];
		small = move->count == 1;
		to = vhdx_space_find(space, hint[small], move->count);
		if (!to || to >= move->from)
			break;
		vhdx_space_claim(space, to, move->count);
		hint[small] = to;
		move->to = to;
		compact->moved += move->count * (u64)SZ_1M;
	}
}

/* Where the image ends then. */
static void compact_find_end(struct compact *compact)
{
	struct vhdx_space *space = &compact->space;
	u64 i;

	for (i = 0; i < compact->moves; i++)
		compact_give_back(compact, compact->move[i].from,
				  compact->move[i].count);
	while (space->end > 1 &&
	       find_next_bit(space->map, space->end, space->end - 1) >=
	       space->end)
		space->end--;
	compact->end = (u64)space->end * SZ_1M;
	/* A last block that the file cuts is whole where it is now. */
	if (compact->moves < compact->count) {
		const struct compact_move *top = &compact->placed[compact->moves];

		compact->end = max_t(u64, compact->end,
				     (top->from + (u64)top->count) * SZ_1M);
	}
}

/**
 * compact_plan() - find out what is to be done
 * @compact: with @image and @zeros, the rest zeros; compact_free() it, also after
 *           a failure
 *
 * Nothing is written.
 *
 * Return: 0, a fault or a negative errno.
 */
int compact_plan(struct compact *compact)
{
	struct image *image = compact->image;
	u64 bits = image->layout.geo.blocks + 1ULL;
	int r;

	compact->before = image->file_bytes;
	compact->drop = calloc(BITS_TO_LONGS(bits), sizeof(long));
	if (!compact->drop)
		return -ENOMEM;
	r = image_load_bat(image, compact_find_drops, compact);
	progress_end();
	compact->space = image->space;
	if (!r && compact->dropped + compact->anchors)
		r = image_rescan_bat(image, compact_release, compact);
	if (!r)
		r = compact_collect(compact);
	if (r)
		return r;
	if (!compact->trim)
		compact_assign(compact);
	compact_find_end(compact);
	return 0;
}

static u64 compact_entry_off(const struct compact *compact, u64 index)
{
	return compact->image->layout.regions.bat.off + index * sizeof(__le64);
}

/* Change an entry; what was to be durable before is, when it is committed. */
static int compact_set(struct compact *compact, struct journal *journal,
		       u64 index, u64 state, u64 mib)
{
	u64 off = compact_entry_off(compact, index);
	__le64 entry = cpu_to_le64(VHDX_BAT_RAW(state, mib));
	int r = journal_has_room(journal, off) ? 0 : journal_commit(journal);

	return r ? r : journal_set(journal, off, &entry, sizeof(entry));
}

/* Its entry, but for the place: a block may be there in part. */
static int compact_state(struct compact *compact, u64 index, u8 *state)
{
	__le64 entry;
	int r = image_pread(compact->image, compact_entry_off(compact, index),
			    &entry, sizeof(entry));

	*state = le64_to_cpu(entry) & 7;
	return r;
}

/* What has nothing but an anchor is what it was without it. */
static int compact_drop_block(struct compact *compact, struct journal *journal,
			      u32 block)
{
	u64 index = vhdx_bat_index(&compact->image->layout.geo, block);
	u8 state;
	int r = compact_state(compact, index, &state);

	/* As a discard has it, or as it was. */
	if (!r && vhdx_block_present(state))
		state = compact_is_unused(compact, block) ?
			VHDX_BLOCK_UNMAPPED : VHDX_BLOCK_ZERO;
	return r ? r : compact_set(compact, journal, index, state, 0);
}

static int compact_drop_all(struct compact *compact, struct journal *journal)
{
	const struct vhdx_geometry *geo = &compact->image->layout.geo;
	u64 block = 0;
	int r = 0;

	for (;; block++) {
		block = find_next_bit(compact->drop, geo->blocks, block);
		if (r || block >= geo->blocks)
			break;
		r = compact_drop_block(compact, journal, block);
	}
	return r ? r : journal_commit(journal);
}

static int compact_copy(struct image *image, const struct compact_move *move,
			u8 *buf)
{
	u32 i;
	int r = 0;

	for (i = 0; !r && i < move->count; i++) {
		r = image_pread(image, (move->from + (u64)i) * SZ_1M, buf,
				COMPACT_BYTES);
		if (!r)
			r = edit_write(image, (move->to + (u64)i) * SZ_1M, buf,
				       COMPACT_BYTES);
	}
	return r;
}

static int compact_move_all(struct compact *compact, struct journal *journal)
{
	u8 *buf = malloc(COMPACT_BYTES), state;
	u64 i, done = 0, batch = 0;
	int r = buf ? 0 : -ENOMEM;

	for (i = 0; !r && i < compact->moves; i++) {
		const struct compact_move *move = &compact->move[i];
		u64 off = compact_entry_off(compact, move->index);

		progress("Moving blocks", done, compact->moved);
		if (batch >= COMPACT_BATCH || !journal_has_room(journal, off)) {
			r = journal_commit(journal);
			batch = 0;
		}
		if (!r)
			r = compact_copy(compact->image, move, buf);
		if (!r)
			r = compact_state(compact, move->index, &state);
		if (!r)
			r = compact_set(compact, journal, move->index, state,
					move->to);
		done += move->count * (u64)SZ_1M;
		batch += move->count * (u64)SZ_1M;
	}
	progress_end();
	free(buf);
	return r ? r : journal_commit(journal);
}

/**
 * compact_write() - do what was planned
 * @compact: from compact_plan(); the image is open for writing
 *
 * Return: 0 or a negative errno.
 */
int compact_write(struct compact *compact)
{
	struct image *image = compact->image;
	struct journal journal = {};
	int r = 0;

	if (compact->dropped || compact->anchors || compact->moves) {
		/* The disk is going to be another one where nobody looks. */
		if (compact->unused && compact->dropped) {
			guid_random(&image->layout.header.data_write_guid);
			r = edit_header(image);
		}
		if (!r)
			r = journal_begin(&journal, image);
		if (!r)
			r = compact_drop_all(compact, &journal);
		if (!r)
			r = compact_move_all(compact, &journal);
		if (!r)
			r = journal_end(&journal);
		journal_free(&journal);
	}
	if (!r && !image->block_device && compact->end < image->file_bytes)
		r = edit_resize(image, compact->end);
	return r ? r : edit_sync(image);
}

/**
 * compact_free() - free memory
 * @compact: need not be filled in
 */
void compact_free(struct compact *compact)
{
	free(compact->drop);
	free(compact->placed);
	compact->drop = NULL;
	compact->placed = NULL;
}
