// SPDX-License-Identifier: GPL-2.0
#include <uuid/uuid.h>

#include "guid.h"

/* Disk form has the first three groups little-endian, libuuid big-endian. */
static void guid_swap(const u8 from[16], u8 to[16])
{
	static const u8 order[16] = {
		3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15
	};
	int i;

	for (i = 0; i < 16; i++)
		to[i] = from[order[i]];
}

/**
 * guid_random() - make a new random GUID
 * @guid: result, never null
 */
void guid_random(guid_t *guid)
{
	uuid_t uuid;

	uuid_generate_random(uuid);
	guid_swap(uuid, guid->b);
}

/**
 * guid_text() - a GUID for people
 * @buf: takes the text
 * @guid: the GUID
 *
 * Return: @buf, in lower case without braces.
 */
const char *guid_text(char buf[GUID_TEXT], const guid_t *guid)
{
	uuid_t uuid;

	guid_swap(guid->b, uuid);
	uuid_unparse_lower(uuid, buf);
	return buf;
}
