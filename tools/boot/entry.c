// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "entry.h"

/**
 * entry_is_attached() - is there a mapping for a line?
 * @entry: the line
 *
 * Return: true if there is one of its name, of an image.
 */
bool entry_is_attached(const struct tab_entry *entry)
{
	struct mapping disk;

	return !mapping_get(entry->name, &disk) &&
	       mapping_is_ours(&disk);
}

/**
 * entry_fill() - have an image attached as a line says
 * @image: a new one
 * @entry: the line
 */
void entry_fill(struct attachment *image, const struct tab_entry *entry)
{
	image->options = entry->options;
	image->search = entry->search;
	image->wanted = entry->partitions;
	image->read_only = entry->read_only;
	image->grow = !entry->no_grow;
	image->most_bytes = entry->most_bytes;
	snprintf(image->disk.name, sizeof(image->disk.name), "%s",
		 entry->name);
}
