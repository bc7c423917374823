/* SPDX-License-Identifier: GPL-2.0 */
/* All that is wrong with an image. */
#ifndef VHDX_TOOLS_AUDIT_H
#define VHDX_TOOLS_AUDIT_H

#include "image.h"

/* What a reader can live with, beside the faults of enum vhdx_fault. */
enum audit_kind {
	AUDIT_LOG_DIRTY = VHDX_NR_FAULTS,
	AUDIT_HEADER_DAMAGED,
	AUDIT_REGION_TABLE,
	AUDIT_NR
};

#define AUDIT_EXAMPLES	20	/* places kept of each problem */

/**
 * struct audit_place - a BAT entry with a problem
 * @index: in the BAT
 * @block: payload block, or chunk
 * @bitmap: it is a sector bitmap slot
 * @mib: where it points, in MiB from the start of the image
 */
struct audit_place {
	u64 index;
	u32 block;
	bool bitmap;
	u64 mib;
};

/**
 * struct audit_problem - a kind of problem
 * @count: how often it was found
 * @warning: no error: nothing has to be done about it
 * @places: how many of @place are filled in
 * @place: where
 */
struct audit_problem {
	u64 count;
	bool warning;
	unsigned int places;
	struct audit_place place[AUDIT_EXAMPLES];
};

/**
 * struct audit - what was found
 * @problem: by enum vhdx_fault and enum audit_kind
 * @readable: header, log, regions and metadata are good enough to go on
 * @allocated: blocks with data
 * @end: where the last block ends, past the end of the file if it is cut
 * @free_inside: bytes below @end that nothing owns
 * @free_behind: bytes of the file behind @end
 */
struct audit {
	struct audit_problem problem[AUDIT_NR];
	bool readable;
	u64 allocated;
	u64 end;
	u64 free_inside;
	u64 free_behind;
};

int audit_image(struct audit *audit, struct image *image);
unsigned int audit_errors(const struct audit *audit);
bool audit_fixable(int kind, const struct image *image);
const char *audit_name(int kind);
const char *audit_text(int kind);
const char *audit_advice(int kind, const struct image *image, bool fixable);

#endif /* VHDX_TOOLS_AUDIT_H */
