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

/* The one of @whats, ended by NULL, that is in @message, and where. */
static int kmsg_which(const char *message, const char *const *whats,
		      const char **hit)
{
	int i;

	for (i = 0; whats[i]; i++) {
		*hit = strstr(message, whats[i]);
		if (*hit)
			return i;
	}
	return -1;
}

/**
 * kmsg_find_any() - find the last new message about one of several things
 * @fd: from kmsg_open()
 * @whats: texts in it, ended by NULL
 * @text: takes the message from that text on
 * @size: size of @text
 *
 * Return: the index of that text, or -1.
 */
int kmsg_find_any(int fd, const char *const *whats, char *text, size_t size)
{
	char record[8192], *message;
	int found = -1, which;
	const char *hit;
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
		which = message ? kmsg_which(message, whats, &hit) : -1;
		if (which >= 0) {
			snprintf(text, size, "%s", hit);
			found = which;
		}
	}
	return found;
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
	const char *const whats[] = { what, NULL };

	return !kmsg_find_any(fd, whats, text, size);
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
