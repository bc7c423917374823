// SPDX-License-Identifier: GPL-2.0
/* vhdx compact, vhdx trim: what may be done to an image, and what was. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit.h"
#include "compact-fs.h"
#include "compact.h"
#include "edit.h"
#include "identify.h"
#include "message.h"
#include "output.h"
#include "parent.h"
#include "shrink.h"
#include "size.h"
#include "vhd-audit.h"
#include "vhd-compact.h"

/**
 * struct shrink_done - what was done, or would be
 * @type: of the image
 * @before: size of the file, before
 * @after: and afterwards
 * @dropped: blocks that went
 * @moves: blocks and bitmaps that moved
 * @moved: bytes of them
 * @fs: what file systems do not use
 */
struct shrink_done {
	const char *type;
	u64 before;
	u64 after;
	u64 dropped;
	u64 moves;
	u64 moved;
	struct compact_fs fs;
};

static int shrink_refuse_damaged(const struct image *image,
				 const struct audit *audit)
{
	if (!audit_is_damaged(audit))
		return 0;
	complain(image->path, "run 'vhdx check' on it first",
		 "damaged: nothing is moved in it");
	return -EINVAL;
}

static int shrink_refuse_fixed(const struct image *image)
{
	complain(image->path, "'vhdx convert --type dynamic' makes one that can get smaller",
		 "a fixed image, which keeps its size");
	return -EINVAL;
}

static int shrink_load_again(struct image *image)
{
	int r = image_load(image);

	if (r)
		complain_fault(image->path, r);
	return r;
}

/* Replay the log, so that the image can be read as it is. */
static int shrink_replay(const struct shrink *shrink, struct image *image)
{
	bool dirty = image->dirty;
	int r = edit_replay_first(image, shrink->dry_run);

	if (r || !dirty)
		return r;
	image_forget(image);
	return shrink_load_again(image);
}

/* What it says of its parent is not needed, but shows damage. */
static int shrink_check_locator(struct image *image)
{
	void *locator = NULL;
	int r = 0;

	if (image->layout.meta.has_parent)
		r = parent_load_locator(image, &locator);
	if (r)
		complain_fault(image->path, r);
	free(locator);
	return r;
}

static int shrink_load_vhdx(const struct shrink *shrink, struct image *image)
{
	struct audit *audit = calloc(1, sizeof(*audit));
	int r = audit ? 0 : -ENOMEM;

	image->reader.parents = true;
	if (!r)
		r = image_load(image);
	if (r) {
		identify_complain(image, r);
		free(audit);
		return r;
	}
	image_forget(image);
	r = audit_image(audit, image);
	if (r < 0)
		complain_fault(image->path, r);
	else
		r = shrink_refuse_damaged(image, audit);
	free(audit);
	image_forget(image);
	if (!r)
		r = shrink_load_again(image);
	if (!r)
		r = shrink_check_locator(image);
	if (!r && image->layout.meta.leave_allocated &&
	    !image->layout.meta.has_parent)
		r = shrink_refuse_fixed(image);
	return r ? r : shrink_replay(shrink, image);
}

static int shrink_vhdx(const struct shrink *shrink, struct image *image,
		       struct shrink_done *done)
{
	struct compact compact = {
		.image = image, .zeros = shrink->zeros, .trim = shrink->trim,
	};
	int r = shrink_load_vhdx(shrink, image);

	if (!r && shrink->fs)
		r = compact_fs_look(&done->fs, image, DISK_VHDX,
				    &shrink->search);
	if (r)
		return r;
	compact.unused = done->fs.unused.map;
	r = compact_plan(&compact);
	if (r)
		complain_fault(image->path, r);
	done->type = "vhdx";
	done->before = compact.before;
	done->after = image->block_device ? compact.before :
		      min_t(u64, compact.before, compact.end);
	done->dropped = compact.dropped;
	done->moves = compact.moves;
	done->moved = compact.moved;
	if (!r && !shrink->dry_run) {
		r = compact_write(&compact);
		if (r)
			complain_errno(image->path, r,
				       "the disk is as it was, but not all is done: cannot write");
	}
	compact_free(&compact);
	return r;
}

static int shrink_load_vhd(struct vhd_image *vhd, struct image *image)
{
	struct audit *audit = calloc(1, sizeof(*audit));
	int r = audit ? vhd_audit(audit, vhd, image) : -ENOMEM;

	if (r < 0)
		complain_fault(image->path, r);
	else
		r = shrink_refuse_damaged(image, audit);
	free(audit);
	if (!r && vhd->layout.footer.type == VHD_TYPE_FIXED)
		r = shrink_refuse_fixed(image);
	return r;
}

