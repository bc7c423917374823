// SPDX-License-Identifier: GPL-2.0
/* How far a bio can go: each kind of run is compared with a look at every block. */
#include "vk-small.h"

#define RUNS_BLOCKS	32U
#define RUNS_TRIES	3000U

static int runs_test_init(struct kunit *test)
{
	struct small_test *s = small_test_init(test, sizeof(*s));

	return s ? 0 : -ENOMEM;
}

enum runs_kind {
	RUNS_PRESENT,		/* in a row, whatever is committed */
	RUNS_SETTLED,		/* in a row, and committed */
	RUNS_COMMITTED,
	RUNS_ZEROS,
	NR_RUNS,
};

static unsigned int runs_ask(struct vhdx_target *vt, enum runs_kind kind,
			     u32 sector, u32 sectors)
{
	u32 e = vt->bat[sector / SMALL_BLOCK_SECTORS];

	switch (kind) {
	case RUNS_PRESENT:
		return vhdx_run_present(vt, sector, sectors, e);
	case RUNS_SETTLED:
		return vhdx_run_settled(vt, sector, sectors, e);
	case RUNS_COMMITTED:
		return vhdx_run_committed(vt, sector, sectors);
	default:
		return vhdx_run_zeros(vt, sector, sectors);
	}
}

/* Does a block go on what the first one has begun? */
static bool runs_goes_on(const u32 *bat, enum runs_kind kind, u32 first, u32 block)
{
	u32 e = vhdx_e_make(bat[first] & VHDX_E_STATE,
			    vhdx_e_mib(bat[first]) + block - first);

	switch (kind) {
	case RUNS_PRESENT:
		return (bat[block] & ~VHDX_E_PENDING) == e;
	case RUNS_SETTLED:
		return bat[block] == e;
	case RUNS_COMMITTED:
		return !(bat[block] & VHDX_E_PENDING);
	default:
		return vhdx_e_zeros(bat[block]);
	}
}

static unsigned int runs_count(const u32 *bat, enum runs_kind kind, u32 sector,
			       u32 sectors)
{
	u32 first = sector / SMALL_BLOCK_SECTORS, run = 1;

	while (run < sectors &&
	       ((sector + run) % SMALL_BLOCK_SECTORS ||
		runs_goes_on(bat, kind, first, (sector + run) / SMALL_BLOCK_SECTORS)))
		run++;
	return run;
}

/* Where a run of that kind may begin. */
static bool runs_begins(enum runs_kind kind, u32 e)
{
	switch (kind) {
	case RUNS_PRESENT:
		return vhdx_e_present(e);
	case RUNS_SETTLED:
		return vhdx_e_present(e) && !(e & VHDX_E_PENDING);
	case RUNS_COMMITTED:
		return !(e & VHDX_E_PENDING);
	default:
		return vhdx_e_zeros(e);
	}
}

/* Blocks of all kinds, often in a row. */
static void runs_fill(struct small_test *s, u32 *bat)
{
	struct rnd_state *rnd = &s->check.rnd;
	u32 mib = 10, kind = 0, i;

	for (i = 0; i < RUNS_BLOCKS; i++) {
		if (!vk_rnd(rnd, 4))
			kind = vk_rnd(rnd, 3);
		mib += vk_rnd(rnd, 8) ? 1 : 2;
		bat[i] = kind == 2 ? vhdx_e_make(VHDX_BLOCK_FULL, mib) :
			 kind ? vhdx_e_make(VHDX_BLOCK_ZERO, 0) : 0;
		if (!vk_rnd(rnd, 8))
			bat[i] |= VHDX_E_PENDING;
	}
}

static void runs_random(struct kunit *test)
{
	struct small_test *s = test->priv;
	struct rnd_state *rnd = &s->check.rnd;
	u32 *was, *bat, i;

	small_test_start(s, false);
	was = s->vt->bat;
	bat = kunit_kzalloc(test, RUNS_BLOCKS * sizeof(*bat), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bat);
	s->vt->bat = bat;
	for (i = 0; i < RUNS_TRIES && !s->check.failed; i++) {
		u32 total = RUNS_BLOCKS * SMALL_BLOCK_SECTORS;
		u32 sector = vk_rnd(rnd, total), kind = vk_rnd(rnd, NR_RUNS);
		/* To the end of a block often, and sometimes to that of the disk. */
		u32 sectors = vk_rnd(rnd, 3) ? 1 + vk_rnd(rnd, min(total - sector, 20000U)) :
			      round_up(sector + 1, SMALL_BLOCK_SECTORS) - sector;
		unsigned int is, due;

		s->check.step = i;
		if (!(i % 16))
			runs_fill(s, bat);
		if (!vk_rnd(rnd, 8))
			sectors = total - sector;
		if (!runs_begins(kind, bat[sector / SMALL_BLOCK_SECTORS]))
			continue;
		is = runs_ask(s->vt, kind, sector, sectors);
		due = runs_count(bat, kind, sector, sectors);
		if (is != due)
			vk_fail(&s->check, "kind %u: %u sectors from %u: %u, not %u",
				kind, sectors, sector, is, due);
	}
	s->vt->bat = was;
	vk_target_suspend(&s->vkt, false);
}

static struct kunit_case runs_cases[] = {
	KUNIT_CASE(runs_random),
	{}
};

static struct kunit_suite runs_suite = {
	.name = "vhdx-runs",
	.init = runs_test_init,
	.exit = small_test_exit,
	.test_cases = runs_cases,
};

kunit_test_suite(runs_suite);
