// SPDX-License-Identifier: GPL-2.0
/* What happens to the mapping beside the writers. */
#include <stdio.h>
#include <unistd.h>

#include "stamp.h"
#include "workload.h"

/**
 * disturb_suspend() - suspend and resume the mapping
 * @workload: the workload, which is being written
 */
void disturb_suspend(struct workload *workload)
{
	u32 i, events;

	for (i = 0; i < workload->kind->suspends; i++) {
		usleep(30000);
		events = ledger_events(&workload->ledger);
		stack_suspend(WORKLOAD_NAME);
		workload_mark(workload, MARK_SUSPENDED, events);
		stack_resume(WORKLOAD_NAME);
	}
}

/* One of a chain has sector bitmaps as well. */
static void disturb_move_one(const struct workload *workload, struct dice *dice,
			     const struct site *site)
{
	char message[40];

	if (workload->kind->parents && dice_percent(dice, 30))
		snprintf(message, sizeof(message), "move bitmap %u",
			 (u32)(site->lba / CHUNK_SECTORS));
	else
		snprintf(message, sizeof(message), "move %u%s",
			 (u32)(site->lba / BLOCK_SECTORS),
			 dice_percent(dice, 20) ? " zeros" : "");
	stack_message(WORKLOAD_NAME, message);
}

/**
 * disturb_move() - have blocks moved to space that others have left
 * @workload: the workload, which is being written
 */
void disturb_move(struct workload *workload)
{
	const struct ledger *ledger = &workload->ledger;
	struct dice dice;
	u32 i;

	dice_init(&dice, workload->seed, 2);
	for (i = 0; i < workload->kind->moves; i++) {
		usleep(5000);
		disturb_move_one(workload, &dice,
				 &ledger->sites[dice_below(&dice, ledger->nr_sites)]);
	}
}
