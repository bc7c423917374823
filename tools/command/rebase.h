/* SPDX-License-Identifier: GPL-2.0 */
/* What 'vhdx rebase' is to do. */
#ifndef VHDX_TOOLS_REBASE_H
#define VHDX_TOOLS_REBASE_H

#include "parent.h"

/**
 * struct rebase_request - what is to be done
 * @path: the image
 * @parent: its parent to be
 * @search: where other parents are
 * @content: the disk stays what it is
 * @force: whatever becomes of it
 * @json: report
 */
struct rebase_request {
	const char *path;
	const char *parent;
	struct parent_search search;
	bool content;
	bool force;
	bool json;
};

int rebase_vhd(const struct rebase_request *want);

#endif /* VHDX_TOOLS_REBASE_H */
