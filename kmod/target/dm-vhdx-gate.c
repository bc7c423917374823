// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: hibernation
 *
 * The kernel takes a picture of its memory, and then goes on, to write that to a
 * swap space.  What this kernel does to an image meanwhile the one that is made of
 * the picture later knows nothing of: that has the log at an older position, takes
 * space for zero that was written, and believes a session to be open which the
 * header has given up.  So from before the picture on nobody changes metadata, nor
 * takes space: worker, commit work, and map's own try at a new block go through a
 * gate, which is closed then.  Timers may fire; what they want done waits there.
 *
 * The gate is closed when user space and kernel threads sleep, and no device does.
 * So it keeps nobody from going to sleep, as a queue that freezes would: a file
 * system's thread that is frozen after that may wait for a FLUSH, which waits for a
 * commit.  It is opened when the system goes on, or has failed to sleep.  Other
 * kinds of sleep keep what is in memory, and do not close it.
 *
 * Overwrites and reads of present blocks pass by, as on any disk.
 */
#include <linux/atomic.h>
#include <linux/wait.h>

#include "dm-vhdx.h"
#include "dm-vhdx-gate.h"

/*
 * Whoever is inside by then is waited for, but no longer: a loop device sleeps
 * before that, and wakes up in the kernel that goes on only.
 */
#define VHDX_GATE_TIMEOUT	(5 * HZ)

/* How many are inside; INT_MIN is added while it is closed. */
static atomic_t vhdx_inside = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(vhdx_gate);

/**
 * vhdx_gate_try() - enter if the gate is open
 *
 * Context: any.
 * Return: true if so; vhdx_gate_leave() has to follow.
 */
bool vhdx_gate_try(void)
{
	return atomic_inc_unless_negative(&vhdx_inside);
}

/**
 * vhdx_gate_enter() - enter, when the gate is open
 *
 * Nobody who is inside may wait for somebody who wants to enter.
 *
 * Context: process context, may sleep.
 */
void vhdx_gate_enter(void)
{
	wait_event_idle(vhdx_gate, vhdx_gate_try());
}

/**
 * vhdx_gate_leave() - undo vhdx_gate_try() or vhdx_gate_enter()
 *
 * Context: any.
 */
void vhdx_gate_leave(void)
{
	if (unlikely(atomic_dec_return(&vhdx_inside) == INT_MIN))
		wake_up_all(&vhdx_gate);
}

/**
 * vhdx_gate_close() - keep everybody out
 *
 * Context: process context, may sleep.
 * Return: true if nobody is inside any more; false if that takes too long.
 */
bool vhdx_gate_close(void)
{
	if (atomic_read(&vhdx_inside) >= 0)
		atomic_add(INT_MIN, &vhdx_inside);
	wait_event_timeout(vhdx_gate, atomic_read(&vhdx_inside) == INT_MIN,
			   VHDX_GATE_TIMEOUT);
	return atomic_read(&vhdx_inside) == INT_MIN;
}

/**
 * vhdx_gate_open() - let everybody in again
 *
 * Context: process context.
 */
void vhdx_gate_open(void)
{
	if (atomic_read(&vhdx_inside) < 0)
		atomic_sub(INT_MIN, &vhdx_inside);
	wake_up_all(&vhdx_gate);
}
