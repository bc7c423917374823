/* SPDX-License-Identifier: GPL-2.0 */
/* The machine's hibernation, as far as an initramfs is concerned. */
#ifndef VHDX_TOOLS_RESUME_H
#define VHDX_TOOLS_RESUME_H

#include <stdbool.h>

/**
 * enum resume_state - what is known of a hibernated system
 * @RESUME_DONE: it has been tried, or there is nothing to try
 * @RESUME_WAIT: its device is not there yet
 */
enum resume_state {
	RESUME_DONE,
	RESUME_WAIT,
};

enum resume_state resume_try(const char *device, const char *offset);
bool resume_is_possible(void);

#endif /* VHDX_TOOLS_RESUME_H */
