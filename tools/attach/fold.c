// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: a merge below a disk in use
 *
 * A pass:
 *
 *  1. The disk gets a new leaf, which takes the name of the old one (graft.c).
 *     While it is suspended for that the layer above the parent takes that by another
 *     GUID, too, and the parent gets it.
 *  2. The layers between, which nobody writes to any more, are merged into the
 *     parent (merge.c), with both mapped.  The kernel goes on with what it has in
 *     core of the parent; all that is written to that is hidden by the layers
 *     above, nothing in it is moved or freed, and whatever is loaded in
 *     between shows the same disk.
 *  3. The disk is suspended again.  Its leaf is told that the parent is its parent
 *     now; it takes the layer between all the same, so that the old table can be
 *     resumed.  The parent's header gets another FileWriteGuid: the kernel has to read
 *     its BAT anew.  Then the table without the layers between.
 *  4. They are deleted.
 *
 * What was written meanwhile is in the new leaf, and so the next pass has less to do.
 * Once it is little, or does not get less, the last leaf is merged while the disk is
 * suspended, and the parent is the leaf (fold-last.c).
 *
 * If it ends anywhere in between, the disk goes on as it is, and so does the
 * next merge: it finds the layer that takes its parent by a second GUID, or of VHD images
 * the one that says so (vhd-link.c).
 *
 * Of VHD images there are no 3 and 4: a child names its parent by one UniqueId, so there
 * is nothing that the tables before and after could both be resumed with.  What has been
 * merged stays where it is, and hides what is in the parent, until all of it is.  The
 * next pass merges what its own layer has, on top of that.  The parent's BAT is read anew
 * whenever a table is resumed, and it fits those above at any moment.
 *
 * Rules, or data is lost: nobody else has the parent mapped, and nobody gets
 * it (use_lock_merge()); the table is that which is expected before it is
 * replaced.
 */
#include <stdlib.h>
#include <unistd.h>

#include "fold.h"
#include "message.h"
#include "size.h"

#define FOLD_PASSES	8U		/* at most */
#define FOLD_LITTLE	(4ULL * SZ_1M)	/* can be copied while I/O waits */

/**
 * fold_run() - merge
 * @fold: from fold_check()
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno; then the disk goes on all the same.
 */
int fold_run(struct fold *fold)
{
	u64 bytes, last = ~0ULL;
	char text[SIZE_TEXT];
	int r = fold_lock(fold);

	while (!r) {
		r = fold_measure(fold, &bytes);
		if (r)
			break;
		if (fold->verbose)
			note(fold->disk.name, "%s to be merged",
			     size_text(text, bytes));
		/* A writer that is as fast as this has to wait at the end. */
		if (bytes <= FOLD_LITTLE || bytes >= last ||
		    fold->passes == FOLD_PASSES)
			return fold_last(fold);
		last = bytes;
		r = fold_pass(fold);
	}
	return r;
}

/**
 * fold_free() - end with a merge, done or not
 * @fold: from fold_look()
 */
void fold_free(struct fold *fold)
{
	fold_close(fold);
	layers_close(&fold->parents);
	if (fold->leaf)
		attachment_free(fold->leaf);
	if (fold->target_fd >= 0)
		close(fold->target_fd);
	free(fold->moved);
	free(fold->target);
	free(fold->path);
}
