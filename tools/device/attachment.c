// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attachment.h"
#include "children.h"
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

/* What is written to a parent makes its children useless. */
static int attach_check_children(const struct attachment *attach)
{
	char names[CHILDREN_TEXT];
	int count;

	if (attach->read_only || attach->force)
		return 0;
	count = children_find(attach->image, NULL, names);
	if (!count)
		return 0;
	complain(attach->path, "attach it with --read-only, or attach a child; --force attaches it all the same",
		 "it is the parent of %s, and a write to it would make %s useless",
		 names, count > 1 ? "them" : "that");
	return -EBUSY;
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

static int attach_load_vhd(struct attachment *attach)
{
	int r = vhd_chain_open(&attach->chain, attach->path, attach->read_only ?
			       IMAGE_READ : IMAGE_WRITE, &attach->search);

	if (r)
		return r;
	attach->is_vhd = true;
	attach->image = chain_leaf(&attach->chain);
	attach->file_bytes = attach->image->file_bytes;
	attach->disk.sectors = attach->image->layout.meta.disk_bytes / 512;
	if (attach->read_only)
		return 0;
	if (!attach->image->layout.meta.block_bytes)
		return attach_check_children(attach);
	/* Who converts a child makes something of it that never was. */
	complain(attach->path, attach->chain.count > 1 ?
		 "attach it with --read-only" :
		 "attach it with --read-only, or convert it with 'qemu-img convert -f vpc -O vhdx'",
		 "of VHD images only fixed ones can be attached for writing yet");
	return -EROFS;
}

/**
 * attachment_load() - read an image that is to be attached
 * @attach: the image
 *
 * The kernel would refuse a bad one, but in fewer words.  Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int attachment_load(struct attachment *attach)
{
	struct chain *chain = &attach->chain;
	struct image *image;
	int r;

	if (vhd_image_is_at(attach->path))
		return attach_load_vhd(attach);
	r = chain_open_layers(chain, attach->path, attach->read_only ?
			      IMAGE_READ : IMAGE_WRITE, &attach->search);
	if (r)
		return r;
	image = chain_leaf(chain);
	attach->image = image;
	attach->file_bytes = image->file_bytes;
	r = extent_load(&attach->extent, image);
	if (r)
		identify_complain(image, r);
	else
		r = chain_load_bats(chain, 1);
	attach->disk.sectors = image->layout.meta.disk_bytes / 512;
	return r ? r : attach_check_children(attach);
}

/* Make room in the file. */
static int attach_grow(struct attachment *attach)
{
	struct image *image = attach->image;
	int r;

	/* A VHD image that is written to has all the space it is going to have. */
	if (image->block_device || attach->read_only || attach->is_vhd)
		return 0;
	r = hostfs_look(&attach->host, image->fd);
	attach->data_end = extent_data_end(image, attach->extent.end);
	if (!attach->grow)
		attach->extent.max_bytes = attach->extent.end;
	if (!r)
		r = extent_grow(&attach->extent, image, &attach->host,
				&attach->steps);
	if (r) {
		complain_errno(attach->path, r, "cannot extend the file");
		return r;
	}
	r = extent_reserve(image, &attach->host);
	if (r) {
		complain_errno(attach->path, r, "cannot reserve space for log and tables of the image");
		return r;
	}
	hostfs_note_windows(&attach->host, attach->path);
	hostfs_note_copies(&attach->host, attach->path);
	return 0;
}

/* Must no holes be made in the file? */
static bool attach_is_whole(const struct attachment *attach)
{
	return attach->host.whole ||
	       (attach->host.ntfs && !attach->host.sparse);
}

/* ... and does the target know how? */
static bool attach_no_unmap(const struct attachment *attach)
{
	char lack[256];

	return attach_is_whole(attach) &&
	       !strstr(attach->options.text, " no_unmap") &&
	       !module_lacks("no_unmap", lack, sizeof(lack));
}

/* An upgrade may have brought a tool that is newer than what is loaded. */
static int attach_check_module(const struct attachment *attach)
{
	char lack[256];

	if (module_lacks(attach->options.text, lack, sizeof(lack)) ||
	    (attach->is_vhd && module_lacks("vhd", lack, sizeof(lack))) ||
	    (attach->chain.count > 1 &&
	     module_lacks("parents", lack, sizeof(lack)))) {
		complain(attach->path, MODULE_ADVICE, "%s", lack);
		return -EOPNOTSUPP;
	}
	return 0;
}

static void attach_note_module(const struct attachment *attach)
{
	char lack[256];

	if (attach_is_whole(attach) &&
	    module_lacks("no_unmap", lack, sizeof(lack)))
		note(attach->path, "holes may be made in the file: %s: %s",
		     lack, MODULE_ADVICE);
}

/**
 * attachment_device() - find or make the block device to map
 * @attach: the image, loaded
 * @dev: takes its number
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int attachment_device(struct attachment *attach, dev_t *dev)
{
	struct image *image = attach->image;
	struct stat st;
	int r;

	if (image->block_device) {
		*dev = image->st.st_rdev;
		/* The mapping wants to have it exclusively, too. */
		close(image->fd);
		image->fd = -1;
		return 0;
	}

	r = loop_attach(&attach->loop, image->fd, attach->path,
			image->layout.meta.logical_bytes, attach->read_only);
	if (!r && fstat(attach->loop.fd, &st))
		r = -errno;
	if (r) {
		complain(attach->path, "try 'modprobe loop', and 'losetup -a' to see what is in use",
			 "cannot set up a loop device: %s", strerror(-r));
		return r;
	}
	if (attach->verbose)
		note(attach->path, "%s set up, %s, with sectors of %u bytes",
		     attach->loop.path, attach->loop.direct ? "direct I/O" :
		     "through the page cache",
		     image->layout.meta.logical_bytes);
	if (!attach->loop.direct)
		note(attach->path, "the file system does not take direct I/O for this image, so it goes through the page cache");
	*dev = st.st_rdev;
	return 0;
}

