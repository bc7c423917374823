// SPDX-License-Identifier: GPL-2.0
/*
 * A trace is a row of segments that end with a flush.  A crash leaves all of
 * the segments before some flush, and of the next one any part of the writes,
 * each as a whole or sector by sector.  FUA writes are there once they have
 * completed.
 *
 * Looked at are: the device after each write, one by one in the order of
 * completion; and for each segment random choices of its writes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mapping.h"
#include "stamp.h"
#include "states.h"

#define STATE_LOG_BYTES	(64ULL << 20)
#define STATE_CUT_RANDOM 3	/* random states per segment of a replay */
#define STATE_LISTED	40	/* writes in a report */

/**
 * struct explorer - at work
 * @verdict: looks
 * @plan: which states
 * @tally: what was done
 * @trace: where they come from
 * @base: duty as of the last flush
 * @duty: duty as of the state
 * @number: candidates so far: the same in all workers
 * @prefix_share: per million of the writes whose states are looked at
 * @random_share: random states per segment, in thousandths
 */
struct explorer {
	struct verdict *verdict;
	const struct plan *plan;
	struct tally *tally;
	const struct trace *trace;
	struct duty base;
	struct duty duty;
	u32 number;
	u32 prefix_share;
	u32 random_share;
};

/**
 * struct choice - which writes of a segment have reached the device
 * @start: segment
 * @end: entry after the segment
 * @seed: 0: all before @end; otherwise of the random choices
 * @keep: percentage that is there ...
 * @torn: ... and, of these, in part
 */
struct choice {
	u32 start;
	u32 end;
	u64 seed;
	u32 keep;
	u32 torn;
};

typedef void (*state_apply_fn)(struct medium *medium,
			       const struct trace_entry *entry,
			       struct dice *torn);

enum fate { FATE_LOST, FATE_TORN, FATE_THERE };

static enum fate state_fate(const struct choice *choice,
			    const struct trace_entry *entry, struct dice *dice)
{
	bool there = dice_percent(dice, choice->keep);
	bool torn = dice_percent(dice, choice->torn);

	if (!choice->seed || (entry->flags & TRACE_FUA))
		return FATE_THERE;
	return !there ? FATE_LOST : torn ? FATE_TORN : FATE_THERE;
}

static void state_apply(struct medium *medium, const struct trace *trace,
			const struct choice *choice, state_apply_fn apply)
{
	struct dice dice, torn;
	u32 i;

	dice_init(&dice, choice->seed, 3);
	for (i = choice->start; i < choice->end; i++) {
		const struct trace_entry *entry = &trace->entries[i];
		enum fate fate;

		if (!trace_writes(entry))
			continue;
		fate = state_fate(choice, entry, &dice);
		dice_init(&torn, choice->seed, 1000 + i);
		if (fate != FATE_LOST)
			apply(medium, entry, fate == FATE_TORN ? &torn : NULL);
	}
}

/* So that it can be understood without being repeated. */
static void state_print(const struct explorer *explorer,
			const struct trace *trace, const struct choice *choice,
			const char *of)
{
	static const char * const fates[] = { "lost", "torn", "there" };
	struct dice dice;
	char text[96];
	u32 i, listed = 0;

	if (choice->seed)
		printf("  state %u%s: entries 0 to %u, and of %u to %u some (%u %% there, %u %% of these torn)\n",
		       explorer->number, of, choice->start, choice->start,
		       choice->end, choice->keep, choice->torn);
	else
		printf("  state %u%s: entries 0 to %u of %u, the last flush before %u\n",
		       explorer->number, of, choice->end, trace->nr,
		       choice->start);
	dice_init(&dice, choice->seed, 3);
	for (i = choice->start; i < choice->end; i++) {
		const struct trace_entry *entry = &trace->entries[i];
		enum fate fate = FATE_THERE;

		if (trace_writes(entry))
			fate = state_fate(choice, entry, &dice);
		if (++listed <= STATE_LISTED)
			printf("    %u: %s: %s\n", i,
			       trace_text(entry, text, sizeof(text)),
			       fates[fate]);
	}
	if (listed > STATE_LISTED)
		printf("    ... and %u more\n", listed - STATE_LISTED);
}

/* Where in the log is what is missing, and who says that it has to be there? */
static void state_explain(const struct explorer *explorer)
{
	const struct view *view = &explorer->verdict->view;
	const struct trace *trace = explorer->trace;
	int number = view->bad_lba ? view->number[view->bad] : -1;
	struct stamp stamp;
	struct duty duty;
	u32 i, gen;
	u64 at;

	if (number < 0 || !explorer->duty.required[number])
		return;
	gen = explorer->duty.required[number];
	duty_init(&duty, explorer->duty.ledger);
	for (i = 0; i < trace->nr; i++) {
		const struct trace_entry *entry = &trace->entries[i];

		for (at = 0; trace_writes(entry) && at < entry->bytes;
		     at += SECTOR)
			if (stamp_read(entry->data + at, &stamp) == STAMP_GOOD &&
			    stamp.lba == view->bad_lba && stamp.gen == gen)
				printf("  generation %u of sector %llu is in entry %u, at byte %llu\n",
				       gen, (unsigned long long)stamp.lba, i,
				       (unsigned long long)(entry->off + at));
		if (entry->mark == TRACE_NO_MARK)
			continue;
		if (duty.required[number] < gen &&
		    (duty_mark(&duty, entry->mark), duty.required[number] >= gen))
			printf("  mark %u, entry %u, of kind %u says that it is durable\n",
			       entry->mark, i,
			       duty.ledger->marks[entry->mark].kind);
	}
	duty_exit(&duty);
}

