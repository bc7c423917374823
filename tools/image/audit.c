// SPDX-License-Identifier: GPL-2.0
#include "audit.h"
#include "identify.h"
#include "message.h"
#include "size.h"

static const struct {
	const char *name;
	const char *text;
	const char *advice;
} audit_kinds[AUDIT_NR - VHDX_NR_FAULTS] = {
	[AUDIT_IDENTIFIER - VHDX_NR_FAULTS] = {
		"IDENTIFIER_LOST",
		"the file identifier 'vhdxfile' is lost, which says that this is an image",
		VHDX_ADVICE_SALVAGE },
	[AUDIT_LOG_DIRTY - VHDX_NR_FAULTS] = {
		"LOG_DIRTY", "the image was not closed, its log has to be replayed",
		"run 'vhdx replay' on it, or attach it" },
	[AUDIT_HEADER_DAMAGED - VHDX_NR_FAULTS] = {
		"HEADER_DAMAGED", "one of the two headers is damaged",
		VHDX_ADVICE_REPAIR },
	[AUDIT_REGION_TABLE - VHDX_NR_FAULTS] = {
		"REGION_TABLE_DAMAGED",
		"one of the two region tables is damaged or differs",
		VHDX_ADVICE_REPAIR },
	[AUDIT_BITMAP_STALE - VHDX_NR_FAULTS] = {
		"BITMAP_STALE",
		"a sector bitmap entry that nobody uses holds something, as QEMU before 8.0 leaves it",
		"nothing has to be done" },
	[AUDIT_PARENT_MISSING - VHDX_NR_FAULTS] = {
		"PARENT_MISSING", "the parent is not found",
		"name it with --parent, or its directory with --parent-dir; 'vhdx chain' shows where it was looked for" },
	[AUDIT_VHD_TAIL - VHDX_NR_FAULTS] = {
		"VHD_TAIL", "the footer at the end is damaged or missing",
		VHDX_ADVICE_REPAIR },
	[AUDIT_VHD_COPY - VHDX_NR_FAULTS] = {
		"VHD_COPY", "the copy of the footer at the start is damaged",
		VHDX_ADVICE_REPAIR },
	[AUDIT_VHD_DIFFER - VHDX_NR_FAULTS] = {
		"VHD_DIFFER",
		"the two footers differ, and the one at the end counts",
		VHDX_ADVICE_REPAIR },
	[AUDIT_VHD_BATMAP - VHDX_NR_FAULTS] = {
		"VHD_BATMAP",
		"XenServer's map of full blocks is not what the bitmaps say",
		VHDX_ADVICE_REPAIR },
	[AUDIT_VHD_DENIED - VHDX_NR_FAULTS] = {
		"VHD_DENIED",
		"sectors hold data but their bits say that they were never written, so they read as zeros here and as data elsewhere",
		VHDX_ADVICE_SALVAGE " to have them as data" },
	[AUDIT_VHD_BEHIND - VHDX_NR_FAULTS] = {
		"VHD_BEHIND",
		"nothing owns the space between the last block and the footer",
		VHDX_ADVICE_REPAIR " to give it back" },
};

/**
 * audit_name() - short upper-case name of a problem
 * @kind: enum vhdx_fault or enum audit_kind
 *
 * Return: the name.
 */
const char *audit_name(int kind)
{
	return kind < (int)VHDX_NR_FAULTS ? vhdx_fault_name(kind) :
	       audit_kinds[kind - VHDX_NR_FAULTS].name;
}

/**
 * audit_text() - the sentence that says what the problem is
 * @kind: enum vhdx_fault or enum audit_kind
 *
 * Return: the sentence.
 */
const char *audit_text(int kind)
{
	return kind < (int)VHDX_NR_FAULTS ? vhdx_fault_text(kind) :
	       audit_kinds[kind - VHDX_NR_FAULTS].text;
}

/**
 * audit_is_headless() - do new headers help against a problem?
 * @kind: enum vhdx_fault or enum audit_kind
 *
 * Return: true if so.
 */
bool audit_is_headless(int kind)
{
	return kind == VHDX_FAULT_NO_HEADER || kind == VHDX_FAULT_HEADER_TIE;
}

/**
 * audit_is_loss() - is a part of the image gone, and the rest of use without it?
 * @kind: enum vhdx_fault or enum audit_kind
 *
 * Return: true if so.
 */
