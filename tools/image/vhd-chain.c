// SPDX-License-Identifier: GPL-2.0
/*
 * The parents of a VHD image, found as those of VHDX are (parent.c): by names that
 * mean something to Windows, and by an identity that has to be the right one.  What
 * is where in them the target finds out.
 */
#include <stdio.h>
#include <stdlib.h>

#include "message.h"
#include "vhd-chain.h"
#include "vhd-image.h"

/* One more layer, which becomes the last one. */
static int vhd_chain_add(struct chain *chain, const char *path,
			 enum image_mode mode, struct vhd_image *vhd)
{
	struct chain_layer *layer;
	int r = chain_add_file(chain, path, mode);

	if (r)
		return r;
	layer = chain->layer[chain->count - 1];
	if (!vhd_image_is(&layer->image)) {
		complain(path, "name a VHD image; 'vhdx info' tells what it is",
			 chain->count > 1 ?
			 "no VHD image, so it cannot be the parent of one" :
			 "no VHD image");
		return -EINVAL;
	}
	r = vhd_image_load(vhd, &layer->image);
	if (r)
		complain_fault(path, r);
	else
		vhd_image_describe(&layer->image, &vhd->layout);
	return r;
}

/* Is this file it?  If not, but it is an image, remember it. */
static int vhd_chain_try(struct parent *parent, const struct image *child,
			 const void *arg, const char *path)
{
	struct image *image = calloc(1, sizeof(*image));
	const struct vhd_layout *wants = arg;
	struct vhd_image vhd = {};
	const guid_t *id;
	int r;

	if (!image)
		return -ENOMEM;
	/* Whoever opens it for good says what is wrong. */
	r = image_peek(image, path);
	parent_note_refused(parent, path, r);
	r = r > 0 && vhd_image_is(image) ? 0 : -EINVAL;
	if (!r && image->st.st_ino == child->st.st_ino &&
	    image->st.st_dev == child->st.st_dev)
		r = -EINVAL;
	if (!r) {
		r = vhd_image_load(&vhd, image);
		parent_note_refused(parent, path, r);
	}
	id = &vhd.layout.footer.id;
	if (!r && vhd_load_takes_parent(wants, id)) {
		parent->path = strdup(path);
	} else if (!r && !parent->other) {
		parent->other = strdup(path);
		parent->other_guid = *id;
		parent->other_written = image->st.st_mtime;
	} else if (r > 0 && !parent->broken) {
		parent->broken = strdup(path);
	}
	vhd_image_free(&vhd);
	image_close(image);
	free(image);
	return 0;
}

static void vhd_chain_complain(const struct parent *parent, const char *child,
			       const guid_t *id)
{
	char wants[VHD_ID_TEXT], has[VHD_ID_TEXT];

	if (parent_complain_refused(parent, child))
		return;
	vhd_image_id(wants, id);
	if (parent->other)
		complain(child, "name the right one with --parent",
			 "its parent should have the UniqueId %s, but '%s' has %s",
			 wants, parent->other,
			 vhd_image_id(has, &parent->other_guid));
	else if (parent->count)
		complain(child, "name it with --parent, or its directory with --parent-dir",
			 "its parent with the UniqueId %s is not found: looked for '%s'%s",
			 wants, parent->sought[0],
			 parent->count > 1 ? " and other places" : "");
	else
		complain(child, "name it with --parent",
			 "it does not say where its parent with the UniqueId %s is",
			 wants);
}

/* The names that a child has for its parent. */
static int vhd_chain_names(const struct vhd_image *vhd, struct parent_names *names)
{
	unsigned int i;
	char *path;
	int r = 0;

	memset(names, 0, sizeof(*names));
	for (i = 0; !r && i < VHD_LOCATORS; i++) {
		const u8 *code = vhd->layout.header.locator[i].code;
		char **name = !memcmp(code, VHD_LOCATOR_RELATIVE, 4) ?
			      &names->relative :
			      !memcmp(code, VHD_LOCATOR_ABSOLUTE, 4) ?
			      &names->absolute[0] : NULL;

		if (!name || *name)
			continue;
		r = vhd_image_locator(vhd, i, &path);
		if (!r)
			*name = path;
	}
	/* Beside the child it is by its mere name. */
	names->absolute[1] = vhd_image_parent_name(vhd);
	return r;
}

/**
 * vhd_chain_find() - find the parent of a VHD image
 * @parent: result; parent_free() it
 * @vhd: the image, loaded, a differencing one
 * @search: where else to look
 *
 * The GUIDs in @parent are UniqueIds.
 *
 * Return: 0, whether it was found or not; or a negative errno.
 */
