/* SPDX-License-Identifier: GPL-2.0 */
/* The states that a crash may leave. */
#ifndef CRASH_STATES_H
#define CRASH_STATES_H

#include "verdict.h"

/**
 * struct plan - which states to look at
 * @states: how many, about
 * @random: percentage of them that are random choices, at least
 * @worker: number of this process ...
 * @workers: ... of so many that share the work
 * @every_replay: cut the replay of one state in so many; 0: of none
 * @every_tool: have the tool replay one in so many
 * @every_qemu: have qemu-img replay one in so many
 * @every_write: write to one in so many
 * @stop: shared by all workers: one has failed, so that is that
 */
struct plan {
	u32 states;
	u32 random;
	u32 worker;
	u32 workers;
	u32 every_replay;
	u32 every_tool;
	u32 every_qemu;
	u32 every_write;
	volatile bool *stop;
};

/**
 * struct tally - what was done
 * @states: states
 * @cut: of these, replays that were cut
 * @failed: one was wrong
 */
struct tally {
	u32 states;
	u32 cut;
	bool failed;
};

void state_explore(struct verdict *verdict, const struct plan *plan,
		   struct tally *tally);

#endif /* CRASH_STATES_H */
