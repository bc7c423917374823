/* SPDX-License-Identifier: GPL-2.0 */
/* What a child says of its parent, written as Windows writes it. */
#ifndef VHDX_TOOLS_LOCATOR_H
#define VHDX_TOOLS_LOCATOR_H

#include "vhdx-locator.h"

/* No locator made here is longer. */
#define LOCATOR_MAX_BYTES	(60 * 1024U)

int locator_make(void **item, u32 *bytes, const char *child,
		 const char *parent, const guid_t *guid, const void *old);

int locator_add_linkage2(void **item, u32 *bytes, const void *old,
			 const guid_t *guid);

#endif /* VHDX_TOOLS_LOCATOR_H */
