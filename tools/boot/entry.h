/* SPDX-License-Identifier: GPL-2.0 */
/* A line of a table, and what is attached for it. */
#ifndef VHDX_TOOLS_ENTRY_H
#define VHDX_TOOLS_ENTRY_H

#include "attachment.h"
#include "tab.h"

bool entry_is_attached(const struct tab_entry *entry);
void entry_fill(struct attachment *image, const struct tab_entry *entry);

#endif /* VHDX_TOOLS_ENTRY_H */
