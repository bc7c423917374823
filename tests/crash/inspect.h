/* SPDX-License-Identifier: GPL-2.0 */
/* An image as the tool's code sees it. */
#ifndef CRASH_INSPECT_H
#define CRASH_INSPECT_H

#include "stack.h"
#include "view.h"

/**
 * struct heritage - what an image has by way of its parents
 * @content: of the windows, as parents have them; NULL: it has none
 * @stale_mib: sector bitmap in which set bits meant nothing from the start
 * @vhd: it is a VHD image
 */
struct heritage {
	void *content;
	u32 stale_mib;
	bool vhd;
};

bool inspect_is_dirty(const struct ramdisk *disk, bool *dirty);
bool inspect_clean(const struct ramdisk *disk, const struct view *view,
		   const struct heritage *heritage, void *buf);
bool inspect_vhd(const struct ramdisk *disk, const struct view *view,
		 const struct heritage *heritage, void *buf);
u32 inspect_bitmaps(const struct ramdisk *disk, u32 *mib, u32 max);
u32 inspect_spoil(struct ramdisk *disk, struct dice *dice);

#endif /* CRASH_INSPECT_H */
