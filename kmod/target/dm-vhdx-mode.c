// SPDX-License-Identifier: GPL-2.0
/*
 * The mode of a target: rw, ro or fail.
 */
#include "dm-vhdx.h"
#include "dm-vhdx-trace.h"

/**
 * vhdx_mode_name() - a mode as status shows it
 * @mode: the mode
 *
 * Context: any.
 * Return: constant string.
 */
const char *vhdx_mode_name(enum vhdx_mode mode)
{
	static const char * const names[] = {
		[VHDX_MODE_RW] = "rw",
		[VHDX_MODE_RO] = "ro",
		[VHDX_MODE_FAIL] = "fail",
	};

	return names[mode];
}

/**
 * vhdx_set_mode() - the one place where the mode changes
 * @vt: the target
 * @mode: the new mode
 * @reason: constant clause for the kernel log; NULL at a resume
 *
 * Context: process context.
 */
void vhdx_set_mode(struct vhdx_target *vt, enum vhdx_mode mode,
		   const char *reason)
{
	enum vhdx_mode old;

	/* vhdx_session_open() may be about to allow writes. */
	spin_lock_irq(&vt->lock);
	old = vt->mode;
	WRITE_ONCE(vt->mode, mode);
	if (old != mode && mode != VHDX_MODE_RW) {
		WRITE_ONCE(vt->may_overwrite, false);
		vt->dozing = false;
		/* What is in core may be ahead of what is on the device. */
		vt->stale = true;
	}
	spin_unlock_irq(&vt->lock);
	if (old == mode)
		return;
	trace_vhdx_mode(vt->bdev, old, mode);
	if (reason)
		DMERR("%pg: %s: mode changes from %s to %s, suspend and resume to reload",
		      vt->bdev, reason, vhdx_mode_name(old),
		      vhdx_mode_name(mode));
	dm_table_event(vt->ti->table);
}
