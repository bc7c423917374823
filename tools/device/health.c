// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "health.h"

#define HEALTH_STATUS_FIELDS	14

/**
 * health_parse() - read the status line
 * @disk: a mapping of an image
 * @status: result
 *
 * Without a status line the mode is empty, and without the module's target it
 * is all there is to know.  Fields that a later version adds
 * behind those known are left alone.
 */
void health_parse(const struct mapping *disk, struct health *status)
{
	u64 block_sectors, used_mib, size_mib;

	memset(status, 0, sizeof(*status));
	if (mapping_is_stock(disk)) {
		strcpy(status->mode, disk->read_only ? "ro" : "rw");
		return;
	}
	status->loaded =
		sscanf(disk->status, "%15s %" SCNu64 "/%" SCNu64 " %" SCNu64
		       " %" SCNu64 "/%" SCNu64 " %" SCNu64 " %" SCNu64 "/%"
		       SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		       " %" SCNu64, status->mode, &status->allocated,
		       &status->total, &block_sectors, &used_mib, &size_mib,
		       &status->uncommitted, &status->log_used,
		       &status->log_bytes, &status->allocations,
		       &status->zeroed, &status->commits, &status->entries,
		       &status->checkpoints) == HEALTH_STATUS_FIELDS;
	if (!status->loaded)
		return;
	status->block_bytes = block_sectors * 512;
	status->used_bytes = used_mib * SZ_1M;
	status->size_bytes = size_mib * SZ_1M;
}

/**
 * health_read_only() - was it asked not to write?
 * @disk: a mapping of the target
 *
 * Return: true if the table says so, as opposed to a write that has failed.
 */
bool health_read_only(const struct mapping *disk)
{
	static const char word[] = "read_only";
	const char *at = disk->table;

	if (disk->read_only)
		return true;
	while ((at = strchr(at, ' ')))
		if (!strncmp(++at, word, strlen(word)) &&
		    (at[strlen(word)] == ' ' || !at[strlen(word)]))
			return true;
	return false;
}

/**
 * health_state() - how a mapping is
 * @disk: the mapping
 * @status: its status
 *
 * Return: its state; a failure goes before all else.
 */
enum health_state health_state(const struct mapping *disk,
			       const struct health *status)
{
	if (!strcmp(status->mode, "fail") ||
	    (!strcmp(status->mode, "ro") && !health_read_only(disk)))
		return HEALTH_FAILED;
	return disk->suspended || disk->inactive ? HEALTH_SUSPENDED :
						   HEALTH_ACTIVE;
}

/**
 * health_state_name() - a state in one word
 * @state: the state
 *
 * Return: the word.
 */
const char *health_state_name(enum health_state state)
{
	static const char *const names[] = {
		[HEALTH_ACTIVE] = "active",
		[HEALTH_SUSPENDED] = "suspended",
		[HEALTH_FAILED] = "failed",
	};

	return names[state];
}
