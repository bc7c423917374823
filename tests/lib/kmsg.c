// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's messages, from one program that starts fast.
 *
 *   kmsg point       prints a number that stands for now
 *   kmsg since N     prints what the kernel has said since "kmsg point" printed N, without levels and
 *                    times
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The longest record the kernel hands out, and then some. */
static char record[16384];

/*
 * Continuation lines ("\n KEY=value") say where a message is from, and are no part of it. What is not
 * printable comes as "\xHH".
 */
static void print_message(const char *text)
{
	unsigned int c;

	for (; *text && *text != '\n'; text++) {
		if (sscanf(text, "\\x%2x", &c) == 1) {
			putchar(c);
			text += 3;
		} else {
			putchar(*text);
		}
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	unsigned long long number, next = 0, since = 0;
	int since_given = argc == 3 && !strcmp(argv[1], "since");
	int fd;

	if (!since_given && (argc != 2 || strcmp(argv[1], "point")))
		return 2;
	if (since_given)
		since = strtoull(argv[2], NULL, 10);
	fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (fd < 0) {
		perror("/dev/kmsg");
		return 1;
	}
	for (;;) {
		ssize_t n = read(fd, record, sizeof(record) - 1);
		char *text;

		/* EPIPE: it was overwritten before it was read; the next one is there. */
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			perror("/dev/kmsg");
			return 1;
		}
		record[n] = 0;
		text = strchr(record, ';');
		if (!text || sscanf(record, "%*u,%llu,", &number) != 1) {
			fprintf(stderr, "/dev/kmsg: no record: %s\n", record);
			return 1;
		}
		next = number + 1;
		if (since_given && number >= since)
			print_message(text + 1);
	}
	if (!since_given)
		printf("%llu\n", next);
	return fflush(stdout) ? 1 : 0;
}
