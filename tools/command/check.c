// SPDX-License-Identifier: GPL-2.0
/* vhdx check */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "edit.h"
#include "identify.h"
#include "message.h"
#include "report.h"
#include "search.h"
#include "size.h"
#include "vhd-chain.h"
#include "vhd-repair.h"
#include "vhdx-resolve.h"

/* Options without a short form. */
enum {
	CHECK_CHAIN = OPTION_LONG,
};

/* Find all that is wrong, of either format. */
static int check_audit(struct check *check, struct image *image)
{
	if (!check->is_vhd)
		return audit_image(&check->audit, image);
	vhd_image_free(&check->vhd);
	return vhd_audit(&check->audit, &check->vhd, image);
}

/* The same once more, after something was written. */
static int check_audit_again(struct check *check, struct image *image)
{
	image_forget(image);
	return check_audit(check, image);
}

/* Write the region table that is not in use again. */
static int check_repair_regions(struct image *image)
{
	int slot = image->layout.region_slot, r;
	u8 *table = image->scratch;

	/*
	 * The log is empty by now, and this does not go through it: the table
	 * that is in use is not touched, so one good copy exists at every
	 * moment, which is all that the log could achieve.
	 */
	r = image->reader.read(&image->reader, VHDX_REGION_OFF(slot), table,
			       VHDX_REGION_BYTES);
	if (!r)
		r = edit_write(image, VHDX_REGION_OFF(!slot), table,
			       VHDX_REGION_BYTES);
	return r ? r : edit_sync(image);
}

static int check_repair_vhd(struct check *check, struct image *image)
{
	int r = vhd_repair(&check->audit, &check->vhd);

	return r ? r : check_audit_again(check, image);
}

/*
 * Repair what can be repaired, and find out what is left.  Each step leaves
 * the image no worse than it was, wherever a crash comes in between.
 */
static int check_repair(struct check *check, struct image *image)
{
	const struct audit_problem *problem = check->audit.problem;
	int r;

	if (check->is_vhd)
		return check_repair_vhd(check, image);
	/* The headers first: nothing may change before they have. */
	r = image->dirty ? edit_replay(image) : edit_header(image);
	if (r)
		return r;
	if (image->dirty) {
		r = check_audit_again(check, image);
		if (r || !check->audit.readable)
			return r;
	}
	if (problem[AUDIT_REGION_TABLE].count)
		r = check_repair_regions(image);
	if (!r && problem[VHDX_FAULT_BAT_CUT].count) {
		r = edit_resize(image, check->audit.end);
		if (!r)
			r = edit_sync(image);
	}
	return r ? r : check_audit_again(check, image);
}

static bool check_can_repair(const struct check *check,
			     const struct image *image)
{
	int kind;

	/* Whoever would have to guess does not write. */
	if (!check->audit.readable ||
	    check->audit.problem[AUDIT_IDENTIFIER].count ||
	    check->audit.problem[VHDX_FAULT_HEADER_SEQ_MAX].count)
		return false;
	for (kind = 0; kind < AUDIT_NR; kind++)
		if (check->audit.problem[kind].count &&
		    audit_fixable(kind, image))
			return true;
	return false;
}

static bool check_has(const struct check *check, bool (*which)(int kind))
{
	int kind;

	for (kind = 0; kind < AUDIT_NR; kind++)
		if (check->audit.problem[kind].count && which(kind))
			return true;
	return false;
}

static int check_rebuild(struct check *check, struct image *image, bool *wrote)
{
	int r;

	r = rebuild_look(&check->rebuild, image);
	if (r > 0)
		return audit_image(&check->audit, image);
	if (r)
		return r;
	r = report_rebuild(check, image);
	if (!r)
		r = rebuild_write(&check->rebuild, image);
	if (r)
		return r;
	check->rebuilt = true;
	*wrote = true;
	return check_audit_again(check, image);
}

