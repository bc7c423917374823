// SPDX-License-Identifier: GPL-2.0
/* The line for the target that an image is attached with. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "attachment.h"
#include "message.h"
#include "module.h"

/**
 * attachment_keep_options() - have what another table has, as far as it fits
 * @attach: the image
 * @table: the arguments of the other one: of a child or of a parent
 *
 * But for what depends on the file.
 */
void attachment_keep_options(struct attachment *attach, const char *table)
{
	char *copy = strdup(table), *rest = copy, *word, *value;
	char why[OPTIONS_WHY];

	word = strtok_r(rest, " ", &rest);
	word = word ? strtok_r(rest, " ", &rest) : NULL;
	while (word && (word = strtok_r(rest, " ", &rest))) {
		attach->search.any_id |= !strcmp(word, "ignore_parent_id");
		if (!options_known(word))
			continue;
		value = options_takes_value(word) ? strtok_r(rest, " ", &rest) :
						    NULL;
		if (strcmp(word, "zeroed_from") && strcmp(word, "no_unmap"))
			options_add(&attach->options, word, value, why);
	}
	free(copy);
}

/*
 * Must no holes be made in the file?  Of a fixed image, whose blocks all have a place, one
 * without any was given its space for good.  Each block of a dynamic one is there because
 * it was written, so its file has no holes either, and that says nothing.
 */
static bool attach_stays_whole(const struct attachment *attach)
{
	return (attach->host.whole &&
		attach->image->layout.meta.leave_allocated) ||
	       (attach->host.ntfs && !attach->host.sparse);
}

/* ... and does the target know how? */
static bool attach_no_unmap(const struct attachment *attach)
{
	char lack[256];

	return attach_stays_whole(attach) &&
	       !strstr(attach->options.text, " no_unmap") &&
	       !module_lacks("no_unmap", lack, sizeof(lack));
}

/* What the target has to know for a VHD image: new blocks came later. */
static const char *attach_vhd_words(const struct attachment *attach)
{
	if (!attach->is_vhd)
		return "";
	return attach->read_only || attach->image->layout.meta.leave_allocated ?
	       "vhd" : "vhd vhd-growing";
}

/**
 * attachment_check_module() - does the target know what an image needs?
 * @attach: the image, loaded
 *
 * An upgrade may have brought a tool that is newer than what is loaded.  Says
 * what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int attachment_check_module(const struct attachment *attach)
{
	char lack[256];

	if (module_lacks(attach->options.text, lack, sizeof(lack)) ||
	    module_lacks(attach_vhd_words(attach), lack, sizeof(lack)) ||
	    (attach->chain.count > 1 &&
	     module_lacks("parents", lack, sizeof(lack)))) {
		complain(attach->path, MODULE_ADVICE, "%s", lack);
		return -EOPNOTSUPP;
	}
	return 0;
}

/**
 * attachment_note_module() - say what the target does not know, and is done without
 * @attach: the image, with its file
 */
void attachment_note_module(const struct attachment *attach)
{
	char lack[256];

	if (attach_stays_whole(attach) &&
	    module_lacks("no_unmap", lack, sizeof(lack)))
		note(attach->path, "holes may be made in the file: %s: %s",
		     lack, MODULE_ADVICE);
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

/**
 * attachment_table_text() - make the line for the target
 * @attach: the image, with its parents' devices
 * @device: the number or the node of its device; parents likewise
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int attachment_table_text(struct attachment *attach, const char *device)
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
	return attachment_table_text(attach, device);
}
