// SPDX-License-Identifier: GPL-2.0
/* An image that is being attached: its file, which is read, extended, and gets a device. */
#include <unistd.h>

#include "attachment.h"
#include "children.h"
#include "identify.h"
#include "message.h"
#include "size.h"
#include "vhd-chain.h"
#include "vhd-extent.h"
#include "vhd-image.h"

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

/* Devices have whole sectors only: of a footer of 511 bytes they show nothing. */
static int attach_check_size(const char *path)
{
	struct stat st;

	if (stat(path, &st) || st.st_size % VHD_SECTOR == 0)
		return 0;
	complain(path, "run 'vhdx check --repair' on it",
		 "its size is no multiple of 512 bytes, so no block device shows all of it");
	return -EINVAL;
}

static int attach_load_vhd(struct attachment *attach)
{
	struct chain *chain = &attach->chain;
	int r = attach_check_size(attach->path);
	unsigned int i;

	if (!r)
		r = vhd_chain_open(chain, attach->path, attach->read_only ?
				   IMAGE_READ : IMAGE_WRITE, &attach->search);
	for (i = 1; !r && i < chain->count; i++)
		r = attach_check_size(chain->layer[i]->path);
	if (r)
		return r;
	attach->is_vhd = true;
	attach->image = chain_leaf(&attach->chain);
	attach->file_bytes = attach->image->file_bytes;
	attach->disk.sectors = attach->image->layout.meta.disk_bytes / 512;
	if (attach->read_only)
		return 0;
	r = vhd_extent_load(&attach->extent, attach->image);
	if (r)
		complain_fault(attach->path, r);
	return r ? r : attach_check_children(attach);
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

/* What the device over the file shows at most: the image as it is in any case. */
static u64 attach_most(const struct attachment *attach)
{
	u64 end = attach->extent.end +
		  (attach->is_vhd ? VHD_FOOTER_BYTES : 0);

	return max_t(u64, attach->most_bytes / SZ_1M * SZ_1M,
		     round_up_u64(end, SZ_1M));
}

/**
 * attachment_limit() - find out how far the file is going to be extended
 * @attach: the image, loaded
 */
void attachment_limit(struct attachment *attach)
{
	struct extent *extent = &attach->extent;

	if (!attach->grow)
		extent->max_bytes = extent->end;
	else if (attach->most_bytes)
		extent->max_bytes = min_t(u64, extent->max_bytes,
					  attach_most(attach));
}

/* Make room in the file. */
static int attach_make_room(struct attachment *attach)
{
	struct image *image = attach->image;
	int r;

	if (image->block_device || attach->read_only)
		return 0;
	r = hostfs_look(&attach->host, image->fd);
	attach->data_end = extent_data_end(image, attach->extent.end);
	attachment_limit(attach);
	if (!r && attach->is_vhd)
		r = vhd_extent_grow(&attach->extent, image, &attach->host,
				    &attach->steps);
	else if (!r)
		r = extent_grow(&attach->extent, image, &attach->host, NULL,
				&attach->steps);
	if (r) {
		complain_errno(attach->path, r, "cannot extend the file");
		return r;
	}
	if (!attach->is_vhd)
		r = extent_reserve(image, &attach->host);
	if (r)
		complain_errno(attach->path, r, "cannot reserve space for log and tables of the image");
	return r;
}

/**
 * attachment_grow() - make room in an image's file
 * @attach: the image, loaded
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int attachment_grow(struct attachment *attach)
{
	int r = attach_make_room(attach);
	char size[SIZE_TEXT];

	if (r)
		return r;
	if (attach->most_bytes && !attach->image->block_device &&
	    attach_most(attach) > attach->most_bytes)
		note(attach->path, "has more than that already: it gets no larger than %s",
		     size_text(size, attach_most(attach)));
	hostfs_note_windows(&attach->host, attach->path);
	hostfs_note_copies(&attach->host, attach->path);
	return 0;
}

/**
 * attachment_reload() - look again at an image whose device is there already
 * @attach: the image, with its file in @taken_fd; nobody writes to it right now
 *
 * It may have become another one.  Its file is extended so that it has room, if need
 * be.  Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int attachment_reload(struct attachment *attach)
{
	struct chain *chain = &attach->chain;
	int r;

	chain_close(chain);
	r = attach->is_vhd ?
	    vhd_chain_take(chain, attach->path, attach->taken_fd) :
	    chain_open_taken(chain, attach->path, attach->taken_fd, NULL);
	if (r)
		return r;
	attach->image = chain_leaf(chain);
	attach->file_bytes = attach->image->file_bytes;
	attach->disk.sectors = attach->image->layout.meta.disk_bytes / 512;
	r = attach->is_vhd ? vhd_extent_load(&attach->extent, attach->image) :
			     extent_load(&attach->extent, attach->image);
	if (r)
		identify_complain(attach->image, r);
	return r ? r : attach_make_room(attach);
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
	if (!r && attach->most_bytes && !attach->read_only)
		r = loop_limit(&attach->loop, attach_most(attach));
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
