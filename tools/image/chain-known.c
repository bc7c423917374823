// SPDX-License-Identifier: GPL-2.0
/* Chains whose layers need not be looked for, as the kernel has them already. */
#include <stdlib.h>

#include "chain.h"
#include "message.h"

static struct chain_layer *chain_add_known(struct chain *chain,
					   const char *path)
{
	struct chain_layer *layer = calloc(1, sizeof(*layer));

	if (!layer)
		return NULL;
	layer->image.fd = -1;
	layer->path = strdup(path);
	chain->layer[chain->count++] = layer;
	return layer->path ? layer : NULL;
}

/**
 * chain_open_known() - open images that are mapped as a chain
 * @chain: result; chain_close() it, also after a failure
 * @path: their files or devices, leaf first
 * @count: how many
 *
 * As chain_open_layers(), but nobody is asked whether they are in use, and what the
 * first of them says may be out of date.
 *
 * Return: 0, a fault or a negative errno.
 */
int chain_open_known(struct chain *chain, char *const *path,
		     unsigned int count)
{
	struct chain_layer *layer;
	unsigned int i;
	int r = 0;

	chain_begin(chain);
	for (i = 0; !r && i < count; i++) {
		layer = chain_add_known(chain, path[i]);
		if (!layer)
			return -ENOMEM;
		r = image_peek(&layer->image, layer->path);
		if (!r && layer->image.layout.meta.has_parent)
			r = parent_load_locator(&layer->image, &layer->locator);
	}
	return r ? r : chain_join(chain);
}

/**
 * chain_peek_file() - one more layer, of which nothing is read yet
 * @chain: takes it
 * @path: its file or device, whoever uses it
 * @image: takes that of the layer
 *
 * Return: 0 or a negative errno.
 */
int chain_peek_file(struct chain *chain, const char *path,
		    struct image **image)
{
	struct chain_layer *layer = chain_add_known(chain, path);
	int r;

	if (!layer)
		return -ENOMEM;
	*image = &layer->image;
	/* Whoever reads it says what it is. */
	r = image_peek(&layer->image, layer->path);
	return r < 0 ? r : 0;
}

/**
 * chain_take_file() - a file that is open already, of which nothing is read yet
 * @chain: result; chain_close() it, also after a failure
 * @path: the file
 * @fd: that, see image_take()
 *
 * Return: 0 or a negative errno.
 */
int chain_take_file(struct chain *chain, const char *path, int fd)
{
	struct chain_layer *layer;

	chain_begin(chain);
	layer = chain_add_known(chain, path);
	return layer ? image_take(&layer->image, layer->path, fd) : -ENOMEM;
}

/**
 * chain_open_taken() - an image that is open already
 * @chain: result; chain_close() it, also after a failure
 * @path: the image
 * @fd: that, see image_take()
 * @search: where else to look for its parents; NULL: without them
 *
 * Return: 0, a fault or a negative errno.
 */
int chain_open_taken(struct chain *chain, const char *path, int fd,
		     const struct parent_search *search)
{
	int r = chain_take_file(chain, path, fd);

	if (!r)
		r = chain_load_layer(chain->layer[0]);
	if (!r && search)
		r = chain_add_parents(chain, IMAGE_READ, search);
	return r ? r : chain_join(chain);
}
