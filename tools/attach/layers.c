// SPDX-License-Identifier: GPL-2.0
/*
 * The target opens parents by device and only for reading.  A file has one
 * read-only loop device for all children that it has, however they were
 * attached: the target keeps one copy of what it has read of a parent.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "layers.h"
#include "message.h"
#include "use.h"

#define LAYERS_WORD	" parent "

static struct layer *layers_add(struct layers *layers, const char *file)
{
	struct layer *layer;

	if (layers->count == LAYERS_MAX)
		return NULL;
	layer = &layers->layer[layers->count++];
	memset(layer, 0, sizeof(*layer));
	layer->loop.fd = -1;
	layer->file = file ? strdup(file) : NULL;
	return layer;
}

static int layers_use_loop(struct layer *layer, struct image *image,
			   bool verbose)
{
	u32 block_bytes = image->layout.meta.logical_bytes;
	bool shared = !loop_share(&layer->loop, &image->st, block_bytes);
	struct stat st;
	int r = 0;

	if (!shared)
		r = loop_attach(&layer->loop, image->fd, image->path,
				block_bytes, true);
	if (!r && fstat(layer->loop.fd, &st))
		r = -errno;
	if (r) {
		complain(image->path, "try 'modprobe loop', and 'losetup -a' to see what is in use",
			 "cannot set up a loop device: %s", strerror(-r));
		return r;
	}
	layer->dev = st.st_rdev;
	snprintf(layer->device, sizeof(layer->device), "%s", layer->loop.path);
	if (verbose)
		note(image->path, "a parent: read-only %s %s, %s",
		     layer->loop.path, shared ? "shared" : "set up",
		     layer->loop.direct ? "direct I/O" :
		     "through the page cache");
	return 0;
}

/* The mapping wants to have it exclusively, too. */
static void layers_use_device(struct layer *layer, struct image *image)
{
	layer->dev = image->st.st_rdev;
	snprintf(layer->device, sizeof(layer->device), "%s", image->path);
	close(image->fd);
	image->fd = -1;
}

/**
 * layers_make() - get the block devices of an image's parents
 * @layers: empty; result
 * @chain: the image with its parents
 * @verbose: say what is done
 *
 * They stay as long as @layers, and as long as there is a mapping on them.
 * Says what is wrong.
 *
 * Return: 0 or a negative errno; layers_close() then, too.
 */
int layers_make(struct layers *layers, struct chain *chain, bool verbose)
{
	struct image *image;
	struct layer *layer;
	unsigned int i;
	int r = 0;

	for (i = 1; !r && i < chain->count; i++) {
		image = &chain->layer[i]->image;
		layer = layers_add(layers, image->path);
		if (image->block_device)
			layers_use_device(layer, image);
		else
			r = layers_use_loop(layer, image, verbose);
	}
	return r;
}

/**
 * layers_pretend() - find out what layers_make() would do
 * @layers: empty; result, as far as it can be told
 * @chain: the image with its parents
 */
void layers_pretend(struct layers *layers, const struct chain *chain)
{
	/* The leaf has the first one. */
	unsigned int skip = !chain->layer[0]->image.block_device;
	const struct image *image;
	struct layer *layer;
	unsigned int i;

	for (i = 1; i < chain->count; i++) {
		image = &chain->layer[i]->image;
		layer = layers_add(layers, image->path);
		if (image->block_device) {
			snprintf(layer->device, sizeof(layer->device), "%s",
				 image->path);
			continue;
		}
		if (loop_share(&layer->loop, &image->st,
			       image->layout.meta.logical_bytes))
			loop_first_free(layer->loop.path, skip++);
		snprintf(layer->device, sizeof(layer->device), "%s",
			 layer->loop.path);
	}
}

/* The next parent in a table's line; its device is at *@at then. */
static bool layers_next(const char **at, dev_t *dev)
{
	unsigned int number, of;

	*at = strstr(*at, LAYERS_WORD);
	if (!*at)
		return false;
	*at += strlen(LAYERS_WORD) - 1;
	*dev = sscanf(*at, "%u:%u", &number, &of) == 2 ? makedev(number, of) :
							 0;
	return true;
}

/**
 * layers_of() - the parents that a mapping has
 * @layers: empty; result, without holding anything
 * @disk: the mapping
 *
 * Return: 0 or a negative errno.
 */
int layers_of(struct layers *layers, const struct mapping *disk)
{
	struct loop_backing *backing = malloc(sizeof(*backing));
	const char *at = disk->table;
	struct layer *layer;
	dev_t dev;
	int r;

	if (!backing)
		return -ENOMEM;
	while (layers_next(&at, &dev)) {
		layer = layers_add(layers, NULL);
		if (!layer)
			break;
		layer->dev = dev;
		snprintf(layer->device, sizeof(layer->device), "%.*s",
			 (int)strcspn(at + 1, " "), at + 1);
		if (!dev)
			continue;
		sysfs_device_path(dev, layer->device);
		r = loop_backing(dev, backing);
		if (!r || r == -EACCES)
			layer->file = strdup(backing->path);
		layer->autoclear = !r && backing->autoclear;
	}
	free(backing);
	return 0;
}

/**
 * layers_put_first() - one more parent, closest of all
 * @layers: the others
 * @file: its image; NULL: that is @device
 * @device: its device, which the caller holds
 * @dev: the number of that
 *
 * Return: 0, or -ELOOP if there are too many.
 */
