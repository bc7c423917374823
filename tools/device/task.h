/* SPDX-License-Identifier: GPL-2.0 */
/* What libdevmapper's tasks answer. */
#ifndef VHDX_TOOLS_TASK_H
#define VHDX_TOOLS_TASK_H

#include <libdevmapper.h>

#include "vhdx-shim.h"

bool task_find_target(const char *target, u32 version[3]);
int task_run(struct dm_task *task);

#endif /* VHDX_TOOLS_TASK_H */
