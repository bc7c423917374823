/* SPDX-License-Identifier: GPL-2.0 */
/* Where an image is to be found, as tables and command lines say it. */
#ifndef VHDX_TOOLS_SOURCE_H
#define VHDX_TOOLS_SOURCE_H

#include <limits.h>
#include <stdbool.h>

#define SOURCE_TAG	16
#define SOURCE_VALUE	256	/* of a tag */
#define SOURCE_HOSTS	"/run/vhdx/host"

/**
 * struct source - where an image is
 * @tag: "UUID", "LABEL", "PARTUUID" or "PARTLABEL"; "" if there is a path
 * @value: what the device with that tag has
 * @path: the image, or a device by its node; with @tag ""
 * @inner: path of the image in the file system on the device; "" if the
 *         image is @path, or the device itself
 */
struct source {
	char tag[SOURCE_TAG];
	char value[SOURCE_VALUE];
	char path[PATH_MAX];
	char inner[PATH_MAX];
};

const char *source_parse(struct source *source, const char *text);
bool source_on_device(const struct source *source);
void source_node(const struct source *source, char node[PATH_MAX]);
void source_host(const struct source *source, char dir[PATH_MAX]);

#endif /* VHDX_TOOLS_SOURCE_H */