int layers_put_first(struct layers *layers, const char *file,
		     const char *device, dev_t dev)
{
	struct layer *first = layers->layer;

	if (layers->count == LAYERS_MAX)
		return -ELOOP;
	memmove(first + 1, first, layers->count++ * sizeof(*first));
	memset(first, 0, sizeof(*first));
	first->loop.fd = -1;
	first->dev = dev;
	first->file = file ? strdup(file) : NULL;
	snprintf(first->device, sizeof(first->device), "%s", device);
	return 0;
}

/**
 * layers_drop() - forget the closest parents
 * @layers: from layers_of()
 * @count: how many
 */
void layers_drop(struct layers *layers, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		free(layers->layer[i].file);
	layers->count -= count;
	memmove(layers->layer, layers->layer + count,
		layers->count * sizeof(*layers->layer));
}

/**
 * layers_cut() - take the closest parents out of a table
 * @table: its arguments
 * @count: how many
 *
 * Return: 0, or -EINVAL if there are not so many.
 */
int layers_cut(char *table, unsigned int count)
{
	char *copy = strdup(table), *at, *rest;
	unsigned int words, i;
	int device, options, r = -EINVAL;

	if (!copy || sscanf(copy, "%*s%n %u%n", &device, &words, &options) < 1)
		goto out;
	for (i = 0; i < count; i++) {
		at = strstr(copy + options, LAYERS_WORD);
		if (!at)
			goto out;
		rest = at + strlen(LAYERS_WORD);
		rest += strcspn(rest, " ");
		memmove(at, rest, strlen(rest) + 1);
	}
	words -= 2 * count;
	copy[device] = '\0';
	if (words)
		sprintf(table, "%s %u%s", copy, words, copy + options);
	else
		strcpy(table, copy);
	r = 0;
out:
	free(copy);
	return r;
}

/**
 * layers_are_same() - are these the same parents?
 * @a: of one mapping
 * @b: of another one
 *
 * Return: true if so.
 */
bool layers_are_same(const struct layers *a, const struct layers *b)
{
	unsigned int i;

	for (i = 0; a->count == b->count && i < a->count; i++)
		if (a->layer[i].dev != b->layer[i].dev)
			return false;
	return a->count == b->count;
}

/**
 * layers_count() - how many parents a mapping has
 * @disk: the mapping
 *
 * Return: how many.
 */
unsigned int layers_count(const struct mapping *disk)
{
	const char *at = disk->table;
	unsigned int count = 0;
	dev_t dev;

	while (layers_next(&at, &dev))
		count++;
	return count;
}

/**
 * layers_print() - what a table says of parents
 * @layers: those
 * @text: takes it: words with a space before each
 * @size: size of @text
 * @numbers: name devices by number, as opposed to their nodes
 *
 * Return: 0, or -E2BIG if it does not fit.
 */
int layers_print(const struct layers *layers, char *text, size_t size,
		 bool numbers)
{
	const struct layer *layer;
	unsigned int i;
	size_t n = 0;

	*text = '\0';
	for (i = 0; i < layers->count && n < size; i++) {
		layer = &layers->layer[i];
		if (numbers)
			n += snprintf(text + n, size - n, LAYERS_WORD "%u:%u",
				      major(layer->dev), minor(layer->dev));
		else
			n += snprintf(text + n, size - n, LAYERS_WORD "%s",
				      layer->device);
	}
	return n < size ? 0 : -E2BIG;
}

/**
 * layers_text() - the names of parents, with commas between
 * @layers: the parents; NULL: none
 *
 * Return: text, to be freed; NULL if there is no memory.
 */
char *layers_text(const struct layers *layers)
{
	unsigned int i, count = layers ? layers->count : 0;
	size_t size = 1;
	char *text, *at;

	for (i = 0; i < count; i++)
		size += strlen(layer_name(&layers->layer[i])) + 1;
	text = calloc(size, 1);
	for (i = 0, at = text; text && i < count; i++)
		at += sprintf(at, "%s%s", i ? "," : "",
			      layer_name(&layers->layer[i]));
	return text;
}

/**
 * layers_release() - let loop devices go that no mapping is on
 * @layers: the parents; what they are is known still
 */
void layers_release(struct layers *layers)
{
	unsigned int i;

	for (i = 0; i < layers->count; i++)
		loop_close(&layers->layer[i].loop);
}

/**
 * layers_close() - forget parents
 * @layers: those; as after layers_release()
 */
void layers_close(struct layers *layers)
{
	layers_release(layers);
	while (layers->count)
		free(layers->layer[--layers->count].file);
}

/**
 * layers_merging() - is there a merge below a disk right now?
 * @disk: the mapping
 *
 * Return: true if so.
 */
bool layers_merging(const struct mapping *disk)
{
	struct layers *parents = calloc(1, sizeof(*parents));
	bool going = false;
	unsigned int i;
	int fd;

	if (!parents)
		return false;
	layers_of(parents, disk);
	for (i = 0; !going && i < parents->count; i++) {
		fd = parents->layer[i].file ?
		     open(parents->layer[i].file, O_RDONLY | O_CLOEXEC) : -1;
		going = fd >= 0 && use_probe(fd);
		if (fd >= 0)
			close(fd);
	}
	layers_close(parents);
	free(parents);
	return going;
}
