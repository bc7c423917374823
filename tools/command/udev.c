// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx udev: properties for udev's rules, which cannot take a name to pieces
 * and do not know what an image looks like.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "command.h"
#include "message.h"
#include "vhdx-disk.h"

#define UDEV_ID_CHARS	(UUID_STR_LEN - 1)

/* "VHDX-ID-NAME" of a disk, "partN-VHDX-ID-NAME" of a partition. */
static void udev_print_disk(const char *dm_uuid)
{
	static const char vhdx[] = "VHDX-";
	unsigned long part = 0;
	char id[UUID_STR_LEN], *rest;
	uuid_t uuid;

	if (!strncmp(dm_uuid, "part", 4)) {
		part = strtoul(dm_uuid + 4, &rest, 10);
		if (!part || *rest != '-')
			return;
		dm_uuid = rest + 1;
	}
	if (strncmp(dm_uuid, vhdx, strlen(vhdx)))
		return;
	snprintf(id, sizeof(id), "%s", dm_uuid + strlen(vhdx));
	if (strlen(id) != UDEV_ID_CHARS || uuid_parse(id, uuid) ||
	    dm_uuid[strlen(vhdx) + UDEV_ID_CHARS] != '-')
		return;
	printf("ID_VHDX=%s\nID_VHDX_DISK_ID=%s\n",
	       part ? "partition" : "disk", id);
	if (part)
		printf("ID_VHDX_PART=%lu\n", part);
}

/* Does a device hold an image? */
static void udev_print_image(const char *node)
{
	char signature[8];
	int fd;

	fd = open(node, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	if (pread(fd, signature, sizeof(signature), 0) == sizeof(signature) &&
	    !memcmp(signature, VHDX_IDENT_SIGNATURE, sizeof(signature)))
		puts("ID_VHDX=image");
	close(fd);
}

static int udev_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "uuid", no_argument, NULL, 'u' },
		OPTION_HELP,
		{}
	};
	bool uuid = false;

	while (command_option(self, argc, argv, options) >= 0)
		uuid = true;
	command_operands(self, argc, argv, 1, 1, "DEVICE");
	if (uuid)
		udev_print_disk(argv[optind]);
	else
		udev_print_image(argv[optind]);
	return STATUS_OK;
}

const struct command command_udev = {
	.name = "udev",
	.summary = "Print properties of a device for udev's rules",
	.synopsis = "[OPTION...] DEVICE|UUID",
	.help =
"  -u, --uuid                 take a device-mapper UUID to pieces, in place of\n"
"                             looking for an image on a device\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = udev_run,
};
