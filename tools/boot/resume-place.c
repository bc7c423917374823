// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: HibernateLocation
 *
 * systemd 255 and later hibernates without "resume=": where to, it leaves in a
 * variable of the firmware's, which its part of an initramfs reads, and which is
 * deleted once the system goes on.  Four bytes of attributes, then JSON in UTF-16:
 *
 *   {"uuid":"...","offset":0,"kernelVersion":"...",...}
 *
 * "uuid" is that of the swap space, or of the file system with a swap file;
 * "offset" that of the file, in pages.
 */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include "resume-place.h"

#define EFI_VARIABLE	"HibernateLocation-8cf2644b-4b0b-428f-9387-6d876050dc67"
#define EFI_ATTRIBUTES	4
#define EFI_MAX_BYTES	4096
#ifndef EFIVARFS_MAGIC
#define EFIVARFS_MAGIC	0xde5e81e4
#endif

/* Initramfses wait for the root for 30 seconds, or what they are told to. */
#define RESUME_ROOT_SECONDS	30

/* All that counts is ASCII. */
static void efi_decode(char *text, const unsigned char *utf16, size_t bytes)
{
	size_t i;

	for (i = 0; i + 1 < bytes && (utf16[i] || utf16[i + 1]); i += 2)
		text[i / 2] = utf16[i + 1] || utf16[i] > 126 ? '?' : utf16[i];
	text[i / 2] = '\0';
}

static int efi_read(const char *dir, char text[EFI_MAX_BYTES])
{
	unsigned char buffer[EFI_ATTRIBUTES + EFI_MAX_BYTES];
	char path[PATH_MAX];
	size_t bytes;
	FILE *file;

	snprintf(path, sizeof(path), "%s/" EFI_VARIABLE, dir);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	bytes = fread(buffer, 1, sizeof(buffer), file);
	fclose(file);
	if (bytes <= EFI_ATTRIBUTES || bytes == sizeof(buffer))
		return -EINVAL;
	efi_decode(text, buffer + EFI_ATTRIBUTES, bytes - EFI_ATTRIBUTES);
	return 0;
}

/* It becomes part of a path. */
static int efi_is_uuid(const char *uuid)
{
	size_t length = strlen(uuid);

	return length && length <= 36 &&
	       strspn(uuid, "0123456789abcdefABCDEF-") == length;
}

static int efi_parse(struct resume_place *place, const char *text)
{
	struct json_object *object = json_tokener_parse(text), *uuid, *offset;
	int r = -EINVAL;

	if (json_object_is_type(object, json_type_object) &&
	    json_object_object_get_ex(object, "uuid", &uuid) &&
	    json_object_object_get_ex(object, "offset", &offset) &&
	    json_object_is_type(uuid, json_type_string) &&
	    json_object_is_type(offset, json_type_int) &&
	    json_object_get_int64(offset) >= 0 &&
	    efi_is_uuid(json_object_get_string(uuid))) {
		snprintf(place->device, sizeof(place->device), "UUID=%s",
			 json_object_get_string(uuid));
		*place->offset = '\0';
		if (json_object_get_int64(offset))
			snprintf(place->offset, sizeof(place->offset),
				 "%" PRId64, json_object_get_int64(offset));
		r = 0;
	}
	json_object_put(object);
	return r;
}

/**
 * resume_place_efi() - ask the firmware where a system was hibernated to
 * @place: result
 * @dir: RESUME_EFIVARS; what is not mounted there yet is for a moment
 *
 * Return: 0, -ENOENT if there is none, or another negative errno.
 */
int resume_place_efi(struct resume_place *place, const char *dir)
{
	char text[EFI_MAX_BYTES];
	bool mounted = false;
	struct statfs fs;
	int r;

	if (!strcmp(dir, RESUME_EFIVARS) && !statfs(dir, &fs) &&
	    (unsigned long)fs.f_type != EFIVARFS_MAGIC)
		mounted = !mount("efivarfs", dir, "efivarfs",
				 MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
	r = efi_read(dir, text);
	if (mounted)
		umount2(dir, MNT_DETACH);
	return r ? r : efi_parse(place, text);
}

/**
 * resume_patience() - how long to wait for the device of a hibernated system
 * @rootdelay: value of "rootdelay=" on the kernel's command line, or NULL
 * @timeout: that of dracut's "rd.timeout=", or NULL; 0 is for ever there
 *
 * What is on an image has to be there before the root is given up, so it is not
 * all of the time that the root has.
 *
 * Return: seconds.
 */
unsigned int resume_patience(const char *rootdelay, const char *timeout)
{
	unsigned long root = rootdelay ? strtoul(rootdelay, NULL, 10) : 0;

	if (timeout && *timeout)
		root = strtoul(timeout, NULL, 10);
	else if (root < RESUME_ROOT_SECONDS)
		root = RESUME_ROOT_SECONDS;
	return root && root < UINT_MAX / 2 ? root * 2 / 3 : UINT_MAX;
}
