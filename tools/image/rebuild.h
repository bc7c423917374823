/* SPDX-License-Identifier: GPL-2.0 */
/* New headers for an image that has lost both. */
#ifndef VHDX_TOOLS_REBUILD_H
#define VHDX_TOOLS_REBUILD_H

#include "audit.h"

#define REBUILD_VIEWS	16	/* more logs than that are not shown */

/**
 * struct rebuild_view - the image as it is, or with one of its logs replayed
 * @header: what header makes it look so; without a LogGuid for "as it is"
 * @entries: log entries to be replayed
 * @unapplied: they change something
 * @readable: regions and metadata are good
 * @errors: problems that are left then, without those that a repair mends
 * @worse: some of them are not there without the log
 * @allocated: blocks with data
 * @missing: blocks that have data without this log
 * @returning: blocks with data that were discarded in the image as it is
 */
struct rebuild_view {
	struct vhdx_header header;
	u64 entries;
	bool unapplied;
	bool readable;
	u64 errors;
	bool worse;
	u64 allocated;
	u64 missing;
	u64 returning;
};

/**
 * struct rebuild - what the headers may have been
 * @view: the image as it is, then with each log that was found; the last one is
 *	for looking only
 * @views: how many
 * @header: the one to write
 * @chosen: the view that it makes
 * @why: why no log is replayed, though one may have had to be; NULL if none has
 */
struct rebuild {
	struct rebuild_view view[1 + REBUILD_VIEWS + 1];
	unsigned int views;
	struct vhdx_header header;
	unsigned int chosen;
	const char *why;
};

int rebuild_look(struct rebuild *rebuild, struct image *image);
int rebuild_write(const struct rebuild *rebuild, struct image *image);

#endif /* VHDX_TOOLS_REBUILD_H */
