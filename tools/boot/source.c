// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: sources
 *
 *   /path/disk.vhdx            a file
 *   /dev/...                   a block device that holds an image
 *   UUID=... LABEL=...         the same, by what it carries
 *   PARTUUID=... PARTLABEL=...
 *   UUID=...:/path/disk.vhdx   a file in the file system on that device, mounted
 *   /dev/...:/path/disk.vhdx   or not
 *
 * Escapes as in fstab(5).  They are replaced last, so that "\072" is a colon
 * that divides nothing.
 */
#include <blkid/blkid.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "source.h"

/* Tags, and where udev has links by them. */
static const struct source_tag {
	const char *name;
	const char *links;
} source_tags[] = {
	{ "UUID", "uuid" },
	{ "LABEL", "label" },
	{ "PARTUUID", "partuuid" },
	{ "PARTLABEL", "partlabel" },
	{}
};

static const struct source_tag *source_find_tag(const char *text, size_t length)
{
	const struct source_tag *tag;

	for (tag = source_tags; tag->name; tag++)
		if (strlen(tag->name) == length &&
		    !strncmp(tag->name, text, length))
			return tag;
	return NULL;
}

/* "UUID=" with a value up to @end. */
static const char *source_parse_tag(struct source *source, const char *text,
				    const char *end)
{
	const char *value = strchr(text, '=');
	const struct source_tag *tag = NULL;
	const char *wrong;
	char *c;

	if (value && value < end)
		tag = source_find_tag(text, value - text);
	if (!tag)
		return "is neither a path (from '/' on) nor UUID=, LABEL=, PARTUUID= or PARTLABEL=";
	strcpy(source->tag, tag->name);
	value++;
	/* mount(8) takes quotes, too. */
	if (end - value >= 2 && (*value == '"' || *value == '\'') &&
	    end[-1] == *value) {
		value++;
		end--;
	}
	wrong = field_decode(source->value, sizeof(source->value), value,
			     end - value);
	if (wrong)
		return wrong;
	if (!*source->value)
		return "has nothing behind '='";
	/* They are hexadecimal, and udev writes them so. */
	for (c = source->value; !strcmp(tag->name, "PARTUUID") && *c; c++)
		*c = tolower((unsigned char)*c);
	return NULL;
}

static bool source_is_node(const char *path)
{
	return !strncmp(path, "/dev/", 5);
}

/**
 * source_parse() - understand a source
 * @source: result
 * @text: as it is written, with escapes
 *
 * Return: NULL, or what is wrong with it: "is ...", "has ...".
 */
const char *source_parse(struct source *source, const char *text)
{
	const char *end = text + strlen(text), *colon = NULL, *wrong;
	bool path = *text == '/';

	memset(source, 0, sizeof(*source));
	if (!path || source_is_node(text))
		colon = strstr(text, ":/");
	if (colon) {
		wrong = field_decode(source->inner, sizeof(source->inner),
				     colon + 1, end - colon - 1);
		if (wrong)
			return wrong;
		end = colon;
	}
	if (path)
		wrong = field_decode(source->path, sizeof(source->path), text,
				     end - text);
	else
		wrong = source_parse_tag(source, text, end);
	if (wrong)
		return wrong;
	if (*source->inner && source->inner[strspn(source->inner, "/")] == '\0')
		return "names no file behind ':'";
	if (path && source->path[strlen(source->path) - 1] == '/')
		return "is a directory";
	return NULL;
}

/**
 * source_on_device() - is a device needed by its name or tag?
 * @source: the source
 *
 * Return: false for a file in what is mounted.
 */
bool source_on_device(const struct source *source)
{
	return *source->tag || source_is_node(source->path);
}

/**
 * source_node() - where udev has the device
 * @source: one that is on a device
 * @node: takes the path of its node, or of a link to it
 */
void source_node(const struct source *source, char node[PATH_MAX])
{
	const struct source_tag *tag;
	char encoded[4 * SOURCE_VALUE + 1];

	if (!*source->tag) {
		snprintf(node, PATH_MAX, "%s", source->path);
		return;
	}
	tag = source_find_tag(source->tag, strlen(source->tag));
	if (blkid_encode_string(source->value, encoded, sizeof(encoded)))
		*encoded = '\0';
	snprintf(node, PATH_MAX, "/dev/disk/by-%s/%s", tag->links, encoded);
}

/**
 * source_host() - where the file system with the image is mounted, if it is
 *                 not mounted elsewhere
 * @source: one with an inner path
 * @dir: takes the directory
 *
 * It bears the name that the table has for the device, so that people find it.
 */
void source_host(const struct source *source, char dir[PATH_MAX])
{
	char encoded[4 * SOURCE_VALUE + 1];
	const char *name = source->value;

	if (!*source->tag)
		name = strrchr(source->path, '/') + 1;
	if (blkid_encode_string(name, encoded, sizeof(encoded)) ||
	    *encoded == '.')
		strcpy(encoded, "unnamed");
	snprintf(dir, PATH_MAX, SOURCE_HOSTS "/%s", encoded);
}