bool audit_is_loss(int kind)
{
	switch (kind) {
	case VHDX_FAULT_LOG_RANGE:
	case VHDX_FAULT_LOG_LOST:
	case VHDX_FAULT_FILE_CUT:
	case VHDX_FAULT_BAT_RANGE:
	case VHDX_FAULT_BAT_FAR:
	case VHDX_FAULT_BAT_OFFSET:
	case VHDX_FAULT_BAT_STATE:
	case VHDX_FAULT_BAT_RESERVED:
	case VHDX_FAULT_BAT_PARTIAL:
	case VHDX_FAULT_BAT_ANCHOR:
	case VHDX_FAULT_VHD_BAT_TABLES:
	case VHDX_FAULT_VHD_BAT_RANGE:
	case VHDX_FAULT_VHD_BAT_OVERLAP:
	case AUDIT_VHD_DENIED:
		return true;
	default:
		return false;
	}
}

/**
 * audit_advice() - what to do about a problem
 * @kind: enum vhdx_fault or enum audit_kind
 * @image: the image that has it
 * @fixable: 'check --repair' would do something about this image
 * @salvageable: 'check --repair=salvage' has not been tried
 *
 * Return: a clause; NULL if another problem has to be dealt with first.
 */
const char *audit_advice(int kind, const struct image *image, bool fixable,
			 bool salvageable)
{
	const char *advice;

	if (kind == AUDIT_IDENTIFIER)
		return salvageable ? VHDX_ADVICE_SALVAGE : VHDX_ADVICE_COPY;
	if (kind == AUDIT_VHD_DENIED && !salvageable)
		return VHDX_ADVICE_COPY;
	if (kind >= (int)VHDX_NR_FAULTS)
		return fixable || kind == AUDIT_VHD_DENIED ||
		       !audit_fixable(kind, image) ?
		       audit_kinds[kind - VHDX_NR_FAULTS].advice : NULL;
	/* Who reads this has just run 'vhdx check'. */
	if (kind == VHDX_FAULT_BITMAP_PRESENT)
		return "map it read-only and compare its contents with a copy; QEMU before 8.0 moves entries, so blocks may be missing or in each other's place";
	if (kind == VHDX_FAULT_BAT_CUT && image->block_device)
		return "extend the device by the rest of the block, or map it read-only";
	if (kind == VHDX_FAULT_BAT_CUT)
		return fixable ? VHDX_ADVICE_REPAIR : "map it read-only";
	advice = vhdx_fault_advice(kind);
	if (audit_is_headless(kind) || audit_is_loss(kind))
		return !salvageable ? VHDX_ADVICE_COPY :
		       strcmp(advice, VHDX_ADVICE_CHECK) ? advice :
							   VHDX_ADVICE_SALVAGE;
	return strcmp(advice, VHDX_ADVICE_CHECK) ? advice : VHDX_ADVICE_COPY;
}

/**
 * audit_fixable() - can 'check --repair' do something about a problem?
 * @kind: enum vhdx_fault or enum audit_kind
 * @image: the image that has it
 *
 * Return: true if so.
 */
bool audit_fixable(int kind, const struct image *image)
{
	if (kind == VHDX_FAULT_BAT_CUT || kind == VHDX_FAULT_VHD_SHORT)
		return !image->block_device;
	return kind >= (int)VHDX_NR_FAULTS && kind != AUDIT_BITMAP_STALE &&
	       kind != AUDIT_IDENTIFIER && kind != AUDIT_PARENT_MISSING &&
	       kind != AUDIT_VHD_DENIED;
}

/**
 * audit_is_damaged() - is there an error, other than a log to replay?
 * @audit: what was found
 *
 * Return: true if so.
 */
bool audit_is_damaged(const struct audit *audit)
{
	return !audit->readable || audit_errors(audit, NULL) >
				   audit->problem[AUDIT_LOG_DIRTY].count;
}

/**
 * audit_errors() - count the problems that something has to be done about
 * @audit: what was found
 * @kinds: takes of how many kinds they are; may be NULL
 *
 * Return: how many.
 */
u64 audit_errors(const struct audit *audit, unsigned int *kinds)
{
	const struct audit_problem *problem;
	unsigned int found = 0;
	u64 errors = 0;
	int kind;

	for (kind = 0; kind < AUDIT_NR; kind++) {
		problem = &audit->problem[kind];
		if (!problem->count || problem->level != AUDIT_ERROR)
			continue;
		found++;
		errors += problem->count;
	}
	if (kinds)
		*kinds = found;
	return errors;
}

/**
 * audit_add() - note a problem
 * @audit: what was found
 * @kind: enum vhdx_fault or enum audit_kind
 *
 * Return: the problem, an error unless the caller makes it another level.
 */
struct audit_problem *audit_add(struct audit *audit, int kind)
{
	audit->problem[kind].count++;
	return &audit->problem[kind];
}

/**
 * audit_add_problem() - note a problem that was found elsewhere
 * @audit: what was found
 * @kind: enum vhdx_fault or enum audit_kind
 */
