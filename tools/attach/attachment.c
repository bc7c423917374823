// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attachment.h"
#include "daemon.h"
#include "edit.h"
#include "guid.h"
#include "identify.h"
#include "initramfs.h"
#include "kmsg.h"
#include "message.h"
#include "module.h"
#include "name.h"
#include "signals.h"
#include "vhd-chain.h"
#include "vhd-extent.h"
#include "vhd-image.h"

/**
 * attachment_new() - begin with an image that is to be attached
 *
 * Return: the image, with defaults; attachment_free() it; NULL if there is no
 * memory.
 */
struct attachment *attachment_new(void)
{
	struct attachment *attach = calloc(1, sizeof(*attach));

	if (!attach)
		return NULL;
	attach->grow = true;
	attach->loop.fd = -1;
	attach->taken_fd = -1;
	return attach;
}

/**
 * attachment_free() - end with an image, attached or not
 * @attach: from attachment_new()
 */
void attachment_free(struct attachment *attach)
{
	layers_close(&attach->parents);
	chain_close(&attach->chain);
	free(attach);
}

/**
 * attachment_check_name() - see that a new mapping can be called that
 * @name: its name
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int attachment_check_name(const char *name)
{
	struct mapping other;
	int r = name_check(name);

	if (r)
		return r;
	if (mapping_get(name, &other) != -ENODEV) {
		complain(name, "choose another NAME or detach it first",
			 "a mapping of that name exists");
		return -EEXIST;
	}
	return 0;
}

/**
 * attachment_may_be() - see that a mapping could be called that
 * @attach: the image
 *
 * Whoever may ask the kernel is told whether the name is free.  Says what is
 * wrong.
 *
 * Return: 0 or a negative errno.
 */
int attachment_may_be(const struct attachment *attach)
{
	int r = name_check(attach->disk.name);

	if (!r && mapping_possible()) {
		r = mapping_start();
		if (!r)
			r = attachment_check_name(attach->disk.name);
	}
	return r;
}

/**
 * attachment_name() - fill in what the mapping says of itself
 * @attach: the image, loaded
 */
void attachment_name(struct attachment *attach)
{
	struct mapping *disk = &attach->disk;
	const guid_t *id = &attach->image->layout.meta.disk_id;
	char text[GUID_TEXT];

	static_assert(sizeof(text) >= VHD_ID_TEXT);
	disk->read_only = attach->read_only;
	snprintf(disk->uuid, sizeof(disk->uuid), "VHDX-%s-%.64s",
		 attach->is_vhd ? vhd_image_id(text, id) : guid_text(text, id),
		 disk->name);
}

static int attach_map(struct attachment *attach)
{
	struct mapping *disk = &attach->disk;
	char reason[512];
	int kmsg, r;

	attachment_name(attach);
	kmsg = kmsg_open();
	r = mapping_create(disk);
	if (r) {
		if (!kmsg_find(kmsg, "vhdx: ", reason, sizeof(reason)))
			snprintf(reason, sizeof(reason), "%s", mapping_error());
		complain(attach->path, "the kernel log ('dmesg') may tell more",
			 "cannot be mapped: %s", reason);
	}
	kmsg_close(kmsg);
	if (r)
		return r;
	attach->mapped = true;
	if (attach->verbose)
		note(disk->name, "mapped, with the table '0 %" PRIu64 " %s %s'",
		     disk->sectors, disk->target, disk->table);
	return mapping_get(disk->name, disk);
}

/**
 * attachment_watch() - see that the file is extended if it has to be
 * @attach: an image that is attached
 *
 * Where it has no room for all blocks, somebody has to see to it.  In an
 * initramfs that would lose /run and /sys; see vhdx-monitor@.service.
 */
void attachment_watch(const struct attachment *attach)
{
	if (attach->steps && !initramfs_is_this() &&
	    daemon_start(attach->disk.name))
		note(attach->disk.name, "its file is not extended, so that writes to new blocks are going to wait for space and fail: run 'vhdx monitor %s'",
		     attach->disk.name);
}

/**
 * attachment_undo() - undo what has been done, the last step first
 * @attach: the image
 *
 * Says what cannot be undone.
 */
void attachment_undo(struct attachment *attach)
{
	partitions_remove(&attach->partitions);
	if (attach->mapped && mapping_remove(attach->disk.name))
		complain(attach->disk.name, "run 'vhdx detach' on it",
			 "cannot be removed: %s", mapping_error());
	loop_close(&attach->loop);
	layers_release(&attach->parents);
	if (attach->image->fd < 0 ||
	    attach->image->file_bytes <= attach->file_bytes)
		return;
	if (attach->mapped) {
		/* It may have replayed the log into the new space. */
		image_forget(attach->image);
		extent_trim(attach->image);
	} else {
		edit_resize(attach->image, attach->file_bytes);
	}
}

