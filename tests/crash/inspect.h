/* SPDX-License-Identifier: GPL-2.0 */
/* An image as the tool's code sees it. */
#ifndef CRASH_INSPECT_H
#define CRASH_INSPECT_H

#include "stack.h"
#include "view.h"

bool inspect_is_dirty(const struct ramdisk *disk, bool *dirty);
bool inspect_clean(const struct ramdisk *disk, const struct view *view,
		   void *buf);

#endif /* CRASH_INSPECT_H */
