/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a target has done since its table was loaded, counted by name.
 *
 * None of it is counted on the hot path; counters are atomic, as they belong to
 * things that have different locks.
 */
#ifndef DM_VHDX_STATS_H
#define DM_VHDX_STATS_H

#include <linux/atomic.h>

/*
 * The order in which message "stats" has them.  Names are part of the interface:
 * one that is there stays, and means the same.
 */
#define VHDX_STATS(X) \
	X(ALLOCATED, "blocks_allocated")	/* or begun in parts */ \
	X(ZEROED, "blocks_zeroed")		/* before they were used */ \
	X(FILLED, "blocks_filled")		/* of parts, all are here now */ \
	X(FREED, "blocks_freed") \
	X(MOVED, "blocks_moved")		/* to lower space */ \
	X(BITMAPS, "bitmaps_allocated")		/* of chunks */ \
	X(BITMAPS_MOVED, "bitmaps_moved")	/* to lower space */ \
	X(TILES, "tiles_made")			/* from layers' bitmaps */ \
	X(ASIDE, "places_set_aside")		/* MiB that could not be written */ \
	X(DEFERRED, "bios_deferred")		/* left to the worker by map */ \
	X(STARVED, "bios_starved")		/* waited for memory or a commit */ \
	X(READS, "reads_deferred")		/* waited for a tile */ \
	X(NO_ROOM, "writes_without_space")	/* waited for space, or failed */ \
	X(SESSIONS, "sessions_opened") \
	X(CLOSED, "sessions_closed")		/* with a clean image */ \
	X(COMMITS, "commits") \
	X(ENTRIES, "log_entries") \
	X(PASSED_DOWN, "mib_passed_down")	/* as discards */ \
	X(REUSABLE, "mib_freed")		/* free for other blocks */

enum vhdx_stat {
#define VHDX_STAT_NUMBER(name, text) VHDX_STAT_##name,
	VHDX_STATS(VHDX_STAT_NUMBER)
#undef VHDX_STAT_NUMBER
	VHDX_STAT_COUNT
};

struct vhdx_stats {
	atomic64_t value[VHDX_STAT_COUNT];
};

static inline void vhdx_stat_add(struct vhdx_stats *stats, enum vhdx_stat which,
				 u64 by)
{
	atomic64_add(by, &stats->value[which]);
}

static inline u64 vhdx_stat(const struct vhdx_stats *stats, enum vhdx_stat which)
{
	return atomic64_read(&stats->value[which]);
}

#endif /* DM_VHDX_STATS_H */