static unsigned int attach_count_words(const char *text)
{
	unsigned int words = 0;

	while ((text = strchr(text, ' '))) {
		words++;
		text++;
	}
	return words;
}

/* @device: its number or its node; parents likewise. */
static int attach_make_table(struct attachment *attach, const char *device)
{
	struct mapping *disk = &attach->disk;
	const struct options *words = &attach->options;
	char options[MAPPING_PARAMS] = "";
	size_t n = 0, size = sizeof(options);
	int r;

	if (attach->read_only)
		n += snprintf(options + n, size - n, " read_only");
	if (attach->data_end && !words->zeroed_from &&
	    attach->data_end < attach->image->file_bytes)
		n += snprintf(options + n, size - n, " zeroed_from %" PRIu64,
			      attach->data_end / 512);
	if (attach_no_unmap(attach))
		n += snprintf(options + n, size - n, " no_unmap");
	n += snprintf(options + n, size - n, "%s", words->text);
	r = layers_print(&attach->parents, options + n, size - n,
			 !attach->dry_run);
	if (attach->search.any_id && attach->parents.count)
		strncat(options, " ignore_parent_id",
			size - strlen(options) - 1);

	strcpy(disk->target, attach->is_vhd ? "vhd" : "vhdx");
	n = snprintf(disk->table, sizeof(disk->table), "%s", device);
	if (*options)
		n += snprintf(disk->table + n, sizeof(disk->table) - n, " %u%s",
			      attach_count_words(options), options);
	if (!r && n < sizeof(disk->table))
		return 0;
	complain(attach->path, "merge some of its parents first",
		 "the names of its parents' devices are too long together");
	return -E2BIG;
}

/**
 * attachment_table() - make the line for the target
 * @attach: the image, with its parents' devices
 * @dev: its device
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int attachment_table(struct attachment *attach, dev_t dev)
{
	char device[32];

	snprintf(device, sizeof(device), "%u:%u", major(dev), minor(dev));
	return attach_make_table(attach, device);
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

	r = attach_grow(attach);
	if (!r)
		attach_note_module(attach);
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
		return attach_make_table(attach, attach->path);
	if (!attach->read_only && !attach->is_vhd) {
		r = hostfs_look(&attach->host, image->fd);
		attach->data_end = extent_data_end(image, extent->end);
		image->file_bytes = max_t(u64, image->file_bytes, attach->grow ?
					  extent->max_bytes : extent->end);
	}
	return r ? r : attach_make_table(attach, attach->loop.path);
}

/**
 * attachment_prepare() - get an image's device ready, for a table
 * @attach: the image; whoever calls this knows its parents
 * @dev: takes the number of the device
 *
 * Its file is extended.  Says what is wrong.
 *
 * Return: 0 or a negative errno; attachment_drop() in any case.
 */
int attachment_prepare(struct attachment *attach, dev_t *dev)
{
	int r;

	r = chain_open_alone(&attach->chain, attach->path, IMAGE_WRITE);
	if (r)
		return r;
	attach->image = chain_leaf(&attach->chain);
	attach->file_bytes = attach->image->file_bytes;
	attach->disk.sectors = attach->image->layout.meta.disk_bytes / 512;
	r = extent_load(&attach->extent, attach->image);
	if (r)
		identify_complain(attach->image, r);
	else
		r = attach_grow(attach);
	if (!r)
		attach_note_module(attach);
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
		r = attach_check_module(attach);
	if (r)
		return r;
	signals_hold(&before);
	r = attach_steps(attach);
	signals_release(&before);
	return r;
}
