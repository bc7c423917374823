// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kmsg.h"

/**
 * kmsg_open() - remember where the kernel log ends
 *
 * Return: to pass to the other functions; negative if there is no log, which
 * they take.
 */
int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/**
 * kmsg_find() - find the last new message about something
 * @fd: from kmsg_open()
 * @what: text in it
 * @text: takes the message from @what on
 * @size: size of @text
 *
 * Return: true if there is one.
 */
bool kmsg_find(int fd, const char *what, char *text, size_t size)
{
	char record[8192], *message, *hit;
	bool found = false;
	ssize_t n;

	while (fd >= 0) {
		n = read(fd, record, sizeof(record) - 1);
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;	/* overwritten: go on with the next */
		if (n <= 0)
			break;
		record[n] = '\0';
		record[strcspn(record, "\n")] = '\0';
		message = strchr(record, ';');
		hit = message ? strstr(message, what) : NULL;
		if (hit) {
			snprintf(text, size, "%s", hit);
			found = true;
		}
	}
	return found;
}

/**
 * kmsg_close() - end the interest in the kernel log
 * @fd: from kmsg_open()
 */
void kmsg_close(int fd)
{
	if (fd >= 0)
		close(fd);
}