/* Give up what is lost, or only name what another run may have given up. */
static int check_give_up(struct check *check, struct image *image, bool *wrote)
{
	struct salvage *salvage = &check->salvage;
	bool write = check_has(check, audit_is_loss);
	char text[SIZE_TEXT];
	int r;

	r = salvage_look(salvage, image);
	if (r < 0)
		return r;
	if (!r && image->layout.meta.has_parent) {
		/* What is in state 1 would hide the parent, and bits may be lost. */
		note(image->path, "nothing of a differencing image is given up: restore it from a copy");
		salvage_free(salvage);
		r = VHDX_FAULT_HAS_PARENT;
	}
	if (!r && write && image->block_device && salvage->end > salvage->cut) {
		complain(image->path, "extend it, or copy the image to a file and salvage that",
			 "the device is too small by %s",
			 size_text(text, salvage->end - salvage->cut));
		salvage_free(salvage);
		r = VHDX_FAULT_BAT_RANGE;
	}
	if (!r)
		r = report_salvage(check, image);
	if (!r && write) {
		r = salvage_write(salvage, image);
		*wrote |= !r;
	}
	image_forget(image);
	return r < 0 ? r : audit_image(&check->audit, image);
}

/*
 * Before all else, as nobody reads an image without it.  Only eight bytes of it
 * matter, so it is there or not, wherever a crash comes.
 */
static int check_identify(struct check *check, struct image *image, bool *wrote)
{
	int r;

	vhdx_ident_encode(image->scratch, "dm-vhdx " VERSION);
	r = edit_write(image, VHDX_IDENT_OFF, image->scratch, VHDX_SECTOR);
	if (!r)
		r = edit_sync(image);
	if (r)
		return r;
	*wrote = true;
	return check_audit_again(check, image);
}

/* What VHD has lost can be given up where it is: there is no log. */
static int check_salvage_vhd(struct check *check, struct image *image,
			     bool *wrote)
{
	struct vhd_salvage plan = {};
	int r = 0;

	if (!check->audit.readable || !check_has(check, audit_is_loss))
		return 0;
	r = vhd_salvage_look(&plan, &check->salvage, &check->audit,
			     &check->vhd);
	if (!r)
		r = report_salvage(check, image);
	if (!r)
		r = vhd_salvage_write(&plan);
	*wrote |= !r;
	vhd_salvage_free(&plan);
	return r ? r : check_audit_again(check, image);
}

static int check_salvage(struct check *check, struct image *image, bool *wrote)
{
	int r = 0;

	if (check->is_vhd)
		return check_salvage_vhd(check, image, wrote);
	if (check->audit.problem[AUDIT_IDENTIFIER].count)
		r = check_identify(check, image, wrote);
	if (!r && check_has(check, audit_is_headless))
		r = check_rebuild(check, image, wrote);
	if (r || !(check_has(check, audit_is_loss) || check->audit.undefined))
		return r;
	return check_give_up(check, image, wrote);
}

/* Do what was asked for about what was found. */
static int check_mend(struct check *check, struct image *image, int *status)
{
	bool wrote = false;
	int r = 0;

	check->before = check->audit;
	if (check->mode == CHECK_SALVAGE)
		r = check_salvage(check, image, &wrote);
	if (!r && check_can_repair(check, image)) {
		r = check_repair(check, image);
		wrote = true;
	}
	if (wrote)
		*status = CHECK_REPAIRED;
	else
		memset(&check->before, 0, sizeof(check->before));
	if (!r)
		return 0;
	progress_end();
	if (r != -ECANCELED)
		complain_errno(image->path, vhdx_fault_errno(r), "cannot repair");
	return r;
}

static bool check_is_foreign(const struct check *check,
			     const struct image *image)
{
	int kind;

	/* The letters alone make no image. */
	if (check->audit.problem[VHDX_FAULT_VHD_NO_FOOTER].count) {
		complain_fault(image->path, VHDX_FAULT_VHD_NO_FOOTER);
		return true;
	}
	for (kind = 1; kind < (int)VHDX_NR_FAULTS; kind++)
		if (check->audit.problem[kind].count &&
		    identify_is_foreign(image, kind)) {
			identify_complain(image, kind);
			return true;
		}
	return false;
}

