/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What has been written where, what was acknowledged, and what of it had to be
 * durable when.
 *
 * Sectors are written within sites only, which do not overlap.  A site belongs
 * to one writer, who writes each of its sectors one time after the other.  So
 * the generations of a sector only grow, and at any moment what may be found is
 * the generation that was durable by then, or any later one.
 *
 * Each acknowledged write is an event.  A mark in the log of dm-log-writes
 * stands for what had to be durable by then: the events from before a flush was
 * sent, or one FUA write.
 */
#ifndef CRASH_LEDGER_H
#define CRASH_LEDGER_H

#include <pthread.h>

#include "crash.h"

/**
 * struct site - sectors that one writer writes
 * @lba: first sector
 * @count: sectors
 * @first: number of the first one among all sites' sectors
 * @writer: who
 */
struct site {
	u64 lba;
	u32 count;
	u32 first;
	u32 writer;
};

/**
 * struct event - an acknowledged write
 * @first: number of the first sector among all sites' sectors
 * @count: sectors
 * @gen: generation
 */
struct event {
	u32 first;
	u32 count;
	u32 gen;
};

/* Writes what parents have. */
#define LEDGER_PARENTS	0xffff

enum mark_kind {
	MARK_FLUSH,	/* events before @value are durable */
	MARK_FUA,	/* event @value is */
	MARK_SUSPENDED,	/* like MARK_FLUSH, and the image is clean */
	MARK_FILE,	/* file @value of the file system is */
	MARK_BEGIN,	/* the file system is there */
};

struct mark {
	enum mark_kind kind;
	u32 value;
};

/**
 * struct ledger - all of it
 * @sites: sorted by sector
 * @nr_sites: how many
 * @nr_sectors: in all sites
 * @issued: highest generation written to each sector
 * @zeroed: highest one that leaves zeros there: a discard, or zeroes
 * @inherited: the one that a parent has; 0: none
 * @lock: protects what is below
 * @gen: last generation given out
 * @events: in the order of acknowledgement
 * @nr_events: how many
 * @marks: by number
 * @nr_marks: how many
 */
struct ledger {
	struct site *sites;
	u32 nr_sites;
	u32 nr_sectors;
	u32 *issued;
	u32 *zeroed;
	u32 *inherited;
	pthread_mutex_t lock;
	u32 gen;
	struct event *events;
	u32 nr_events;
	struct mark *marks;
	u32 nr_marks;
};

/**
 * struct duty - what has to be there at some moment
 * @ledger: of which
 * @required: lowest generation of each sector; 0: may be zeros
 * @nr_events: events before this are in
 * @files: files of the file system that are durable
 * @clean: the image is suspended, and clean
 * @begun: the file system is there
 */
struct duty {
	const struct ledger *ledger;
	u32 *required;
	u32 nr_events;
	u32 files;
	bool clean;
	bool begun;
};

void ledger_init(struct ledger *ledger, const struct site *sites, u32 nr_sites);
void ledger_exit(struct ledger *ledger);
u32 ledger_issue(struct ledger *ledger, const struct site *site, u32 skip,
		 u32 count, bool zeroes);
u32 ledger_inherit(struct ledger *ledger, const struct site *site, u32 skip,
		   u32 count);
u32 ledger_acknowledge(struct ledger *ledger, const struct site *site, u32 skip,
		       u32 count, u32 gen);
u32 ledger_events(struct ledger *ledger);
u32 ledger_mark(struct ledger *ledger, enum mark_kind kind, u32 value);

void duty_init(struct duty *duty, const struct ledger *ledger);
void duty_exit(struct duty *duty);
void duty_copy(struct duty *duty, const struct duty *from);
void duty_mark(struct duty *duty, u32 mark);

#endif /* CRASH_LEDGER_H */