/* A block of a child that is dropped would show the parent's. */
static bool shrink_vhd_drops(const struct shrink *shrink,
			     const struct vhd_image *vhd)
{
	if (!shrink->zeros && !shrink->fs)
		return false;
	if (vhd->layout.footer.type == VHD_TYPE_DYNAMIC &&
	    !vhd->layout.batmap.bytes)
		return true;
	note(shrink->path, "all blocks are kept, as a VHD with a %s has no way to drop them",
	     vhd->layout.batmap.bytes ? "map of full blocks" : "parent");
	return false;
}

/* Whose disk changes: what a machine that is suspended knows of it is in its memory. */
static int shrink_refuse_vhd(const struct vhd_image *vhd)
{
	const struct image *image = vhd->image;

	if (vhd->layout.footer.saved_state) {
		complain(image->path, "resume that, and shut it down, or leave --fs out",
			 "belongs to a virtual machine that is suspended");
		return -EBUSY;
	}
	if (image->file_bytes % VHD_SECTOR) {
		complain(image->path, "run 'vhdx check --repair' on it",
			 "its size is no multiple of 512 bytes, as with a footer of before 2004");
		return -EINVAL;
	}
	return 0;
}

static int shrink_vhd(const struct shrink *shrink, struct image *image,
		      struct shrink_done *done)
{
	struct vhd_image vhd = {};
	struct vhd_compact compact = { .vhd = &vhd, .trim = shrink->trim };
	int r = shrink_load_vhd(&vhd, image);
	bool drops;

	if (!r) {
		drops = shrink_vhd_drops(shrink, &vhd);
		compact.zeros = drops && shrink->zeros;
		image->layout.meta.disk_id = vhd.layout.footer.id;
		if (drops && shrink->fs)
			r = shrink_refuse_vhd(&vhd);
		if (!r && drops && shrink->fs)
			r = compact_fs_look(&done->fs, image, DISK_VHD,
					    &shrink->search);
	}
	if (!r) {
		compact.unused = done->fs.unused.map;
		r = vhd_compact_plan(&compact);
		if (r)
			complain_fault(image->path, r);
	}
	done->type = "vhd";
	done->before = image->file_bytes;
	done->after = image->block_device ? image->file_bytes :
		      min_t(u64, image->file_bytes,
			    compact.end + VHD_FOOTER_BYTES);
	done->dropped = compact.dropped;
	done->moves = compact.moves;
	done->moved = compact.moved;
	if (!r && !shrink->dry_run) {
		r = vhd_compact_write(&compact);
		if (r)
			complain_errno(image->path, r,
				       "the disk is as it was, but not all is done: cannot write");
	}
	vhd_compact_free(&compact);
	vhd_image_free(&vhd);
	return r;
}

/* What Hyper-V keeps beside an image is of no use when the image has changed. */
static void shrink_note_tracking(const char *path)
{
	static const char *const ends[] = { "rct", "mrt" };
	char *name;
	size_t i;

	for (i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		if (asprintf(&name, "%s.%s", path, ends[i]) < 0)
			return;
		if (!access(name, F_OK))
			note(name, "no longer fits the image: Hyper-V and backups make a new one, so it can be removed");
		free(name);
	}
}

static void shrink_print(const struct shrink *shrink,
			 const struct shrink_done *done)
{
	struct output out;

	output_begin(&out, shrink->json);
	output_text(&out, "file", "File", shrink->path);
	output_text(&out, "format", NULL, done->type);
	output_bool(&out, "dry_run", NULL, shrink->dry_run);
	output_size(&out, "size_before", "Size before", done->before);
	output_size(&out, "size_after", shrink->dry_run ? "Size it would have" :
		    "Size now", done->after);
	output_size(&out, "won", "Won", done->before - done->after);
	if (!shrink->trim) {
		output_number(&out, "blocks_dropped", "Blocks dropped",
			      done->dropped);
		output_number(&out, "blocks_moved", "Blocks moved", done->moves);
		output_size(&out, "bytes_moved", NULL, done->moved);
	}
	if (shrink->fs)
		compact_fs_print(&done->fs, &out);
	output_end(&out);
}

/**
 * shrink_run() - make the file of an image shorter
 * @shrink: how
 *
 * Says what is wrong, and what was done.
 *
 * Return: exit status.
 */
int shrink_run(const struct shrink *shrink)
{
	struct shrink_done done = { .fs.disk.qemu.nbd.fd = -1 };
	struct image image;
	int r;

	r = image_open(&image, shrink->path, shrink->dry_run ? IMAGE_READ :
							       IMAGE_WRITE);
	if (!r)
		r = vhd_image_is(&image) ? shrink_vhd(shrink, &image, &done) :
					   shrink_vhdx(shrink, &image, &done);
	image_close(&image);
	if (!r && !shrink->dry_run)
		shrink_note_tracking(shrink->path);
	if (!r)
		shrink_print(shrink, &done);
	compact_fs_free(&done.fs);
	return r ? STATUS_FAILED : STATUS_OK;
}
