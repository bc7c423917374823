// SPDX-License-Identifier: GPL-2.0
/*
 * Whole images: by the shared code in the order of the module, and by the
 * tool's own code as "vhdx check" runs it.  Both have to come to the same
 * verdict, see the same contents, and never write.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit.h"
#include "fuzz.h"
#include "message.h"

const mutate_focus fuzz_focus = {
	[MUTATE_HEADER] = 2, [MUTATE_REGION] = 2, [MUTATE_META] = 3,
	[MUTATE_BAT] = 4, [MUTATE_LOG] = 5, [MUTATE_SIZE] = 2,
	[MUTATE_RAW] = 2,
};

/* An image as image_open() leaves it. */
static void tool_open(struct image *image, const struct sparse *raw, int fd,
		      bool device)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	MUST(!image_open(image, path, IMAGE_READ));
	MUST(image->file_bytes == raw->bytes);
	/* A device cannot grow by its log, a file can. */
	image->block_device = device;
	image->reader.logical_bytes = raw->flags & SPARSE_LOGICAL_4K ? 4096 : 512;
}

/* The first fault that an audit found, in the order in which a reader looks. */
static int audit_first(const struct audit *audit)
{
	int kind, found = 0;

	for (kind = 1; kind < (int)VHDX_NR_FAULTS; kind++)
		if (audit->problem[kind].count &&
		    audit->problem[kind].level == AUDIT_ERROR)
			found = found ? VHDX_NR_FAULTS : kind;
	return found;
}

/* The same layout for all who load the image. */
static void check_layout(const struct vhdx_layout *a, const struct vhdx_layout *b)
{
	MUST(a->header.sequence == b->header.sequence &&
	     a->header_slot == b->header_slot &&
	     a->region_slot == b->region_slot &&
	     a->region_differ == b->region_differ &&
	     a->regions.bat.off == b->regions.bat.off &&
	     a->regions.metadata.off == b->regions.metadata.off &&
	     a->meta.disk_bytes == b->meta.disk_bytes &&
	     a->geo.blocks == b->geo.blocks);
}

/* The tool's view is the model's: the BAT, the metadata, a few blocks. */
static void check_contents(struct image *image, const struct model *model)
{
	const struct sparse *view = model->view ? model->view : model->raw;
	struct sparse_page **list = sparse_sorted(view);
	u8 page[VHDX_SECTOR];
	u32 i;

	for (i = 0; i < view->pages; i++) {
		u64 off = list[i]->index * VHDX_SECTOR;

		if (off > view->bytes || view->bytes - off < VHDX_SECTOR)
			continue;
		MUST(!image->reader.read(&image->reader, off, page,
					 VHDX_SECTOR));
		MUST(!memcmp(page, list[i]->data, VHDX_SECTOR));
	}
	free(list);
}

/* As the module does, with the tool's reader and log. */
static void check_tool(const struct sparse *raw, int fd,
		       const struct model *model, int expected)
{
	struct image image;
	int r;

	tool_open(&image, raw, fd, true);
	image.reader.writable = model->reader.writable;
	r = image_load(&image);
	must_be_result(r);
	/* The model goes on to the BAT. */
	MUST(r == expected || (!r && model->mibs));
	if (!r && !expected) {
		check_layout(&image.layout, &model->layout);
		check_contents(&image, model);
	}
	image_close(&image);
}

static void check_audit(const struct sparse *raw, int fd, bool device,
			const struct model *model, int expected)
{
	struct audit *audit = malloc(sizeof(*audit));
	struct image image;
	unsigned int kinds;
	int first, r;

	tool_open(&image, raw, fd, device);
	r = audit_image(audit, &image);
	must_be_result(r);
	MUST(!r);
	first = audit_first(audit);
	/* One without an identifier is audited as if it had one. */
	if (audit->problem[AUDIT_IDENTIFIER].count) {
		MUST(expected == VHDX_FAULT_NOT_VHDX);
		device = false;
	}
	/*
	 * An audit judges as a writer, and goes on behind a fault of the BAT:
	 * it may know more than a load, but never less.
	 */
	if (device && expected)
		MUST(model->reader.writable ? audit->problem[expected].count :
					      first);
	if (device && !expected && model->reader.writable)
		MUST(audit->readable && !first);
	if (audit->readable) {
		MUST(audit->end >= SZ_1M && audit->end % SZ_1M == 0);
		MUST(audit->allocated <= image.layout.geo.blocks);
		MUST(audit->free_inside <= audit->end);
	}
	audit_errors(audit, &kinds);
	MUST(kinds <= AUDIT_NR);
	for (r = 1; r < AUDIT_NR; r++)
		MUST(*audit_name(r) && *audit_text(r) &&
		     *audit_advice(r, &image, true, r % 2));
	image_close(&image);
	free(audit);
}

void fuzz_one(const struct sparse *raw)
{
	static int fd = -1;
	struct model model;
	int r;

	if (fd < 0)
		fd = memfd_create("image", 0);
	model_init(&model, raw, raw->flags & SPARSE_WRITABLE);
	r = model_load(&model);
	if (r == MODEL_TOO_LARGE)
		goto out;
	must_be_result(r);
	if (!r && raw->trouble == SPARSE_FINE)
		model_check(&model);
	if (raw->trouble != SPARSE_FINE || raw->bytes > 1ULL << 60)
		goto out;

	MUST(!sparse_to_fd(raw, fd));
	check_tool(raw, fd, &model, r);
	check_audit(raw, fd, true, &model, r);
	check_audit(raw, fd, false, &model, r);
	MUST(sparse_equals_fd(raw, fd));
out:
	model_exit(&model);
}
