/* SPDX-License-Identifier: GPL-2.0 */
/* A VHD image and all its parents. */
#ifndef VHDX_TOOLS_VHD_CHAIN_H
#define VHDX_TOOLS_VHD_CHAIN_H

#include "chain.h"

int vhd_chain_open(struct chain *chain, const char *path,
		   enum image_mode mode, const struct parent_search *search);

#endif /* VHDX_TOOLS_VHD_CHAIN_H */