/* Cases 45 to 51, 114 and 115: what the image says of its parent. */
static int check_look_for_parent(struct check *check, struct image *image)
{
	void *locator = NULL;
	int r;

	if (check->is_vhd)
		return vhd_chain_find(&check->parent, &check->vhd,
				      &check->search);
	r = parent_load_locator(image, &locator);
	if (!r)
		r = parent_find(&check->parent, image, locator, &check->search);
	free(locator);
	return r;
}

static bool check_has_parent(const struct check *check,
			     const struct image *image)
{
	if (!check->audit.readable)
		return false;
	return check->is_vhd ?
	       check->vhd.layout.footer.type == VHD_TYPE_DIFFERENCING :
	       image->layout.meta.has_parent;
}

/* What is wrong with the parent itself is not this image's problem. */
static int check_parent_sector(const struct image *image, const char *path)
{
	struct image *other = calloc(1, sizeof(*other));
	int r = 0;

	if (!other)
		return -ENOMEM;
	if (!image_peek(other, path) && other->layout.geo.sector_shift !=
					image->layout.geo.sector_shift)
		r = VHDX_FAULT_CHAIN_SECTOR;
	image_close(other);
	free(other);
	return r;
}

/* No parent was found: why? */
static int check_lacks_parent(const struct check *check,
			      const struct image *image)
{
	if (parent_complain_refused(&check->parent, image->path))
		return check->parent.error;
	if (!check->parent.other)
		return AUDIT_PARENT_MISSING;
	return check->is_vhd ? VHDX_FAULT_VHD_PARENT_ID :
			       VHDX_FAULT_CHAIN_LINKAGE;
}

/* Is the parent there, and is it the one? */
static int check_parent(struct check *check, struct image *image)
{
	struct parent *parent = &check->parent;
	int r;

	if (!check_has_parent(check, image))
		return 0;
	r = check_look_for_parent(check, image);
	if (!r && parent->path && !check->is_vhd)
		r = check_parent_sector(image, parent->path);
	if (r < 0)
		complain_errno(image->path, r, "cannot look for its parent");
	else if (!r && !parent->path)
		r = check_lacks_parent(check, image);
	if (r > 0)
		audit_add_problem(&check->audit, r);
	return r < 0 ? r : 0;
}

static int check_image(struct check *check, struct image *image)
{
	int r, status = CHECK_CLEAN;

	check->is_vhd = vhd_image_is(image);
	r = check_audit(check, image);
	if (r)
		complain_fault(image->path, r);
	else if (check_is_foreign(check, image))
		return CHECK_FAILED;
	else if (check->mode)
		r = check_mend(check, image, &status);
	if (r)
		return CHECK_FAILED;
	r = check_parent(check, image);
	if (r)
		return CHECK_FAILED;
	if (audit_errors(&check->audit, NULL))
		status = CHECK_ERRORS;
	/* What is left after a repair another one will leave, too. */
	check->fixable = !check->mode && check_can_repair(check, image);
	if (!check->quiet)
		report_check(check, image, status);
	return status;
}

static enum check_mode check_parse_repair(const struct command *self,
					  const char *how)
{
	if (!how)
		return CHECK_REPAIR;
	if (strcmp(how, "salvage"))
		command_usage(self, "--repair is '%s', not 'salvage'", how);
	return CHECK_SALVAGE;
}

/* One image, with what an earlier one has left in @check gone. */
static int check_file(struct check *check, const char *path,
		      enum image_mode mode, struct stat *st)
{
	struct image *image = calloc(1, sizeof(*image));
	int status = CHECK_FAILED;

	salvage_free(&check->salvage);
	parent_free(&check->parent);
	memset(&check->before, 0, sizeof(check->before));
	if (!image) {
		complain_errno(path, ENOMEM, "cannot open");
		return CHECK_FAILED;
	}
	if (!image_open(image, path, mode)) {
		image->reader.parents = true;
		*st = image->st;
		status = check_image(check, image);
	}
	image_close(image);
	free(image);
	return status;
}