/* What is left behind unless it is undone. */
static int attach_steps(struct attachment *attach)
{
	dev_t dev;
	int r;

	r = attachment_grow(attach);
	if (!r)
		attachment_note_module(attach);
	if (!r)
		r = signals_pending();
	if (!r)
		r = attachment_device(attach, &dev);
	if (!r)
		r = layers_make(&attach->parents, &attach->chain,
				attach->verbose);
	if (!r)
		r = signals_pending();
	if (!r)
		r = attachment_table(attach, dev);
	if (!r)
		r = attach_map(attach);
	if (!r)
		r = partitions_create(&attach->partitions, &attach->disk,
				      attach->wanted);
	if (!r)
		r = signals_pending();
	if (r)
		attachment_undo(attach);
	loop_close(&attach->loop);
	layers_release(&attach->parents);
	if (!r)
		attachment_watch(attach);
	return r;
}

/**
 * attachment_pretend() - find out what attachment_make() would do
 * @attach: the image
 *
 * Changes nothing; the table is as far as it can be told.  Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int attachment_pretend(struct attachment *attach)
{
	const struct extent *extent = &attach->extent;
	int r = attachment_may_be(attach);
	struct image *image;

	if (!r)
		r = attachment_load(attach);
	if (r)
		return r;
	image = attach->image;
	if (!image->block_device)
		loop_first_free(attach->loop.path, 0);
	layers_pretend(&attach->parents, &attach->chain);
	if (image->block_device)
		return attachment_table_text(attach, attach->path);
	if (!image->block_device && !attach->read_only) {
		r = hostfs_look(&attach->host, image->fd);
		attach->data_end = extent_data_end(image, extent->end);
		attachment_limit(attach);
		image->file_bytes = max_t(u64, image->file_bytes,
					  extent->max_bytes);
	}
	return r ? r : attachment_table_text(attach, attach->loop.path);
}

/**
 * attachment_prepare() - get an image's device ready, for a table
 * @attach: the image, with @is_vhd; whoever calls this knows its parents
 * @dev: takes the number of the device
 *
 * Its file is extended.  Says what is wrong.
 *
 * Return: 0 or a negative errno; attachment_drop() in any case.
 */
int attachment_prepare(struct attachment *attach, dev_t *dev)
{
	int r;

	if (attach->taken_fd >= 0 && attach->is_vhd)
		r = vhd_chain_take(&attach->chain, attach->path,
				   attach->taken_fd);
	else if (attach->taken_fd >= 0)
		r = chain_open_taken(&attach->chain, attach->path,
				     attach->taken_fd, NULL);
	else if (attach->is_vhd)
		r = vhd_chain_open_alone(&attach->chain, attach->path,
					 IMAGE_WRITE);
	else
		r = chain_open_alone(&attach->chain, attach->path,
				     IMAGE_WRITE);
	if (r)
		return r;
	attach->image = chain_leaf(&attach->chain);
	attach->file_bytes = attach->image->file_bytes;
	attach->disk.sectors = attach->image->layout.meta.disk_bytes / 512;
	r = attach->is_vhd ? vhd_extent_load(&attach->extent, attach->image) :
			     extent_load(&attach->extent, attach->image);
	if (r)
		identify_complain(attach->image, r);
	else
		r = attachment_grow(attach);
	if (!r)
		attachment_note_module(attach);
	return r ? r : attachment_device(attach, dev);
}

/**
 * attachment_drop() - let go of what attachment_prepare() has got
 * @attach: the image
 *
 * What a mapping is on stays.
 */
void attachment_drop(struct attachment *attach)
{
	loop_close(&attach->loop);
	layers_release(&attach->parents);
}

/**
 * attachment_make() - attach an image
 * @attach: the image
 *
 * Nothing is left behind if it fails.  Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int attachment_make(struct attachment *attach)
{
	sigset_t before;
	int r;

	r = mapping_start();
	if (!r)
		r = attachment_check_name(attach->disk.name);
	if (!r)
		r = attachment_load(attach);
	if (!r)
		r = module_need();
	if (!r)
		r = attachment_check_module(attach);
	if (r)
		return r;
	signals_hold(&before);
	r = attach_steps(attach);
	signals_release(&before);
	return r;
}