static void state_random(struct choice *choice, struct dice *dice)
{
	static const u32 keeps[] = { 10, 50, 50, 80, 95 };
	static const u32 torns[] = { 0, 0, 20, 60 };

	choice->seed = dice_next(dice) | 1;
	choice->keep = keeps[dice_below(dice, 5)];
	choice->torn = torns[dice_below(dice, 4)];
}

/* ------------------------------------------------------------------------
 * Replays that are cut
 */

static bool state_cut_one(struct explorer *explorer, const struct trace *trace,
			  const struct choice *choice, const void *reference)
{
	struct medium *medium = explorer->verdict->medium;
	struct choice before = { .end = choice->start };

	state_apply(medium, trace, &before, medium_apply_again);
	state_apply(medium, trace, choice, medium_apply_again);
	explorer->tally->states++;
	explorer->tally->cut++;
	if (verdict_state(explorer->verdict, &explorer->duty, reference, 0))
		return true;
	state_print(explorer, trace, choice, ", its replay cut");
	return false;
}

static bool state_cut_each(struct explorer *explorer, const struct trace *trace,
			   const void *reference, struct dice *dice)
{
	u32 start = 0, end, i;

	for (; start < trace->nr; start = end) {
		struct choice choice = { .start = start };

		end = trace_segment_end(trace, start);
		choice.end = end;
		for (i = 0; end - start > 2 && i < STATE_CUT_RANDOM; i++) {
			state_random(&choice, dice);
			if (!state_cut_one(explorer, trace, &choice, reference))
				return false;
		}
		choice.seed = 0;
		for (i = start; i < end; i++) {
			if (!trace_writes(&trace->entries[i]))
				continue;
			choice.end = i + 1;
			if (!state_cut_one(explorer, trace, &choice, reference))
				return false;
		}
	}
	return true;
}

/* Replay the state once more, over a dm-log-writes of its own, and cut that. */
static bool state_cut(struct explorer *explorer, struct dice *dice)
{
	struct verdict *verdict = explorer->verdict;
	struct medium *medium = verdict->medium;
	void *reference = view_buffer(&verdict->view);
	struct trace trace;
	struct ramdisk log;
	char name[64], path[96];
	bool good;

	memcpy(reference, verdict->ro, (u64)verdict->view.sectors * SECTOR);
	snprintf(name, sizeof(name), "%s-log", verdict->name);
	ramdisk_init(&log, verdict->workload->dir, name, STATE_LOG_BYTES);
	ramdisk_attach(&log);
	if (stack_map(name, "log-writes", medium->bytes / SECTOR, false,
		      "%s %s", medium->disk.loop.path, log.loop.path) ||
	    parents_map(verdict->workload, verdict->name, false,
			mapping_path(path, sizeof(path), name)))
		die("a replay over dm-log-writes failed");
	stack_unmap(verdict->name);
	stack_unmap(name);
	medium_restore(medium, false);

	trace_init(&trace, log.map, log.bytes);
	good = state_cut_each(explorer, &trace, reference, dice);
	trace_exit(&trace);
	ramdisk_exit(&log);
	free(reference);
	return good;
}

/* ------------------------------------------------------------------------
 * States of the workload
 */

static bool state_is_mine(struct explorer *explorer, u32 share,
			  struct dice *dice)
{
	explorer->number++;
	dice_init(dice, explorer->verdict->workload->seed, explorer->number);
	if (dice_below(dice, 1000000) >= share)
		return false;
	return dice_below(dice, explorer->plan->workers) ==
	       explorer->plan->worker;
}

static bool state_is_due(struct dice *dice, u32 every)
{
	return dice_below(dice, every ? every : 1) == 0 && every;
}

/* The medium has the state: look, unless it is another worker's. */
static bool state_look(struct explorer *explorer, const struct choice *choice,
		       struct dice *dice)
{
	const struct plan *plan = explorer->plan;
	bool cut = state_is_due(dice, plan->every_replay);
	u32 what = 0;

	if (state_is_due(dice, plan->every_tool))
		what |= VERDICT_TOOL;
	else if (state_is_due(dice, plan->every_qemu))
		what |= VERDICT_QEMU;
	if (state_is_due(dice, plan->every_write))
		what |= VERDICT_WRITE;
	if (state_is_due(dice, 16))
		what |= VERDICT_ALL;
	if (state_is_due(dice, 4))
		what |= VERDICT_READ;

