/* SPDX-License-Identifier: GPL-2.0 */
/* The target behind a mapping: its events and messages. */
#ifndef VHDX_TOOLS_TARGET_H
#define VHDX_TOOLS_TARGET_H

#include "mapping.h"

int target_get(dev_t dev, struct mapping *mapping, u32 *event);
int target_wait(dev_t dev, u32 event);
int target_ask(dev_t dev, const char *message, char *answer, size_t size);
int target_message(dev_t dev, const char *message);

#endif /* VHDX_TOOLS_TARGET_H */
