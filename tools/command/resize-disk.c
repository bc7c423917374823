// SPDX-License-Identifier: GPL-2.0
/* vhdx resize: an image that is not in use, and what is refused of any. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "audit.h"
#include "children.h"
#include "command.h"
#include "edit.h"
#include "guid.h"
#include "identify.h"
#include "message.h"
#include "output.h"
#include "resize-run.h"
#include "size.h"
#include "vhd-audit.h"
#include "vhd-link.h"

static struct image *resize_image(struct resize_run *run)
{
	return chain_leaf(&run->disk.chain);
}

static int resize_refuse_damaged(const struct image *image,
				 const struct audit *audit)
{
	if (!audit_is_damaged(audit))
		return 0;
	complain(image->path, "run 'vhdx check' on it first", "damaged");
	return -EINVAL;
}

static int resize_audit_vhd(struct image *image, struct audit *audit)
{
	struct vhd_image vhd = {};
	int r = vhd_audit(audit, &vhd, image);

	if (r)
		complain_fault(image->path, r);
	else
		r = resize_refuse_damaged(image, audit);
	/* It would not have the parent's size any more. */
	if (!r && vhd.layout.footer.type == VHD_TYPE_DIFFERENCING &&
	    vhd_link_is_merging(&vhd.layout)) {
		complain(image->path, "run the same 'vhdx merge' again, then resize",
			 "being merged into its parent, which was cut off");
		r = -EBUSY;
	}
	if (!r && image->file_bytes % VHD_SECTOR) {
		complain(image->path, "run 'vhdx check --repair' on it",
			 "its size is no multiple of 512 bytes, as with a footer of before 2004");
		r = -EINVAL;
	}
	if (!r && vhd.layout.footer.saved_state) {
		complain(image->path, "resume that, and shut it down",
			 "belongs to a virtual machine that is suspended");
		r = -EBUSY;
	}
	/* By this its children are found. */
	image->layout.meta.disk_id = vhd.layout.footer.id;
	vhd_image_free(&vhd);
	return r;
}

/* A log that has to be replayed is no damage, but comes first. */
static int resize_audit_vhdx(struct resize_run *run, struct image *image,
			     struct audit *audit)
{
	int r;

	image->reader.parents = true;
	r = image_load(image);
	if (r) {
		identify_complain(image, r);
		return r;
	}
	image_forget(image);
	r = audit_image(audit, image);
	if (!r) {
		r = resize_refuse_damaged(image, audit);
		if (r)
			return r;
		image_forget(image);
		r = image_load(image);
	}
	if (r)
		complain_fault(image->path, r);
	return r ? r : edit_replay_first(image, run->dry_run);
}

/* Look at it as a whole before anything else. */
static int resize_audit(struct resize_run *run)
{
	struct audit *audit = calloc(1, sizeof(*audit));
	char names[CHILDREN_TEXT];
	struct image image;
	int r;

	if (!audit)
		return -ENOMEM;
	r = image_open(&image, run->path, run->dry_run ? IMAGE_READ :
							 IMAGE_WRITE);
	if (!r)
		r = vhd_image_is(&image) ? resize_audit_vhd(&image, audit) :
					   resize_audit_vhdx(run, &image, audit);
	if (!r && !run->force && children_find(&image, NULL, names)) {
		complain(run->path, "merge or flatten them first; --force gives them up",
			 "is the parent of %s", names);
		r = -EBUSY;
	}
	image_close(&image);
	free(audit);
	return r;
}

static int resize_open(struct resize_run *run)
{
	int r;

	r = disk_open(&run->disk, run->path, DISK_AUTO, run->dry_run ?
		      IMAGE_READ : IMAGE_WRITE, &run->search);
	if (r)
		return r;
	if (run->disk.format == DISK_VHDX || run->disk.format == DISK_VHD) {
		newsize_init(&run->size, &run->disk, run->bytes);
		return 0;
	}
	complain(run->path, "use 'qemu-img resize' or truncate(1)",
		 "neither a VHDX nor a VHD image");
	return -EINVAL;
}