int vhd_chain_find(struct parent *parent, const struct vhd_image *vhd,
		   const struct parent_search *search)
{
	struct parent_names names;
	int r;

	memset(parent, 0, sizeof(*parent));
	r = vhd_chain_names(vhd, &names);
	if (!r)
		r = parent_look(parent, vhd->image, &names, vhd_chain_try,
				&vhd->layout, search);
	parent_free_names(&names);
	return r;
}

static int vhd_chain_judge(const struct chain *chain, const struct parent *parent)
{
	int r = chain_judge_file(chain, parent->path);
	const char *child = chain->layer[chain->count - 1]->path;

	if (r)
		complain(child, vhdx_fault_advice(r), "its parent '%s': %s",
			 parent->path, vhdx_fault_text(r));
	else if (parent->is_other)
		note(child, "its parent is another one: '%s' is taken all the same",
		     parent->path);
	return r;
}

/* Put the parent of the last layer behind it; it becomes @vhd. */
static int vhd_chain_add_parent(struct chain *chain, struct vhd_image *vhd,
				const struct parent_search *search)
{
	struct chain_layer *child = chain->layer[chain->count - 1];
	struct parent_search rest;
	struct parent parent;
	int r;

	if (search->any_id)
		chain_narrow(chain, search, &rest);
	r = vhd_chain_find(&parent, vhd, search->any_id ? &rest : search);
	if (r)
		complain_errno(child->path, r, "cannot look for its parent");
	if (!r && !parent.path) {
		vhd_chain_complain(&parent, child->path,
				   &vhd->layout.header.parent_id);
		r = parent.refused ? parent.error : -ENOENT;
	}
	if (!r)
		r = vhd_chain_judge(chain, &parent);
	if (!r) {
		vhd_image_free(vhd);
		r = vhd_chain_add(chain, parent.path, IMAGE_READ, vhd);
	}
	parent_free(&parent);
	return r;
}

/**
 * vhd_chain_open() - open a VHD image and all its parents
 * @chain: result, as far as files go; chain_close() it, also after a failure
 * @path: the leaf, which is a VHD image
 * @mode: how; parents only for reading
 * @search: where else to look for parents
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int vhd_chain_open(struct chain *chain, const char *path,
		   enum image_mode mode, const struct parent_search *search)
{
	struct vhd_image vhd = {};
	int r;

	chain_begin(chain);
	r = vhd_chain_add(chain, path, mode, &vhd);
	while (!r && vhd.layout.footer.type == VHD_TYPE_DIFFERENCING)
		r = vhd_chain_add_parent(chain, &vhd, search);
	vhd_image_free(&vhd);
	return r;
}

/**
 * vhd_chain_open_known() - open VHD images that are mapped as a chain
 * @chain: result, as far as files go; chain_close() it, also after a failure
 * @path: their files or devices, leaf first
 * @count: how many
 *
 * As chain_open_known().
 *
 * Return: 0, a fault or a negative errno.
 */
int vhd_chain_open_known(struct chain *chain, char *const *path,
			 unsigned int count)
{
	struct vhd_image vhd;
	struct image *image;
	unsigned int i;
	int r = 0;

	chain_begin(chain);
	for (i = 0; !r && i < count; i++) {
		r = chain_peek_file(chain, path[i], &image);
		if (r)
			break;
		r = vhd_image_load(&vhd, image);
		if (!r)
			vhd_image_describe(image, &vhd.layout);
		vhd_image_free(&vhd);
	}
	return r;
}

/**
 * vhd_chain_take() - a VHD image that is open already, without its parents
 * @chain: result; chain_close() it, also after a failure
 * @path: the image
 * @fd: that, see image_take()
 *
 * Return: 0, a fault or a negative errno.
 */
int vhd_chain_take(struct chain *chain, const char *path, int fd)
{
	struct vhd_image vhd = {};
	int r = chain_take_file(chain, path, fd);

	if (!r)
		r = vhd_image_load(&vhd, chain_leaf(chain));
	if (!r)
		vhd_image_describe(chain_leaf(chain), &vhd.layout);
	vhd_image_free(&vhd);
	return r;
}

/**
 * vhd_chain_open_alone() - open a VHD image without its parents
 * @chain: result; chain_close() it, also after a failure
 * @path: the image
 * @mode: how
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int vhd_chain_open_alone(struct chain *chain, const char *path,
			 enum image_mode mode)
{
	struct vhd_image vhd = {};
	int r;

	chain_begin(chain);
	r = vhd_chain_add(chain, path, mode, &vhd);
	vhd_image_free(&vhd);
	return r;
}
