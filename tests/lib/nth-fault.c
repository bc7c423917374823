// SPDX-License-Identifier: GPL-2.0
/*
 * One ioctl of device mapper, in which the Nth allocation of memory fails (CONFIG_FAILSLAB,
 * CONFIG_FAIL_PAGE_ALLOC, /proc/self/fail-nth).
 *
 *   nth-fault N load NAME SECTORS TARGET PARAMETERS
 *   nth-fault N resume NAME
 *   nth-fault N suspend NAME
 *
 * Prints how many of N were left when it was done (0: one has failed), and "ok" or the errno's text.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void set_nth(int fd, const char *n)
{
	if (pwrite(fd, n, strlen(n), 0) < 0) {
		perror("fail-nth");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static char buffer[16384] __attribute__((aligned(8)));
	struct dm_target_spec *spec = (void *)(buffer + sizeof(struct dm_ioctl));
	struct dm_ioctl *dm = (void *)buffer;
	int control, nth, r, error;
	char left[16] = "";
	unsigned long what;

	if (argc < 4)
		return 2;
	dm->version[0] = DM_VERSION_MAJOR;
	dm->data_size = sizeof(buffer);
	dm->data_start = sizeof(*dm);
	strncpy(dm->name, argv[3], sizeof(dm->name) - 1);
	what = DM_DEV_SUSPEND;
	if (!strcmp(argv[2], "load") && argc == 7) {
		what = DM_TABLE_LOAD;
		dm->target_count = 1;
		spec->length = strtoull(argv[4], NULL, 10);
		strncpy(spec->target_type, argv[5], sizeof(spec->target_type) - 1);
		strcpy((char *)(spec + 1), argv[6]);
		spec->next = sizeof(*spec) + ((strlen(argv[6]) + 8) & ~7UL);
	} else if (!strcmp(argv[2], "suspend")) {
		dm->flags = DM_SUSPEND_FLAG;
	} else if (strcmp(argv[2], "resume")) {
		return 2;
	}
	control = open("/dev/mapper/control", O_RDWR);
	nth = open("/proc/self/fail-nth", O_RDWR);
	if (control < 0 || nth < 0) {
		perror("/dev/mapper/control, /proc/self/fail-nth");
		return 2;
	}
	set_nth(nth, argv[1]);
	r = ioctl(control, what, dm);
	error = errno;
	if (pread(nth, left, sizeof(left) - 1, 0) < 0)
		return 2;
	set_nth(nth, "0");
	printf("%d %s\n", atoi(left), r ? strerror(error) : "ok");
	return 0;
}