/* Case 51: a parent that was checked already, or one too many; 0: neither. */
static int check_limit(const struct stat *st, unsigned int count,
		       const char *path)
{
	struct stat now;
	unsigned int i;

	for (i = 0; !stat(path, &now) && i < count; i++)
		if (st[i].st_dev == now.st_dev && st[i].st_ino == now.st_ino)
			return VHDX_FAULT_CHAIN_LOOP;
	return count < VHDX_MAX_LAYERS ? 0 : VHDX_FAULT_CHAIN_DEEP;
}

/* An image and all its parents; as JSON they are an array. */
static int check_chain(struct check *check, const char *path,
		       enum image_mode mode)
{
	bool list = check->json && !check->quiet;
	struct stat st[VHDX_MAX_LAYERS];
	int status = CHECK_CLEAN, one, r = 0;
	unsigned int count = 0;
	char *own = NULL;

	do {
		if (list)
			putchar(count ? ',' : '[');
		memset(&st[count], 0, sizeof(*st));
		one = check_file(check, path, mode, &st[count++]);
		status = max_t(int, status, one);
		free(own);
		own = check->parent.path;
		check->parent.path = NULL;
		path = own;
		r = path ? check_limit(st, count, path) : 0;
	} while (path && !r);
	if (list)
		puts("]");
	if (r) {
		complain_fault(path, r);
		status = max_t(int, status, CHECK_ERRORS);
	}
	free(own);
	return status;
}

static int check_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "repair", optional_argument, NULL, 'r' },
		{ "force", no_argument, NULL, 'f' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "chain", no_argument, NULL, CHECK_CHAIN },
		SEARCH_OPTIONS,
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	struct check *check = calloc(1, sizeof(*check));
	bool force = false, chain = false;
	enum image_mode mode;
	struct stat st;
	int c, status;

	if (!check) {
		complain_errno(self->name, ENOMEM, "cannot start");
		return CHECK_FAILED;
	}
	while ((c = command_option(self, argc, argv, options)) >= 0) {
		search_option(self, &check->search, c);
		chain |= c == CHECK_CHAIN;
		force |= c == 'f';
		check->quiet |= c == 'q';
		check->json |= c == 'J';
		if (c == 'r')
			check->mode = max_t(int, check->mode,
					    check_parse_repair(self, optarg));
	}
	command_operands(self, argc, argv, 1, 1, "FILE");
	if (check->mode && force)
		command_usage(self, "--repair does not go with --force");

	/* A parent is never written to. */
	if (check->mode && chain)
		command_usage(self, "--repair does not go with --chain");
	mode = check->mode ? IMAGE_WRITE : force ? IMAGE_PEEK : IMAGE_READ;
	status = chain ? check_chain(check, argv[optind], mode) :
			 check_file(check, argv[optind], mode, &st);
	vhd_image_free(&check->vhd);
	salvage_free(&check->salvage);
	parent_free(&check->parent);
	free(check);
	return status;
}

const struct command command_check = {
	.name = "check",
	.summary = "Check an image for errors, and repair some of them",
	.synopsis = "[OPTION...] FILE",
	.help =
"  -r, --repair               replay the log, write a damaged header or region\n"
"                             table again, extend a file whose last block is cut;\n"
"                             VHD: write a footer again, give space back\n"
"      --repair=salvage       the same, and if the image has lost a part of itself\n"
"                             give that up, say what it is, and keep the rest;\n"
"                             write identifier and headers anew\n"
"  -f, --force                check an image that is in use; what is found need\n"
"                             not be true\n"
"      --chain                check the image's parents, too\n"
SEARCH_HELP
"  -q, --quiet                print errors of the operation only\n"
"  -J, --json                 print JSON\n"
"\n"
"Exit status: 0 clean, 1 errors repaired, 4 errors left, 8 the operation failed,\n"
"16 usage error.\n"
"\n",
	.usage_status = CHECK_USAGE,
	.failed_status = CHECK_FAILED,
	.run = check_run,
};