void audit_add_problem(struct audit *audit, int kind)
{
	audit_add(audit, kind);
}

/**
 * audit_add_place() - note where a problem is
 * @problem: the problem
 * @place: where; the first ones only are kept
 */
void audit_add_place(struct audit_problem *problem,
		     const struct audit_place *place)
{
	if (problem->places < AUDIT_EXAMPLES)
		problem->place[problem->places++] = *place;
}

/* Without the identifier: as if it were there, to see what else there is. */
static int audit_identifier(struct audit *audit, struct image *image)
{
	if (!identify_is_lost(image))
		return VHDX_FAULT_NOT_VHDX;
	audit_add(audit, AUDIT_IDENTIFIER);
	vhdx_ident_encode(image->scratch, "");
	return overlay_data(&image->overlay, VHDX_IDENT_OFF, image->scratch);
}

static int audit_header(struct audit *audit, struct image *image)
{
	struct vhdx_layout *layout = &image->layout;
	int r;

	/*
	 * Judge as a reader does: what only keeps an image from being written
	 * is for the user to know, but nothing is broken.
	 */
	image->reader.writable = false;
	r = vhdx_load_header(&image->reader, layout, image->scratch);
	if (r == VHDX_FAULT_NOT_VHDX) {
		r = audit_identifier(audit, image);
		if (!r)
			r = vhdx_load_header(&image->reader, layout,
					     image->scratch);
	}
	image->reader.writable = true;
	if (r)
		return r;
	if (layout->header_damaged)
		audit_add(audit, AUDIT_HEADER_DAMAGED);
	r = vhdx_header_check_writable(&layout->header);
	if (r)
		audit_add(audit, r)->level = AUDIT_WARNING;
	return 0;
}

/* Log, region tables and metadata: what is behind a fault is lost. */
static int audit_layout(struct audit *audit, struct image *image)
{
	int r;

	r = image_load_log(image);
	if (r)
		return r;
	if (image->dirty)
		audit_add(audit, AUDIT_LOG_DIRTY);
	r = vhdx_load_layout(&image->reader, &image->layout, image->scratch);
	if (image->layout.region_differ)
		audit_add(audit, AUDIT_REGION_TABLE);
	return r ? r : image_load_space(image);
}

/**
 * audit_is_overlap() - is a problem about space that somebody else has?
 * @kind: enum vhdx_fault or enum audit_kind
 *
 * Return: true if it may be.
 */
bool audit_is_overlap(int kind)
{
	return kind == VHDX_FAULT_BAT_OVERLAP || kind == VHDX_FAULT_BAT_ANCHOR ||
	       kind == VHDX_FAULT_VHD_BAT_OVERLAP ||
	       kind == VHDX_FAULT_VHD_BAT_TABLES;
}

struct audit_scan {
	struct audit *audit;
	const struct image *image;
	bool overlaps;
};

static int audit_visit(void *arg, u64 index, u32 block, bool bitmap,
		       const struct vhdx_bat_entry *entry, int result)
{
	struct audit_scan *scan = arg;
	struct audit *audit = scan->audit;
	struct audit_problem *problem;
	int kind = result;
	u64 end;

	progress("Checking the BAT", index,
		 scan->image->layout.geo.bat_entries);
	if (bitmap && !kind && !scan->image->layout.geo.has_parent)
		kind = AUDIT_BITMAP_STALE;
	if (kind) {
		problem = audit_add(audit, kind);
		if (kind == AUDIT_BITMAP_STALE)
			problem->level = AUDIT_NOTE;
		audit_add_place(problem, &(struct audit_place){
				.index = index, .block = block,
				.bitmap = bitmap, .off = entry->mib * SZ_1M });
		scan->overlaps |= audit_is_overlap(kind);
	}
	if (bitmap || (result && result != VHDX_FAULT_BAT_CUT))
		return 0;
	audit->allocated += vhdx_block_present(entry->state);
	audit->undefined += entry->state == VHDX_BLOCK_UNDEFINED;
	if (entry->mib) {
		end = (entry->mib + vhdx_block_mib(&scan->image->layout.geo)) *
		      SZ_1M;
		audit->end = max_t(u64, audit->end, end);
	}
	return 0;
}

static bool audit_overlap(const struct audit_scan *scan,
			  const struct audit_place *place, u64 mib, u64 count)
{
	u32 own = place->bitmap ? 1 : vhdx_block_mib(&scan->image->layout.geo);

	return place->off / SZ_1M < mib + count &&
	       mib < place->off / SZ_1M + own;
}

