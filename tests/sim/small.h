/* SPDX-License-Identifier: GPL-2.0 */
/* Small cases: see small.c. */
#ifndef SMALL_H
#define SMALL_H

#include "vk-image.h"

#define SMALL_BLOCKS		2
#define SMALL_BLOCK_SECTORS	2048U
/* Of a sector bitmap. */
#define SMALL_BITS_BYTES	(SMALL_BLOCK_SECTORS / 8)
#define SMALL_SECTORS		(SMALL_BLOCKS * SMALL_BLOCK_SECTORS)
#define SMALL_MAX_OPS		3
#define SMALL_MAX_NAMED		8
#define SMALL_MAX_FLUSHES	4
/* The parent's contents: no one's number. */
#define SMALL_OLD		30
/* A byte that may be seen in no block. */
#define SMALL_FOREIGN		0xfe

/* What an image is like at first: see small-ops.c. */
enum small_start {
	SMALL_ABSENT,
	SMALL_ZEROED,
	SMALL_PRESENT,
	SMALL_DISCARDED,
	SMALL_REUSED,
	SMALL_LOG_END,
	SMALL_HIGH,
	SMALL_BARE_CHILD,
	SMALL_CHILD,
	SMALL_HIGH_CHILD,
	SMALL_VHD,
	SMALL_VHD_CHILD,
	SMALL_STARTS,
};

/* ------------------------------------------------------------------------
 * small-book.c: what may be where
 *
 * Contents have numbers: 0 is zeros, others say who has written them.  Sets of
 * them are masks.
 */

/**
 * struct small_flush - a flush that is under way
 * @used: it is
 * @then: what there may have been when it began
 * @since: what was written after that
 */
struct small_flush {
	bool used;
	u32 then[SMALL_SECTORS];
	u32 since[SMALL_SECTORS];
};

/**
 * struct small_book - what may be in each sector
 * @crash: after a power cut
 * @now: for who reads now
 * @busy: writes under way
 * @mixed: more than one was at a time: nobody knows which was last
 * @flushes: that are under way
 * @version: changes with each change of @crash
 */
struct small_book {
	u32 crash[SMALL_SECTORS];
	u32 now[SMALL_SECTORS];
	u8 busy[SMALL_SECTORS];
	u8 mixed[SMALL_SECTORS];
	struct small_flush flushes[SMALL_MAX_FLUSHES];
	u64 version;
};

void small_book_init(struct small_book *book);
void small_book_set(struct small_book *book, u32 first, u32 count, u32 content);
void small_book_begin(struct small_book *book, u32 first, u32 count,
		      u32 content);
void small_book_end(struct small_book *book, u32 first, u32 count, u32 content,
		    bool fua);
u32 small_book_flush(struct small_book *book);
void small_book_flushed(struct small_book *book, u32 flush);
void small_book_settle(struct small_book *book);
void small_fill(void *buf, u32 sector, u32 content);
int small_content(const void *buf, u32 sector);

/* ------------------------------------------------------------------------
 * small-cut.c: what a power cut leaves
 */

/**
 * struct small_stats - how much was looked at
 * @scripts: sequences of operations
 * @cuts: places in them where power was cut
 * @built: states a cut may leave
 * @states: those of them that differ
 * @replays: of these were replayed, too, and that was cut
 */
struct small_stats {
	u64 scripts;
	u64 cuts;
	u64 built;
	u64 states;
	u64 replays;
};

struct small_test;

void small_cut(struct small_test *t, struct fake_dev *dev);
void small_cut_exit(void);

/* small-judge.c */
bool small_judge(struct small_test *t, struct fake_dev *crash);
bool small_judge_sector(struct small_test *t, const u8 *data, u32 sector);

/* small-child.c */
void small_child_format(struct small_test *t, enum small_start start);
bool small_child_bits(struct small_test *t, struct vhdx_image *image,
		      struct fake_dev *crash,
		      u8 bits[SMALL_BLOCKS * SMALL_BITS_BYTES]);

/* small-vhd.c */
void small_vhd_format(struct small_test *t, bool child);
bool small_vhd_judge(struct small_test *t, struct fake_dev *crash);
void small_vhd_check(struct small_test *t);

/* ------------------------------------------------------------------------
 * small-ops.c: what a guest does
 */

extern const char *const small_starts[SMALL_STARTS];

/*
 * In all sequences, in those from SMALL_HIGH and SMALL_CHILD, and in those from
 * SMALL_HIGH_CHILD: elsewhere there is nothing to move.
 */
#define SMALL_OPS	13
#define SMALL_HIGH_OPS	15
#define SMALL_BITMAP_OPS	16

extern const char small_ops[];

bool small_op_offered(enum small_start start, u32 op);

void small_begin(struct small_test *t, enum small_start start, u32 fill);
void small_op(struct small_test *t, u32 op);
void small_op_later(struct small_test *t, u32 op);
void small_settle(struct small_test *t);
void small_check(struct small_test *t);
void small_end(struct small_test *t);

/**
 * struct small_test - a sequence of operations
 * @spec: the image
 * @place: which of the disk's blocks the two are
 * @dev: its device
 * @parent: of its parent; or NULL
 * @new_bits: sector bitmaps are the target's own
 * @vkt: the target
 * @book: what may be where
 * @next: number of the next content
 * @under_way: bios
 * @judging: cuts count
 * @replaying: it is a state's replay that is cut
 * @nested: works under way from within the device
 * @overlap: how things overlap; 0: they do not
 * @name: what it is, for messages
 * @what: what is being looked at, likewise
 * @failures: so many were told
 * @rnd: which states, where there are too many
 * @stats: how much was looked at
 * @buf: a MiB
 */
struct small_test {
	struct vk_spec spec;
	u32 place[SMALL_BLOCKS];
	struct fake_dev *dev;
	struct fake_dev *parent;
	bool new_bits;
	struct vk_target vkt;
	struct small_book book;
	u32 next;
	u32 under_way;
	bool judging;
	bool replaying;
	u32 nested;
	u32 overlap;
	char name[64];
	char what[128];
	u32 failures;
	struct rnd_state rnd;
	struct small_stats stats;
	u8 *buf;
};

__printf(2, 3) void small_fail(struct small_test *t, const char *fmt, ...);

#endif /* SMALL_H */
