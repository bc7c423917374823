// SPDX-License-Identifier: GPL-2.0
/* vhdx-log.c against an oracle, log-naive.c, on random logs. */
#include "log-expect.h"

#define RANDOM_LOGS	4000
#define SMALL_IMAGE	0xa8000
#define SMALL_LOG_OFF	0x40000

static u64 random_target(u32 ring)
{
	switch (random_below(24)) {
	case 0:
		return random_below(0x30) * S;		/* headers */
	case 1:
		return SMALL_LOG_OFF + (u64)random_below(ring / S) * S;
	case 2:
		return SMALL_IMAGE - S + random_below(2) * S;
	case 3:
		return 0x30000 + random_below(S);
	default:
		return 0x60000 + (u64)random_below(64) * S;
	}
}

static u32 random_descs(struct test_desc *descs, u32 room, u32 ring)
{
	u32 nr = random_below(3), i;

	if (random_below(12) == 0)
		nr = 100 + random_below(300);
	for (i = 0; i < nr; i++) {
		descs[i].zero = nr > 10 ? random_below(100) : random_below(3) == 0;
		descs[i].off = nr > 10 || random_below(4) ?
			       0x60000 + (u64)random_below(64) * S :
			       random_target(ring);
		descs[i].bytes = random_below(5) * S;
		descs[i].seed = random_below(1 << 20);
	}
	while (nr && test_log_entry_bytes(descs, nr) > room)
		nr /= 2;
	return nr;
}

/* As a writer leaves it: going round, Tail following. */
static void random_writer(struct test_log *log, struct test_desc *descs)
{
	u32 ring = log->source.length, rounds = 1 + random_below(30);
	u32 offs[64], nr_live = 0;
	struct test_entry in = {
		.off = random_below(ring / S) * S,
		.sequence = 1 + random_below(5),
		.descs = descs,
		.flushed = SMALL_IMAGE,
		.last = MIB(2),
	};

	while (rounds--) {
		u32 used = nr_live ? (in.off + ring - offs[0]) % ring : 0;
		u32 length;

		if (nr_live && (ring - used < 2 * S || nr_live == 63)) {
			memmove(offs, offs + 1, --nr_live * sizeof(*offs));
			continue;
		}
		in.nr = random_descs(descs, max_t(u32, S, ring - used - S), ring);
		offs[nr_live++] = in.off;
		in.tail = offs[random_below(4) ? 0 : random_below(nr_live)];
		length = test_log_put(log, &in);
		in.off = (in.off + length) % ring;
		in.sequence++;
		while (nr_live > 1 && offs[0] != in.tail)
			memmove(offs, offs + 1, --nr_live * sizeof(*offs));
		if (random_below(10) == 0) {		/* a new session */
			in.sequence += random_below(3);
			nr_live = 0;
		}
	}
}

/* Anything goes: entries over entries, numbers and tails close together. */
static void random_heap(struct test_log *log, struct test_desc *descs)
{
	u32 ring = log->source.length, n = random_below(ring / S) + 1, i;

	for (i = 0; i < n; i++) {
		struct test_entry in = {
			.off = random_below(3) || !i ? i * S % ring :
				random_below(ring / S) * S,
			.sequence = random_below(4) ? 1 + i : random_below(6),
			.tail = (random_below(2) ? i / 2 * 2 : random_below(ring / S)) *
				S % ring,
			.descs = descs,
			.flushed = SMALL_IMAGE + (random_below(40) == 0),
			.last = MIB(2),
		};

		in.nr = random_descs(descs, random_below(4) ? S : ring, ring);
		test_log_put(log, &in);
	}
}

