// SPDX-License-Identifier: GPL-2.0
/*
 * Write to a disk at random, and know what it is to read afterwards.
 *
 *   scribble DEV RAW SEED COUNT [--block BYTES] [--sector BYTES] [--threads N]
 *
 * RAW is what DEV reads before, and is changed as DEV is: written in pieces of all sizes, zeroed by
 * command, whole blocks discarded, flushed. Now and then some of it is read back. Several threads have
 * parts of the disk of their own, but within the same blocks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MOST (2u << 20)
#define STRIPE (64u << 10)
#define MOST_THREADS 64

static const char *dev, *raw;
static uint64_t seed, count, block, sector = 512, threads = 1;

struct scribbler {
	pthread_t thread;
	uint64_t state;
	unsigned int index;
	int fd, raw;
	uint64_t size;
	unsigned char *data, *copy;
	char failed[160];
};

/* splitmix64 */
static uint64_t next_random(struct scribbler *s)
{
	uint64_t z = s->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t below(struct scribbler *s, uint64_t limit)
{
	return next_random(s) % limit;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool check(struct scribbler *s, bool good, const char *what, uint64_t start, uint64_t length)
{
	if (!good)
		snprintf(s->failed, sizeof(s->failed), "%s of %llu + %llu: %s", what, (unsigned long long)start,
			 (unsigned long long)length, strerror(errno));
	return good;
}

/* Some of what is this thread's: every so many KiB are another's. */
static void pick_range(struct scribbler *s, uint64_t *start, uint64_t *length)
{
	uint64_t stripe, room;

	do {
		stripe = below(s, s->size / STRIPE / threads) * threads + s->index;
		*start = stripe * STRIPE + below(s, STRIPE / sector) * sector;
		room = threads > 1 ? STRIPE * (stripe + 1) - *start : smaller(MOST, s->size - *start);
		if (below(s, 2))
			room = smaller(room, *start % 4096 ? sector * 3 : smaller(4096, room));
		*length = (1 + below(s, room / sector)) * sector;
	} while (*start + *length > s->size);
}

static bool keep(struct scribbler *s, uint64_t start, uint64_t length)
{
	return check(s, pwrite(s->raw, s->data, length, start) == (ssize_t)length, "keeping", start, length);
}

static bool do_write(struct scribbler *s)
{
	uint64_t start, length, i, words[2] = { next_random(s), next_random(s) };

	pick_range(s, &start, &length);
	for (i = 0; i < length; i += sizeof(words))
		memcpy(s->data + i, words, sizeof(words));
	return check(s, pwrite(s->fd, s->data, length, start) == (ssize_t)length, "write", start, length) &&
	       keep(s, start, length);
}

static bool do_zero(struct scribbler *s)
{
	uint64_t range[2];

	pick_range(s, &range[0], &range[1]);
	memset(s->data, 0, range[1]);
	return check(s, !ioctl(s->fd, BLKZEROOUT, range), "zeroing", range[0], range[1]) &&
	       keep(s, range[0], range[1]);
}

static bool do_discard(struct scribbler *s)
{
	uint64_t range[2], at;

	range[0] = below(s, (s->size + block - 1) / block) * block;
	range[1] = smaller(block, s->size - range[0]);
	if (!check(s, !ioctl(s->fd, BLKDISCARD, range), "discard", range[0], range[1]))
		return false;
	memset(s->data, 0, MOST);
	for (at = range[0]; at < range[0] + range[1]; at += MOST)
		if (!keep(s, at, smaller(MOST, range[0] + range[1] - at)))
			return false;
	return true;
}

static bool do_read(struct scribbler *s)
{
	uint64_t start, length;

	pick_range(s, &start, &length);
	if (!check(s, pread(s->fd, s->data, length, start) == (ssize_t)length, "read", start, length) ||
	    !check(s, pread(s->raw, s->copy, length, start) == (ssize_t)length, "recalling", start, length))
		return false;
	errno = EUCLEAN;
	return check(s, !memcmp(s->data, s->copy, length), "what was read", start, length);
}

static bool do_something(struct scribbler *s)
{
	unsigned int dice = below(s, 100);

	if (dice < 60)
		return do_write(s);
	if (dice < 70)
		return do_zero(s);
	if (dice < 75 && threads == 1 && block)
		return do_discard(s);
	if (dice < 95)
		return do_read(s);
	return check(s, !fsync(s->fd), "flush", 0, s->size);
}

static void *run(void *arg)
{
	struct scribbler *s = arg;
	uint64_t i;

	s->fd = open(dev, O_RDWR | O_DIRECT);
	s->raw = open(raw, O_RDWR);
	s->size = s->fd < 0 ? 0 : lseek(s->fd, 0, SEEK_END);
	s->data = aligned_alloc(4096, MOST);
	s->copy = aligned_alloc(4096, MOST);
	if (!check(s, s->fd >= 0 && s->raw >= 0 && s->data && s->copy && s->size / STRIPE >= threads, "open", 0,
		   s->size))
		return NULL;
	for (i = 0; i < count && do_something(s); i++)
		;
	return NULL;
}

static uint64_t number(const char *text)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (!*text || *end) {
		fprintf(stderr, "scribble: %s is no number\n", text);
		exit(2);
	}
	return value;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "block", required_argument, NULL, 'b' },
		{ "sector", required_argument, NULL, 's' },
		{ "threads", required_argument, NULL, 't' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'b': block = number(optarg); break;
		case 's': sector = number(optarg); break;
		case 't': threads = number(optarg); break;
		default: exit(2);
		}
	}
	if (argc - optind != 4 || sector < 512 || !threads || threads > MOST_THREADS) {
		fprintf(stderr, "usage: scribble DEV RAW SEED COUNT [--block BYTES] [--sector BYTES] [--threads N]\n");
		exit(2);
	}
	dev = argv[optind];
	raw = argv[optind + 1];
	seed = number(argv[optind + 2]);
	count = number(argv[optind + 3]);
}

int main(int argc, char **argv)
{
	static struct scribbler all[MOST_THREADS];
	unsigned int i;
	int status = 0;

	parse(argc, argv);
	for (i = 0; i < threads; i++) {
		all[i].index = i;
		all[i].state = seed * MOST_THREADS + i;
		if (pthread_create(&all[i].thread, NULL, run, &all[i])) {
			perror("scribble");
			return 1;
		}
	}
	for (i = 0; i < threads; i++) {
		pthread_join(all[i].thread, NULL);
		if (all[i].failed[0]) {
			fprintf(stderr, "scribble: %s\n", all[i].failed);
			status = 1;
		}
	}
	return status;
}
