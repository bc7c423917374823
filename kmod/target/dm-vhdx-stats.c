// SPDX-License-Identifier: GPL-2.0
/*
 * What a target has done: its tracepoints, and message "stats".
 */
#include "dm-vhdx.h"

#define CREATE_TRACE_POINTS
#include "dm-vhdx-trace.h"

/**
 * vhdx_stats_show() - answer message "stats"
 * @vt: the target
 * @result: takes it: a name and a number on each line
 * @maxlen: bytes there
 *
 * They count since the table was loaded, checkpoints and flushes since it was
 * resumed; what is to be freed is as it is now.
 *
 * Context: process context, any time.
 */
void vhdx_stats_show(const struct vhdx_target *vt, char *result,
		     unsigned int maxlen)
{
	static const char * const names[] = {
#define VHDX_STAT_NAME(name, text) text,
		VHDX_STATS(VHDX_STAT_NAME)
#undef VHDX_STAT_NAME
	};
	unsigned int sz = 0, i;

	for (i = 0; i < VHDX_STAT_COUNT; i++)
		DMEMIT("%s %llu\n", names[i], vhdx_stat(&vt->stats, i));
	DMEMIT("mib_to_free %u\n", READ_ONCE(vt->limbo_mib));
	/* data_race(): whoever counts is the commit work, and may wait for long. */
	DMEMIT("checkpoints %llu\n", data_race(vt->log.checkpoints));
	DMEMIT("flushes %llu\n", (u64)atomic64_read(&vt->image.flushes));
}
