/* SPDX-License-Identifier: GPL-2.0 */
/* What all of the crash tests share. */
#ifndef CRASH_H
#define CRASH_H

#include "vhdx-shim.h"

#define SECTOR		512U
#define PAGE		4096U
#define BLOCK_SECTORS	2048U	/* blocks of 1 MiB */
#define CHUNK_SECTORS	(1U << 23)	/* each with a sector bitmap */

/* Exit status: 1 is for a state that is wrong, this for all else. */
#define EXIT_TROUBLE	2

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
double now(void);

/**
 * struct dice - random numbers that come again with the same seed
 * @state: of xorshift64*
 */
struct dice {
	u64 state;
};

void dice_init(struct dice *dice, u64 seed, u64 salt);
u64 dice_next(struct dice *dice);
u32 dice_below(struct dice *dice, u32 limit);
bool dice_percent(struct dice *dice, u32 percent);

#endif /* CRASH_H */