	explorer->tally->states++;
	if (!verdict_state(explorer->verdict, &explorer->duty, NULL, what)) {
		state_print(explorer, explorer->trace, choice, "");
		state_explain(explorer);
		return false;
	}
	return !cut || state_cut(explorer, dice);
}

/* After each write of a segment. */
static bool state_prefixes(struct explorer *explorer, u32 start, u32 end)
{
	const struct trace *trace = explorer->trace;
	struct choice choice = { .start = start };
	struct dice dice;
	bool good = true;
	u32 i = start;

	while (good && i < end) {
		/* Marks belong to what came before them. */
		for (; i < end && !trace_writes(&trace->entries[i]); i++)
			if (trace->entries[i].mark != TRACE_NO_MARK)
				duty_mark(&explorer->duty,
					  trace->entries[i].mark);
		choice.end = i;
		if (state_is_mine(explorer, explorer->prefix_share, &dice))
			good = state_look(explorer, &choice, &dice);
		if (i < end) {
			medium_apply(explorer->verdict->medium,
				     &trace->entries[i++], NULL);
			explorer->duty.clean = false;
		}
	}
	medium_reset(explorer->verdict->medium);
	return good;
}

static bool state_randoms(struct explorer *explorer, u32 start, u32 end)
{
	struct medium *medium = explorer->verdict->medium;
	struct choice choice = { .start = start, .end = end };
	u32 share = explorer->random_share;
	struct dice dice;
	bool good = true;

	/* All marks in a segment stand before its ordinary writes. */
	for (; good && share; share -= min_t(u32, share, 1000)) {
		if (!state_is_mine(explorer, min_t(u32, share, 1000) * 1000,
				   &dice))
			continue;
		state_random(&choice, &dice);
		state_apply(medium, explorer->trace, &choice, medium_apply);
		good = state_look(explorer, &choice, &dice);
		medium_reset(medium);
	}
	return good;
}

static bool state_has_ordinary(const struct trace *trace, u32 start, u32 end)
{
	for (; start < end; start++)
		if (trace_writes(&trace->entries[start]) &&
		    !(trace->entries[start].flags & TRACE_FUA))
			return true;
	return false;
}

static bool state_segment(struct explorer *explorer, u32 start, u32 end)
{
	const struct trace *trace = explorer->trace;
	struct medium *medium = explorer->verdict->medium;
	u32 i;

	duty_copy(&explorer->duty, &explorer->base);
	if (!state_prefixes(explorer, start, end))
		return false;
	medium_segment(medium);
	/* The prefixes have passed all marks. */
	duty_copy(&explorer->base, &explorer->duty);
	explorer->duty.clean = false;
	if (state_has_ordinary(trace, start, end) &&
	    !state_randoms(explorer, start, end))
		return false;
	medium_segment(medium);
	for (i = start; i < end; i++)
		if (trace_writes(&trace->entries[i]))
			medium_advance(medium, &trace->entries[i]);
	medium_segment(medium);
	return true;
}

/* How many of the possible states make as many as are wanted? */
static void state_budget(struct explorer *explorer)
{
	const struct trace *trace = explorer->trace;
	u32 states = explorer->plan->states, prefixes = 0, segments = 0;
	u32 start, end, i;
	u64 share;

	for (start = 0; start < trace->nr; start = end) {
		end = trace_segment_end(trace, start);
		segments += state_has_ordinary(trace, start, end);
		prefixes++;
		for (i = start; i < end; i++)
			prefixes += trace_writes(&trace->entries[i]);
	}
	share = 10000ULL * states * (100 - explorer->plan->random) / prefixes;
	explorer->prefix_share = min_t(u64, share, 1000000);
	states -= min_t(u32, states, (u64)prefixes * explorer->prefix_share /
				     1000000);
	explorer->random_share = 1000ULL * states / (segments + 1);
}

/**
 * state_explore() - look at states of a workload, until one is wrong
 * @verdict: who looks
 * @plan: which
 * @tally: result
 */
void state_explore(struct verdict *verdict, const struct plan *plan,
		   struct tally *tally)
{
	struct explorer explorer = {
		.verdict = verdict,
		.plan = plan,
		.tally = tally,
		.trace = &verdict->workload->trace,
	};
	u32 start, end;
	u64 off;

	duty_init(&explorer.base, &verdict->workload->ledger);
	duty_init(&explorer.duty, &verdict->workload->ledger);
	state_budget(&explorer);
	for (start = 0; start < explorer.trace->nr; start = end) {
		end = trace_segment_end(explorer.trace, start);
		if (*plan->stop)
			break;
		if (!state_segment(&explorer, start, end)) {
			tally->failed = true;
			*plan->stop = true;
		}
	}
	if (!*plan->stop &&
	    !medium_is(verdict->medium, &verdict->workload->device, &off))
		die("the log of dm-log-writes does not lead to what is on the device at byte %llu",
		    (unsigned long long)off);
	duty_exit(&explorer.base);
	duty_exit(&explorer.duty);
}
