// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "ledger.h"

/**
 * ledger_init() - start with nothing written
 * @ledger: result
 * @sites: sorted by sector, disjoint; copied, @first is filled in
 * @nr_sites: how many
 */
void ledger_init(struct ledger *ledger, const struct site *sites, u32 nr_sites)
{
	u32 i;

	memset(ledger, 0, sizeof(*ledger));
	pthread_mutex_init(&ledger->lock, NULL);
	ledger->nr_sites = nr_sites;
	ledger->sites = calloc(nr_sites + 1, sizeof(*sites));
	for (i = 0; i < nr_sites; i++) {
		ledger->sites[i] = sites[i];
		ledger->sites[i].first = ledger->nr_sectors;
		ledger->nr_sectors += sites[i].count;
	}
	ledger->issued = calloc(ledger->nr_sectors + 1, sizeof(u32));
	ledger->zeroed = calloc(ledger->nr_sectors + 1, sizeof(u32));
	ledger->inherited = calloc(ledger->nr_sectors + 1, sizeof(u32));
}

/**
 * ledger_exit() - free it
 * @ledger: the ledger
 */
void ledger_exit(struct ledger *ledger)
{
	free(ledger->sites);
	free(ledger->issued);
	free(ledger->zeroed);
	free(ledger->inherited);
	free(ledger->events);
	free(ledger->marks);
}

/**
 * ledger_issue() - a write is about to be sent
 * @ledger: the ledger
 * @site: where; the caller is its writer and has nothing else under way there
 * @skip: first sector within the site
 * @count: sectors
 * @zeroes: it leaves zeros
 *
 * Return: its generation.
 */
u32 ledger_issue(struct ledger *ledger, const struct site *site, u32 skip,
		 u32 count, bool zeroes)
{
	u32 gen, i;

	pthread_mutex_lock(&ledger->lock);
	gen = ++ledger->gen;
	pthread_mutex_unlock(&ledger->lock);
	for (i = 0; i < count; i++) {
		ledger->issued[site->first + skip + i] = gen;
		if (zeroes)
			ledger->zeroed[site->first + skip + i] = gen;
	}
	return gen;
}

/**
 * ledger_inherit() - a parent is about to be written, before anything else is
 * @ledger: the ledger
 * @site: where
 * @skip: first sector within the site
 * @count: sectors
 *
 * Return: the generation, which is there from the start.
 */
u32 ledger_inherit(struct ledger *ledger, const struct site *site, u32 skip,
		   u32 count)
{
	u32 gen = ledger_issue(ledger, site, skip, count, false), i;

	for (i = 0; i < count; i++)
		ledger->inherited[site->first + skip + i] = gen;
	return gen;
}

static void *ledger_grow(void *array, u32 nr, u64 size)
{
	/* Whenever the number is a power of two. */
	if (nr & (nr - 1))
		return array;
	array = realloc(array, (nr ? 2 * nr : 1) * size);
	if (!array)
		die("out of memory");
	return array;
}

/**
 * ledger_acknowledge() - a write has completed
 * @ledger: the ledger
 * @site: where
 * @skip: first sector within the site
 * @count: sectors
 * @gen: from ledger_issue()
 *
 * Return: number of the event.
 */
u32 ledger_acknowledge(struct ledger *ledger, const struct site *site, u32 skip,
		       u32 count, u32 gen)
{
	u32 nr;

	pthread_mutex_lock(&ledger->lock);
	nr = ledger->nr_events++;
	ledger->events = ledger_grow(ledger->events, nr, sizeof(struct event));
	ledger->events[nr] = (struct event){ site->first + skip, count, gen };
	pthread_mutex_unlock(&ledger->lock);
	return nr;
}

/**
 * ledger_events() - what a flush that is sent now has to cover
 * @ledger: the ledger
 *
 * Return: events so far.
 */
u32 ledger_events(struct ledger *ledger)
{
	u32 nr;

	pthread_mutex_lock(&ledger->lock);
	nr = ledger->nr_events;
	pthread_mutex_unlock(&ledger->lock);
	return nr;
}

/**
 * ledger_mark() - something has become durable
 * @ledger: the ledger
 * @kind: what
 * @value: depends on @kind
 *
 * Return: number of the mark, for dm-log-writes.
 */
u32 ledger_mark(struct ledger *ledger, enum mark_kind kind, u32 value)
{
	u32 nr;

	pthread_mutex_lock(&ledger->lock);
	nr = ledger->nr_marks++;
	ledger->marks = ledger_grow(ledger->marks, nr, sizeof(struct mark));
	ledger->marks[nr] = (struct mark){ kind, value };
	pthread_mutex_unlock(&ledger->lock);
	return nr;
}

/**
 * duty_init() - nothing has to be there yet but what parents have
 * @duty: result
 * @ledger: the ledger; nothing is added any more
 */
void duty_init(struct duty *duty, const struct ledger *ledger)
{
	memset(duty, 0, sizeof(*duty));
	duty->ledger = ledger;
	duty->required = calloc(ledger->nr_sectors + 1, sizeof(u32));
	memcpy(duty->required, ledger->inherited,
	       ledger->nr_sectors * sizeof(u32));
}

/**
 * duty_exit() - free it
 * @duty: the duty
 */
void duty_exit(struct duty *duty)
{
	free(duty->required);
}

/**
 * duty_copy() - copy
 * @duty: result; set up for the same ledger
 * @from: source
 */
void duty_copy(struct duty *duty, const struct duty *from)
{
	u32 *required = duty->required;

	memcpy(required, from->required,
	       from->ledger->nr_sectors * sizeof(u32));
	*duty = *from;
	duty->required = required;
}

static void duty_event(struct duty *duty, u32 nr)
{
	const struct event *event = &duty->ledger->events[nr];
	u32 i;

	for (i = event->first; i < event->first + event->count; i++)
		if (duty->required[i] < event->gen)
			duty->required[i] = event->gen;
}

/**
 * duty_mark() - a mark has been passed
 * @duty: the duty
 * @mark: number of the mark
 */
void duty_mark(struct duty *duty, u32 mark)
{
	const struct mark *m = &duty->ledger->marks[mark];

	if (mark >= duty->ledger->nr_marks)
		die("the log has a mark %u, which nobody has made", mark);
	switch (m->kind) {
	case MARK_SUSPENDED:
		duty->clean = true;
		/* fall through */
	case MARK_FLUSH:
		while (duty->nr_events < m->value)
			duty_event(duty, duty->nr_events++);
		break;
	case MARK_FUA:
		duty_event(duty, m->value);
		break;
	case MARK_FILE:
		if (duty->files < m->value + 1)
			duty->files = m->value + 1;
		break;
	case MARK_BEGIN:
		duty->begun = true;
		break;
	}
}
