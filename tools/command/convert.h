/* SPDX-License-Identifier: GPL-2.0 */
/* What 'vhdx convert' is to do. */
#ifndef VHDX_TOOLS_CONVERT_H
#define VHDX_TOOLS_CONVERT_H

#include "checkpoint.h"
#include "command.h"
#include "newfile.h"

/**
 * struct convert - what the command line says, and what comes of it
 * @source: what is read
 * @target: what is written
 * @from_format: of @source; DISK_AUTO: whatever it is
 * @to_format: of @target
 * @have_type: --type was given
 * @fixed: what it said
 * @block_bytes: --block-size; 0: it was not given
 * @logical_bytes: --logical-sector-size; likewise
 * @azure: a VHD that Azure takes
 * @preallocate: the target is to have all of its space
 * @no_sparse: zeros are written
 * @sha256: somebody wants to know
 * @go_on: what is not finished stays, and is gone on with
 * @force: whatever the target is
 * @json: report
 * @search: where parents are
 * @from: the disk
 * @to: the new one
 * @transfer: what is done
 * @digest: for @sha256
 * @sum: the digest
 * @file: the file of the new one
 * @image: the same, or the device
 * @point: for @go_on
 */
struct convert {
	const char *source;
	const char *target;
	enum disk_format from_format;
	enum disk_format to_format;
	bool have_type;
	bool fixed;
	u64 block_bytes;
	u32 logical_bytes;
	bool azure;
	bool preallocate;
	bool no_sparse;
	bool sha256;
	bool go_on;
	bool force;
	bool json;
	struct parent_search search;
	struct disk from;
	struct newdisk to;
	struct transfer transfer;
	struct digest digest;
	char sum[DIGEST_TEXT];
	struct newfile file;
	struct image image;
	struct checkpoint point;
};

int convert_plan(struct convert *convert);

#endif /* VHDX_TOOLS_CONVERT_H */