static void random_damage(struct test_log *log)
{
	u32 n = random_below(3), off;
	u8 *s;

	while (n--) {
		s = log->buf + random_below(log->source.length / S) * S;
		off = random_below(4) ? random_below(128) : random_below(S);
		switch (random_below(4)) {
		case 0:
			memset(s, random_below(2) ? 0 : 0xff, S);
			break;
		case 1:
			s[off] ^= 1 << random_below(8);
			break;
		case 2:		/* a hostile field under a good checksum */
			put32(s + off / 4 * 4, random_below(4) * S);
			if (get32(s + 8) % S == 0 && get32(s + 8) >= S &&
			    get32(s + 8) <= log->source.length)
				test_log_reseal(log, s - log->buf, get32(s + 8));
			break;
		default:	/* a torn write: an older sector */
			memcpy(s, log->buf + random_below(log->source.length / S) *
			       S, S);
		}
	}
}

static bool same_sequence(const struct vhdx_log_sequence *a,
			  const struct vhdx_log_sequence *b)
{
	return a->first_off == b->first_off &&
	       a->first_sequence == b->first_sequence &&
	       a->head.off == b->head.off && a->head.length == b->head.length &&
	       a->head.tail == b->head.tail &&
	       a->head.sequence == b->head.sequence &&
	       a->head.descriptors == b->head.descriptors &&
	       a->head.flushed_bytes == b->head.flushed_bytes &&
	       a->head.last_bytes == b->head.last_bytes;
}

/* @sink and @image are there to be used again: making them takes time. */
static void compare_with_naive(struct test_log *log, u64 seed, u32 *found,
			       struct test_sink *sink, u8 *image)
{
	struct vhdx_log_sequence seq, naive;
	int r, n;

	memset(&seq, 0, sizeof(seq));
	memset(&naive, 0, sizeof(naive));
	log->calls = 0;
	r = vhdx_log_find(&log->source, &seq);
	n = naive_find(log, &naive);
	if (r != n || !same_sequence(&seq, &naive))
		fail_msg("seed %llu: %s, head %llu, first %llu; naive %s, head %llu, first %llu",
			 (unsigned long long)seed, vhdx_fault_name(r),
			 (unsigned long long)seq.head.sequence,
			 (unsigned long long)seq.first_sequence,
			 vhdx_fault_name(n),
			 (unsigned long long)naive.head.sequence,
			 (unsigned long long)naive.first_sequence);
	if (log->calls > 4 * (long)(log->source.length / S) + 4)
		fail_msg("seed %llu: %ld reads", (unsigned long long)seed,
			 log->calls);
	if (r)
		return;

	(*found)++;
	memset(sink->image, 0x5a, SMALL_IMAGE);
	memset(image, 0x5a, SMALL_IMAGE);
	r = vhdx_log_replay(&log->source, &seq, &sink->sink);
	n = naive_replay(log, &naive, image, SMALL_IMAGE);
	if (r != n || memcmp(image, sink->image, SMALL_IMAGE))
		fail_msg("seed %llu: replay %s, naive %s", (unsigned long long)seed,
			 vhdx_fault_name(r), vhdx_fault_name(n));
}

static void random_logs(void **state)
{
	struct test_desc *descs = calloc(400, sizeof(*descs));
	u64 base = seed_of_run(), seed;
	u8 *image = malloc(SMALL_IMAGE);
	struct test_sink sink;
	u32 found = 0;

	test_sink_init(&sink, SMALL_IMAGE);
	for (seed = base; seed < base + RANDOM_LOGS; seed++) {
		struct test_log *log;

		random_seed(seed);
		log = test_log_new((1 + random_below(24)) * S, SMALL_LOG_OFF,
				   SMALL_IMAGE);
		if (random_below(2))
			random_writer(log, descs);
		else
			random_heap(log, descs);
		random_damage(log);
		compare_with_naive(log, seed, &found, &sink, image);
		test_log_free(log);
	}
	printf("# %u of %u random logs had an active sequence\n", found, RANDOM_LOGS);
	assert_true(found > RANDOM_LOGS / 4);
	assert_true(found < RANDOM_LOGS);
	free(sink.image);
	free(image);
	free(descs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_logs),
	};

	return cmocka_run_group_tests_name("log_random", tests, NULL, NULL);
}