/* Somebody has @count MiB at @mib: is that what an entry claims, too? */
static void audit_own(struct audit_scan *scan, u64 mib, u64 count,
		      const struct audit_place *owner)
{
	struct audit_problem *problem;
	struct audit_place *place;
	unsigned int i;
	int kind;

	for (kind = 0; kind < AUDIT_NR; kind++) {
		problem = &scan->audit->problem[kind];
		for (i = 0; audit_is_overlap(kind) && i < problem->places; i++) {
			place = &problem->place[i];
			if (place->owner || place->index == owner->index ||
			    !audit_overlap(scan, place, mib, count))
				continue;
			place->owner = owner->owner;
			place->owner_block = owner->owner_block;
			place->owner_region = owner->owner_region;
		}
	}
}

static int audit_own_block(void *arg, u64 index, u32 block, bool bitmap,
			   const struct vhdx_bat_entry *entry, int result)
{
	struct audit_scan *scan = arg;
	const struct vhdx_geometry *geo = &scan->image->layout.geo;
	struct audit_place owner = {
		.index = index, .owner_block = block,
		.owner = bitmap ? AUDIT_OWNER_BITMAP : AUDIT_OWNER_BLOCK,
	};

	progress("Looking for the owners of space", index, geo->bat_entries);
	/* One that reaches past the end claims nothing. */
	if (entry->mib && (!bitmap || geo->has_parent) &&
	    (!result || audit_is_overlap(result) ||
	     result == VHDX_FAULT_BAT_CUT))
		audit_own(scan, entry->mib, bitmap ? 1 : vhdx_block_mib(geo),
			  &owner);
	return 0;
}

/* Who else has the space that blocks and anchors claim? */
static int audit_find_owners(struct audit_scan *scan, struct image *image)
{
	const struct vhdx_header *header = &image->layout.header;
	struct audit_place owner = { .index = ~0ULL };
	struct vhdx_region region;
	u32 i;
	int r;

	r = image->reader.read(&image->reader,
			       VHDX_REGION_OFF(image->layout.region_slot),
			       image->scratch, VHDX_REGION_BYTES);
	if (r)
		return r;
	owner.owner = AUDIT_OWNER_HEAD;
	audit_own(scan, 0, 1, &owner);
	owner.owner = AUDIT_OWNER_LOG;
	audit_own(scan, header->log_off / SZ_1M, header->log_length / SZ_1M,
		  &owner);
	owner.owner = AUDIT_OWNER_REGION;
	for (i = 0; i < image->layout.regions.count; i++) {
		vhdx_region_decode(image->scratch, i, &region);
		owner.owner_region = region.guid;
		audit_own(scan, region.off / SZ_1M, region.length / SZ_1M,
			  &owner);
	}
	return image_rescan_bat(image, audit_own_block, scan);
}

/* All but the header. */
static int audit_rest(struct audit *audit, struct image *image)
{
	struct audit_scan scan = { .audit = audit, .image = image };
	int r = audit_layout(audit, image);

	if (r > 0) {
		audit_add(audit, r);
		return 0;
	}
	if (!r)
		r = image_load_bat(image, audit_visit, &scan);
	if (!r && scan.overlaps)
		r = audit_find_owners(&scan, image);
	progress_end();
	if (r)
		return r;

	audit->readable = true;
	audit->blocks = image->layout.geo.blocks;
	audit->end = max_t(u64, audit->end, image_end(image));
	audit->free_inside = ((u64)image->space.end - image->space.taken) *
			     SZ_1M;
	if (image->reader.image_bytes > audit->end)
		audit->free_behind = image->reader.image_bytes - audit->end;
	return 0;
}

/**
 * audit_image() - find all that is wrong with an image
 * @audit: result
 * @image: the image, open, nothing loaded yet
 *
 * Return: 0, whatever was found; or a negative errno.
 */
int audit_image(struct audit *audit, struct image *image)
{
	int r;

	memset(audit, 0, sizeof(*audit));
	r = audit_header(audit, image);
	if (r > 0) {
		audit_add(audit, r);
		return 0;
	}
	return r ? r : audit_rest(audit, image);
}

/**
 * audit_image_with() - find all that would be wrong with another header
 * @audit: result
 * @image: the image, open, nothing loaded yet
 * @header: what to take for the header
 *
 * Return: 0, whatever was found; or a negative errno.
 */
int audit_image_with(struct audit *audit, struct image *image,
		     const struct vhdx_header *header)
{
	int r;

	memset(audit, 0, sizeof(*audit));
	image->layout.header = *header;
	r = vhdx_header_check(header, image->reader.image_bytes);
	if (r) {
		audit_add(audit, r);
		return 0;
	}
	return audit_rest(audit, image);
}
