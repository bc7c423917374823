/* SPDX-License-Identifier: GPL-2.0 */
/* What a file system does not use, by partclone. */
#ifndef VHDX_TOOLS_UNUSED_PARTCLONE_H
#define VHDX_TOOLS_UNUSED_PARTCLONE_H

#include "unused-tool.h"

int unused_partclone(struct unused_tool *tool, const char *program,
		     const char *name);
bool unused_clusters_agree(const struct unused_tool *tool, u64 from, u64 bytes,
			   u64 count, u64 free);

#endif /* VHDX_TOOLS_UNUSED_PARTCLONE_H */
