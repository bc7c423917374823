// SPDX-License-Identifier: GPL-2.0
#include "audit.h"
#include "message.h"
#include "size.h"

static const struct {
	const char *name;
	const char *text;
	const char *advice;
} audit_kinds[AUDIT_NR - VHDX_NR_FAULTS] = {
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
 * audit_advice() - what to do about a problem
 * @kind: enum vhdx_fault or enum audit_kind
 * @image: the image that has it
 * @fixable: 'check --repair' would do something about this image
 *
 * Return: a clause; NULL if another problem has to be dealt with first.
 */
const char *audit_advice(int kind, const struct image *image, bool fixable)
{
	const char *advice;

	if (kind >= (int)VHDX_NR_FAULTS)
		return fixable ? audit_kinds[kind - VHDX_NR_FAULTS].advice :
				 NULL;
	/* Who reads this has just run 'vhdx check'. */
	if (kind == VHDX_FAULT_BAT_ANCHOR)
		return "map it read-only";
	if (kind == VHDX_FAULT_BAT_CUT && image->block_device)
		return "extend the device by the rest of the block, or map it read-only";
	if (kind == VHDX_FAULT_BAT_CUT)
		return fixable ? VHDX_ADVICE_REPAIR : "map it read-only";
	advice = vhdx_fault_advice(kind);
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
	if (kind == VHDX_FAULT_BAT_CUT)
		return !image->block_device;
	return kind >= (int)VHDX_NR_FAULTS;
}

/**
 * audit_errors() - count the problems that something has to be done about
 * @audit: what was found
 *
 * Return: how many kinds.
 */
unsigned int audit_errors(const struct audit *audit)
{
	unsigned int errors = 0;
	int kind;

	for (kind = 0; kind < AUDIT_NR; kind++)
		errors += audit->problem[kind].count &&
			  !audit->problem[kind].warning;
	return errors;
}

static struct audit_problem *audit_add(struct audit *audit, int kind)
{
	audit->problem[kind].count++;
	return &audit->problem[kind];
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
	image->reader.writable = true;
	if (r)
		return r;
	if (layout->header_damaged)
		audit_add(audit, AUDIT_HEADER_DAMAGED);
	r = vhdx_header_check_writable(&layout->header);
	if (r)
		audit_add(audit, r)->warning = true;
	return 0;
}

/* Header, log, region tables and metadata: what is behind a fault is lost. */
static int audit_layout(struct audit *audit, struct image *image)
{
	int r;

	r = audit_header(audit, image);
	if (r)
		return r;
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

struct audit_scan {
	struct audit *audit;
	const struct image *image;
};

static int audit_visit(void *arg, u64 index, u32 block, bool bitmap,
		       const struct vhdx_bat_entry *entry, int result)
{
	struct audit_scan *scan = arg;
	struct audit *audit = scan->audit;
	struct audit_problem *problem;
	u64 end;

	progress("Checking the BAT", index,
		 scan->image->layout.geo.bat_entries);
	if (result) {
		problem = audit_add(audit, result);
		if (problem->places < AUDIT_EXAMPLES)
			problem->place[problem->places++] =
				(struct audit_place){ index, block, bitmap,
						      entry->mib };
	}
	if (bitmap || (result && result != VHDX_FAULT_BAT_CUT))
		return 0;
	audit->allocated += entry->state == VHDX_BLOCK_FULL;
	if (entry->mib) {
		end = (entry->mib + vhdx_block_mib(&scan->image->layout.geo)) *
		      SZ_1M;
		audit->end = max_t(u64, audit->end, end);
	}
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
	struct audit_scan scan = { .audit = audit, .image = image };
	int r;

	memset(audit, 0, sizeof(*audit));
	r = audit_layout(audit, image);
	if (r > 0) {
		audit_add(audit, r);
		return 0;
	}
	if (!r)
		r = image_load_bat(image, audit_visit, &scan);
	progress_end();
	if (r)
		return r;

	audit->readable = true;
	audit->end = max_t(u64, audit->end, image_end(image));
	audit->free_inside = ((u64)image->space.end - image->space.taken) *
			     SZ_1M;
	if (image->reader.image_bytes > audit->end)
		audit->free_behind = image->reader.image_bytes - audit->end;
	return 0;
}
