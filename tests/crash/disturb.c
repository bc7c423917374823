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

/**
 * disturb_move() - have blocks moved to space that others have left
 * @workload: the workload, which is being written
 */
void disturb_move(struct workload *workload)
{
	const struct ledger *ledger = &workload->ledger;
	char message[40];
	struct dice dice;
	u32 i;

	dice_init(&dice, workload->seed, 2);
	for (i = 0; i < workload->kind->moves; i++) {
		const struct site *site;

		usleep(5000);
		site = &ledger->sites[dice_below(&dice, ledger->nr_sites)];
		snprintf(message, sizeof(message), "move %u%s",
			 (u32)(site->lba / BLOCK_SECTORS),
			 dice_percent(&dice, 20) ? " zeros" : "");
		stack_message(WORKLOAD_NAME, message);
	}
}
