/* SPDX-License-Identifier: GPL-2.0 */
/* Giving a parent what its child has, VHD. */
#ifndef VHDX_TOOLS_VHD_MERGE_H
#define VHDX_TOOLS_VHD_MERGE_H

#include "merge.h"
#include "vhd-layer.h"

extern const struct merge_ops merge_of_vhd;

#endif /* VHDX_TOOLS_VHD_MERGE_H */