/* For gpt_load(): of @run->disk. */
static int resize_read(void *arg, u64 at, void *buf, u32 bytes)
{
	struct disk *disk = arg;

	return at < disk->bytes && bytes <= disk->bytes - at ?
	       disk_read(disk, at, buf, bytes) : 1;
}

static int resize_put_disk(void *arg, u64 at, const void *buf, u32 bytes)
{
	struct resize_run *run = arg;

	return newsize_put(&run->size, at, buf, bytes);
}

/**
 * resize_minimum() - the smallest size that keeps what the disk holds
 * @run: after resize_look()
 *
 * Return: bytes; 0: nobody knows.
 */
u64 resize_minimum(const struct resize_run *run)
{
	u64 end = run->content.end;

	if (run->has_gpt && (end || !run->content.type[0]))
		end = gpt_disk_bytes(&run->gpt, end);
	return round_up_u64(end, SZ_1M);
}

/**
 * resize_look() - find out what is on the disk
 * @run: its @disk is open
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int resize_look(struct resize_run *run)
{
	int r = content_look(&run->content, &run->disk);

	run->before = run->disk.bytes;
	if (r || strcmp(run->content.table, "gpt"))
		return r;
	r = gpt_load(&run->gpt, run->disk.logical_bytes, resize_read,
		     &run->disk);
	run->has_gpt = !r;
	if (r > 0 && !run->force) {
		complain(run->path, "repair it, with 'gdisk' on the attached image",
			 "its partition table is damaged");
		return -EINVAL;
	}
	return r < 0 ? r : 0;
}

/**
 * resize_check_shrink() - is it allowed to cut the disk there?
 * @run: after resize_look(), with @bytes
 *
 * Says why not.
 *
 * Return: 0 or a negative errno.
 */
int resize_check_shrink(struct resize_run *run)
{
	const struct content *content = &run->content;
	u64 least = resize_minimum(run);
	char text[SIZE_TEXT];

	if (run->force || (least && run->bytes >= least))
		return 0;
	if (least)
		complain(run->path, "make it smaller first, or use --force to cut it off",
			 "the %s needs %s at least", content->type[0] ?
			 "file system" : "last partition",
			 size_argument(text, least));
	else
		complain(run->path, "use --force to cut off what is behind the new size",
			 "holds %s%s%s, of which nobody knows where it ends",
			 content->type[0] ? "'" : "nothing that is known",
			 content->type, content->type[0] ? "'" : "");
	return -EINVAL;
}

/* What a longer child would show, other than zeros. */
static int resize_check_grow(struct resize_run *run)
{
	const struct chain *chain = &run->disk.chain;
	char text[SIZE_TEXT];
	unsigned int i;

	for (i = 1; i < chain->count; i++) {
		if (chain->layer[i]->image.layout.geo.disk_bytes <= run->before)
			continue;
		complain(run->path, "'vhdx flatten' makes one image of both",
			 "its parent '%s' has a larger disk, which would show behind %s",
			 chain->layer[i]->path, size_text(text, run->before));
		return -EINVAL;
	}
	return 0;
}

/**
 * resize_check_limits() - can a disk have that size?
 * @run: with @disk open, and @bytes
 * @vhd: it is that of a VHD image
 *
 * Says why not.
 *
 * Return: 0 or a negative errno.
 */
int resize_check_limits(const struct resize_run *run, bool vhd)
{
	u64 most = vhd ? VHD_MAX_SECTORS * (u64)VHD_SECTOR :
			 VHDX_MAX_DISK_BYTES;
	u32 unit = vhd ? VHD_SECTOR : run->disk.logical_bytes;
	char text[SIZE_TEXT];

	if (run->bytes > most) {
		complain(run->path, "take a smaller size",
			 "its disk can have %s at most",
			 size_argument(text, most));
		return -EFBIG;
	}
	if (run->bytes && run->bytes % unit == 0)
		return 0;
	complain(run->path, "take a multiple of that",
		 "its disk has sectors of %u bytes", unit);
	return -EINVAL;
}

