/* SPDX-License-Identifier: GPL-2.0 */
/* What a log holds that the file does not. */
#ifndef VHDX_TOOLS_PENDING_H
#define VHDX_TOOLS_PENDING_H

#include "audit.h"

int pending_log(struct image *image, const struct audit *audit, bool *pending);

#endif /* VHDX_TOOLS_PENDING_H */
