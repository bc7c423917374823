/* SPDX-License-Identifier: GPL-2.0 */
/* All that is wrong with an image. */
#ifndef VHDX_TOOLS_AUDIT_H
#define VHDX_TOOLS_AUDIT_H

#include "image.h"

/* What a reader can live with, beside the faults of enum vhdx_fault. */
enum audit_kind {
	AUDIT_IDENTIFIER = VHDX_NR_FAULTS,
	AUDIT_LOG_DIRTY,
	AUDIT_HEADER_DAMAGED,
	AUDIT_REGION_TABLE,
	AUDIT_BITMAP_STALE,
	AUDIT_PARENT_MISSING,
	AUDIT_VHD_TAIL,
	AUDIT_VHD_COPY,
	AUDIT_VHD_DIFFER,
	AUDIT_VHD_BATMAP,
	AUDIT_VHD_DENIED,
	AUDIT_VHD_BEHIND,
	AUDIT_NR
};

#define AUDIT_EXAMPLES	20	/* places kept of each problem */

/**
 * enum audit_level - how bad a problem is
 * @AUDIT_ERROR: something has to be done about it
 * @AUDIT_WARNING: it keeps an image from being written, but nothing is broken
 * @AUDIT_NOTE: nothing has to be done about it
 */
enum audit_level {
	AUDIT_ERROR,
	AUDIT_WARNING,
	AUDIT_NOTE,
};

/**
 * enum audit_owner - who has the space that an entry claims
 * @AUDIT_OWNER_NONE: nobody, or it was not asked for
 * @AUDIT_OWNER_HEAD: the first MiB
 * @AUDIT_OWNER_LOG: the log
 * @AUDIT_OWNER_REGION: a region
 * @AUDIT_OWNER_BLOCK: a payload block
 * @AUDIT_OWNER_BITMAP: the sector bitmap of a chunk
 * @AUDIT_OWNER_TABLES: footer, header, BAT or locators of a VHD image
 */
enum audit_owner {
	AUDIT_OWNER_NONE,
	AUDIT_OWNER_HEAD,
	AUDIT_OWNER_LOG,
	AUDIT_OWNER_REGION,
	AUDIT_OWNER_BLOCK,
	AUDIT_OWNER_BITMAP,
	AUDIT_OWNER_TABLES,
};

/**
 * struct audit_place - a BAT entry with a problem
 * @index: in the BAT
 * @block: payload block, or chunk
 * @bitmap: it is a sector bitmap slot
 * @off: where it points, in bytes from the start of the image
 * @owner: who else has that space; the first one, if there are several
 * @owner_block: its number, if it is a block; of a bitmap that of its chunk
 * @owner_region: its GUID, if it is a region
 */
struct audit_place {
	u64 index;
	u32 block;
	bool bitmap;
	u64 off;
	enum audit_owner owner;
	u32 owner_block;
	guid_t owner_region;
};

/**
 * struct audit_problem - a kind of problem
 * @count: how often it was found
 * @level: how bad it is
 * @places: how many of @place are filled in
 * @place: where
 */
struct audit_problem {
	u64 count;
	enum audit_level level;
	unsigned int places;
	struct audit_place place[AUDIT_EXAMPLES];
};

/**
 * struct audit - what was found
 * @problem: by enum vhdx_fault and enum audit_kind
 * @readable: header, log, regions and metadata are good enough to go on
 * @blocks: blocks of the disk
 * @allocated: blocks with data
 * @undefined: blocks whose contents nobody knows
 * @end: where the last block ends, past the end of the file if it is cut
 * @free_inside: bytes below @end that nothing owns
 * @free_behind: bytes of the file behind @end
 */
struct audit {
	struct audit_problem problem[AUDIT_NR];
	bool readable;
	u64 blocks;
	u64 allocated;
	u64 undefined;
	u64 end;
	u64 free_inside;
	u64 free_behind;
};

struct audit_problem *audit_add(struct audit *audit, int kind);
void audit_add_place(struct audit_problem *problem,
		     const struct audit_place *place);
int audit_image(struct audit *audit, struct image *image);
int audit_image_with(struct audit *audit, struct image *image,
		     const struct vhdx_header *header);
void audit_add_problem(struct audit *audit, int kind);
bool audit_is_damaged(const struct audit *audit);
u64 audit_errors(const struct audit *audit, unsigned int *kinds);
bool audit_fixable(int kind, const struct image *image);
bool audit_is_headless(int kind);
bool audit_is_loss(int kind);
bool audit_is_overlap(int kind);
const char *audit_name(int kind);
const char *audit_text(int kind);
const char *audit_advice(int kind, const struct image *image, bool fixable,
			 bool salvageable);

#endif /* VHDX_TOOLS_AUDIT_H */