static int resize_check_space(struct resize_run *run)
{
	char need[SIZE_TEXT], have[SIZE_TEXT];
	u64 bytes, room;

	if (!newsize_fits(&run->size)) {
		complain(run->path, "'vhdx convert' makes one with larger blocks",
			 "as a VHD it would have too many blocks of this size, or become longer than it can be, 2 TiB");
		return -EFBIG;
	}
	if (!newsize_lacks(&run->size, &bytes, &room))
		return 0;
	size_text_two(need, bytes, have, room);
	complain(run->path, "make some space", "it has to grow by %s, there are %s",
		 need, have);
	return -ENOSPC;
}

static int resize_check(struct resize_run *run)
{
	int r = 0;

	if (run->minimum) {
		run->bytes = min_t(u64, resize_minimum(run), run->before);
		if (!run->bytes)
			return resize_check_shrink(run);
	}
	r = resize_check_limits(run, run->disk.format == DISK_VHD);
	newsize_set(&run->size, run->bytes);
	if (r)
		return r;
	if (run->bytes < run->before)
		r = resize_check_shrink(run);
	else if (run->bytes > run->before)
		r = resize_check_grow(run);
	return r ? r : resize_check_space(run);
}

/* The disk is going to be another one: children and caches are told. */
static int resize_move_gpt(struct resize_run *run)
{
	struct image *image = resize_image(run);
	int r = 0;

	if (!run->has_gpt || gpt_fits(&run->gpt, run->bytes))
		return 0;
	if (run->bytes < gpt_disk_bytes(&run->gpt, 0)) {
		note(run->path, "there is no place for the copy of its partition table");
		return 0;
	}
	if (run->disk.format == DISK_VHDX) {
		guid_random(&image->layout.header.data_write_guid);
		r = edit_header(image);
	}
	return r ? r : gpt_move(&run->gpt, run->bytes, resize_put_disk, run);
}

static int resize_again(struct resize_run *run)
{
	int r;

	disk_close(&run->disk);
	r = resize_open(run);
	return r ? r : newsize_begin(&run->size);
}

static int resize_do(struct resize_run *run)
{
	int r = newsize_begin(&run->size);

	if (!r && run->bytes < run->before)
		r = resize_move_gpt(run);
	if (!r && run->bytes != run->before)
		r = newsize_write(&run->size);
	/* As it is now, and without what is behind it. */
	if (!r)
		r = resize_again(run);
	if (!r && run->bytes >= run->before)
		r = resize_move_gpt(run);
	if (r == -EOPNOTSUPP)
		complain(run->path, "'vhdx convert' makes one that can grow",
			 "behind the table of its blocks is something that cannot move");
	else if (r < 0)
		complain_errno(run->path, r, "cannot write, run the same again");
	return r;
}

/**
 * resize_print() - tell what was done
 * @run: it was
 * @stretch: to this disk, which is attached; NULL: it is not
 */
void resize_print(const struct resize_run *run, const struct stretch *stretch)
{
	struct output out;

	output_begin(&out, run->json);
	if (stretch)
		output_text(&out, "name", "Name", stretch->disk.name);
	output_text(&out, "file", "File", stretch ? stretch->path : run->path);
	output_bool(&out, "attached", NULL, stretch);
	output_bool(&out, "dry_run", NULL, run->dry_run);
	output_size(&out, "size_before", "Size before", run->before);
	output_size(&out, "virtual_size", run->dry_run ? "Size it would have" :
		    "Size now", run->bytes);
	output_text(&out, "partition_table", NULL, run->content.table);
	output_text(&out, "filesystem", NULL, run->content.type);
	output_size(&out, "minimum", NULL, resize_minimum(run));
	if (stretch)
		output_number(&out, "pause_us", NULL, stretch->swap.pause_us);
	output_end(&out);
	if (!stretch && !run->dry_run && run->bytes < run->before)
		note(run->path, "the file gets no shorter by that: 'vhdx compact' does it");
}

/**
 * resize_alone() - give the disk of an image another size that is not in use
 * @run: the run
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int resize_alone(struct resize_run *run)
{
	int r = resize_audit(run);

	if (!r)
		r = resize_open(run);
	if (!r)
		r = resize_look(run);
	if (!r)
		r = resize_check(run);
	if (!r && !run->dry_run)
		r = resize_do(run);
	if (!r)
		resize_print(run, NULL);
	return r;
}
