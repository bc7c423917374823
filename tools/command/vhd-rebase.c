// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx rebase, of a VHD image.  What is written: its own identity, if its disk is going
 * to be another one; the sectors that it would miss, if it is not (vhd-reparent.c); and
 * then who its parent is (vhd-relink.c).
 */
#include <stdlib.h>
#include <uuid/uuid.h>

#include "message.h"
#include "output.h"
#include "rebase.h"
#include "vhd-identity.h"
#include "vhd-relink.h"
#include "vhd-reparent.h"

/**
 * struct rebase_vhd - an image gets another parent
 * @want: what is to be done
 * @old: the image, open for writing; with its old parents if the disk is to stay
 * @new: the parent to be, with its own
 * @parent: what the image has to say of it
 * @reparent: what has to be copied
 */
struct rebase_vhd {
	const struct rebase_request *want;
	struct disk old;
	struct disk new;
	struct vhd_parent parent;
	struct vhd_reparent reparent;
};

static struct vhd_layer *rebase_vhd_layer(struct rebase_vhd *rebase)
{
	return &rebase->old.vhd[0];
}

/* Is it the parent that the image has already, wherever it is? */
static bool rebase_vhd_is_same(struct rebase_vhd *rebase)
{
	return vhd_load_takes_parent(&rebase_vhd_layer(rebase)->vhd.layout,
				     &rebase->parent.id);
}

/* The new parent with its own; the image must not be one of them. */
static int rebase_vhd_open_new(struct rebase_vhd *rebase)
{
	const struct rebase_request *want = rebase->want;
	struct stat st;
	int r;

	r = disk_open(&rebase->new, want->parent, DISK_VHD, IMAGE_READ,
		      &want->search);
	if (r)
		return r;
	if (!stat(want->path, &st) && chain_has_file(&rebase->new.chain, &st))
		r = VHDX_FAULT_CHAIN_LOOP;
	else if (rebase->new.chain.count == VHDX_MAX_LAYERS)
		r = VHDX_FAULT_CHAIN_DEEP;
	if (r)
		complain_fault(want->parent, r);
	return r ? r : vhd_parent_describe(&rebase->parent, want->parent,
					   want->path);
}

static int rebase_vhd_open_old(struct rebase_vhd *rebase)
{
	const struct rebase_request *want = rebase->want;
	const struct vhd_footer *footer;
	int r;

	r = disk_open(&rebase->old, want->path, DISK_VHD, IMAGE_WRITE,
		      want->content ? &want->search : NULL);
	if (r)
		return r;
	footer = &rebase_vhd_layer(rebase)->vhd.layout.footer;
	if (footer->type != VHD_TYPE_DIFFERENCING) {
		complain(want->path, "only a differencing image can be rebased",
			 "has no parent");
		return -EINVAL;
	}
	if (footer->saved_state) {
		complain_fault(want->path, VHDX_FAULT_VHD_SAVED);
		return VHDX_FAULT_VHD_SAVED;
	}
	return 0;
}

static int rebase_vhd_judge(struct rebase_vhd *rebase)
{
	const struct rebase_request *want = rebase->want;
	const struct vhd_header *header = &rebase_vhd_layer(rebase)->vhd.layout.header;
	char wants[VHD_ID_TEXT], has[VHD_ID_TEXT];

	if (want->force || want->content || rebase_vhd_is_same(rebase))
		return 0;
	complain(want->parent, "use --content to keep the disk as it is, or --force if you know that it is the same",
		 "has the UniqueId %s, the parent of '%s' should have %s",
		 vhd_image_id(has, &rebase->parent.id), want->path,
		 vhd_image_id(wants, &header->parent_id));
	return VHDX_FAULT_VHD_PARENT_ID;
}

/* Its tables are others now. */
static int rebase_vhd_reload(struct rebase_vhd *rebase)
{
	vhd_layers_free(rebase->old.vhd, rebase->old.chain.count);
	rebase->old.vhd = NULL;
	image_forget(chain_leaf(&rebase->old.chain));
	return vhd_layers_load(&rebase->old.vhd, &rebase->old.chain);
}

static int rebase_vhd_copy(struct rebase_vhd *rebase)
{
	int r = vhd_reparent_copy(&rebase->reparent);

	return r ? r : rebase_vhd_reload(rebase);
}

static int rebase_vhd_write(struct rebase_vhd *rebase)
{
	bool content = rebase->want->content;
	guid_t id;
	int r = vhd_relink_mend(rebase_vhd_layer(rebase));

	/* Whoever relies on what it was has to know. */
	uuid_generate_random(id.b);
	if (!r && !content && !rebase_vhd_is_same(rebase))
		r = vhd_identity_write(&rebase_vhd_layer(rebase)->vhd, &id);
	if (!r && content)
		r = rebase_vhd_copy(rebase);
	if (!r)
		r = vhd_relink(rebase_vhd_layer(rebase), &rebase->parent);
	if (r == -ENOSPC && chain_leaf(&rebase->old.chain)->block_device)
		complain(rebase->want->path, "use a larger device, or 'vhdx flatten' to somewhere else",
			 "there is no room for the paths of its parent");
	else if (r)
		complain_errno(rebase->want->path, vhdx_fault_errno(r),
			       "cannot write");
	return r;
}

static void rebase_vhd_print(const struct rebase_vhd *rebase)
{
	char id[VHD_ID_TEXT];
	struct output out;

	output_begin(&out, true);
	output_text(&out, "file", NULL, rebase->want->path);
	output_text(&out, "parent", NULL, rebase->want->parent);
	output_text(&out, "parent_id", NULL, vhd_image_id(id, &rebase->parent.id));
	output_size(&out, "copied", NULL, rebase->reparent.merge.copied);
	output_end(&out);
}

/**
 * rebase_vhd() - give a VHD image another parent
 * @want: what is to be done
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int rebase_vhd(const struct rebase_request *want)
{
	struct rebase_vhd *rebase = calloc(1, sizeof(*rebase));
	int r;

	if (!rebase) {
		complain_errno(want->path, ENOMEM, "cannot start");
		return -ENOMEM;
	}
	rebase->want = want;
	rebase->reparent.zeros.fd = -1;
	rebase->reparent.old = &rebase->old;
	rebase->reparent.new = &rebase->new;
	r = rebase_vhd_open_new(rebase);
	if (!r)
		r = rebase_vhd_open_old(rebase);
	if (!r)
		r = rebase_vhd_judge(rebase);
	if (!r && want->content)
		r = vhd_reparent_look(&rebase->reparent);
	if (!r)
		r = rebase_vhd_write(rebase);
	if (!r && want->json)
		rebase_vhd_print(rebase);
	vhd_reparent_free(&rebase->reparent);
	vhd_parent_free(&rebase->parent);
	disk_close(&rebase->old);
	disk_close(&rebase->new);
	free(rebase);
	return r;
}
