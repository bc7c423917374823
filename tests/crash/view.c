// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aio.h"
#include "stamp.h"
#include "view.h"

#define VIEW_DEPTH	64	/* reads under way */
#define VIEW_MARGIN	8	/* sectors to look at beside a site */
#define VIEW_GAP	32	/* less between two windows makes them one */
#define VIEW_PROBES	48	/* of blocks that nobody writes */
#define VIEW_REPORTS	6	/* sectors named in a report */

static int view_cmp(const void *a, const void *b)
{
	const struct window *x = a, *y = b;

	return x->lba < y->lba ? -1 : x->lba > y->lba;
}

static void view_add(struct view *view, u64 lba, u64 end, u64 disk_sectors)
{
	struct window *w = &view->windows[view->nr++];

	w->lba = lba;
	w->count = min_t(u64, end, disk_sectors) - lba;
}

static void view_merge(struct view *view)
{
	struct window *last = view->windows;
	u32 i;

	qsort(view->windows, view->nr, sizeof(*last), view_cmp);
	for (i = 1; i < view->nr; i++) {
		struct window *w = &view->windows[i];

		if (w->lba <= last->lba + last->count + VIEW_GAP)
			last->count = max_t(u64, last->lba + last->count,
					    w->lba + w->count) - last->lba;
		else
			*++last = *w;
	}
	view->nr = last - view->windows + 1;
	for (i = 0; i < view->nr; i++) {
		view->windows[i].at = view->sectors;
		view->sectors += view->windows[i].count;
	}
}

static void view_number(struct view *view)
{
	const struct ledger *ledger = view->ledger;
	const struct window *w = view->windows;
	u32 i, k;

	view->number = malloc(view->sectors * sizeof(int));
	memset(view->number, 0xff, view->sectors * sizeof(int));
	for (i = 0; i < ledger->nr_sites; i++) {
		const struct site *site = &ledger->sites[i];

		while (w->lba + w->count <= site->lba)
			w++;
		for (k = 0; k < site->count; k++)
			view->number[w->at + site->lba - w->lba + k] =
				site->first + k;
	}
}

/**
 * view_init() - choose what to look at
 * @view: result
 * @ledger: whose sites
 * @disk_sectors: size of the virtual disk
 * @probe: look into each block at one more place
 * @dice: chooses these
 */
void view_init(struct view *view, const struct ledger *ledger, u64 disk_sectors,
	       bool probe, struct dice *dice)
{
	u32 i;

	memset(view, 0, sizeof(*view));
	view->ledger = ledger;
	view->windows = calloc(2 * ledger->nr_sites + VIEW_PROBES,
			       sizeof(*view->windows));
	for (i = 0; i < ledger->nr_sites; i++) {
		const struct site *site = &ledger->sites[i];
		u64 lba;

		lba = site->lba < VIEW_MARGIN ? 0 : site->lba - VIEW_MARGIN;
		view_add(view, lba, site->lba + site->count + VIEW_MARGIN,
			 disk_sectors);
		if (!probe)
			continue;
		lba = (site->lba & -(u64)BLOCK_SECTORS) +
		      dice_below(dice, BLOCK_SECTORS - 8);
		view_add(view, lba, lba + 8, disk_sectors);
	}
	for (i = 0; i < VIEW_PROBES; i++) {
		u64 lba = dice_next(dice) % (disk_sectors - 8);

		view_add(view, lba, lba + 8, disk_sectors);
	}
	view_merge(view);
	view_number(view);
}

/**
 * view_exit() - free it
 * @view: the view
 */
void view_exit(struct view *view)
{
	free(view->windows);
	free(view->number);
}

/**
 * view_buffer() - memory for what is in the windows
 * @view: the view
 *
 * Return: to be freed.
 */
void *view_buffer(const struct view *view)
{
	void *buf = aligned_alloc(PAGE, ((u64)view->sectors * SECTOR + PAGE) &
				  -(u64)PAGE);

	if (!buf)
		die("out of memory");
	return buf;
}

/**
 * view_inherited() - what is in the windows by way of parents
 * @view: the view
 *
 * Return: to be freed.
 */
void *view_inherited(const struct view *view)
{
	void *buf = view_buffer(view);
	u32 i, k;

	memset(buf, 0, (u64)view->sectors * SECTOR);
	for (i = 0; i < view->nr; i++) {
		const struct window *w = &view->windows[i];

		for (k = 0; k < w->count; k++) {
			int number = view->number[w->at + k];
			u32 gen = number < 0 ? 0 :
				  view->ledger->inherited[number];

			if (gen)
				stamp_fill(buf + (u64)(w->at + k) * SECTOR,
					   w->lba + k, gen, LEDGER_PARENTS);
		}
	}
	return buf;
}

/**
 * view_has() - is a sector looked at?
 * @view: the view
 * @lba: the sector
 *
 * Return: true if so.
 */
bool view_has(const struct view *view, u64 lba)
{
	u32 i;

	for (i = 0; i < view->nr; i++)
		if (lba - view->windows[i].lba < view->windows[i].count)
			return true;
	return false;
}

/**
 * view_read() - read all windows
 * @view: the view
 * @fd: mapped device, O_DIRECT
 * @buf: takes them
 *
 * Return: 0 or the negative errno of the first read that failed.
 */
int view_read(const struct view *view, int fd, void *buf)
{
	struct aio_op ops[VIEW_DEPTH], *op;
	u32 next = 0, busy = 0;
	struct aio aio;
	int r = 0;

	aio_init(&aio, VIEW_DEPTH);
	while (next < view->nr || busy) {
		const struct window *w = &view->windows[next];

		if (next < view->nr && (busy < VIEW_DEPTH)) {
			op = &ops[busy++];
		} else {
			op = aio_wait(&aio);
			if (op->result != (long long)op->cb.aio_nbytes && !r)
				r = op->result < 0 ? op->result : -EIO;
			if (next == view->nr) {
				busy--;
				continue;
			}
		}
		aio_read(&aio, op, fd, buf + (u64)w->at * SECTOR,
			 (u64)w->count * SECTOR, w->lba * SECTOR);
		next++;
	}
	aio_exit(&aio);
	return r;
}

/* What is wrong with a sector, or NULL. */
static const char *view_fault(const void *sector, u64 lba, int number,
			      const struct duty *duty)
{
	struct stamp stamp;

	switch (stamp_read(sector, &stamp)) {
	case STAMP_ZERO:
		return number >= 0 && duty->ledger->zeroed[number] <
				      duty->required[number] ?
		       "it is lost" : NULL;
	case STAMP_GOOD:
		break;
	case STAMP_TORN:
		return "it is torn";
	case STAMP_FOREIGN:
		return "it was never written";
	default:
		return "it is garbage";
	}
	if (stamp.lba != lba)
		return "it is another sector's";
	if (number < 0 || stamp.gen > duty->ledger->issued[number])
		return "that was never written there";
	if (stamp.gen < duty->required[number])
		return "it is too old";
	return NULL;
}

/**
 * view_check() - is what was read what may be there?
 * @view: the view
 * @buf: from view_read()
 * @duty: what has to be there
 *
 * Prints what is wrong.
 *
 * Return: how many sectors are wrong.
 */
u32 view_check(struct view *view, const void *buf,
	       const struct duty *duty)
{
	u32 i, k, bad = 0;
	char text[96];

	for (i = 0; i < view->nr; i++) {
		const struct window *w = &view->windows[i];

		for (k = 0; k < w->count; k++) {
			const void *sector = buf + (u64)(w->at + k) * SECTOR;
			int number = view->number[w->at + k];
			const char *fault = view_fault(sector, w->lba + k,
						       number, duty);

			if (!fault || bad++ >= VIEW_REPORTS)
				continue;
			view->bad = w->at + k;
			view->bad_lba = w->lba + k;
			printf("  sector %" PRIu64 " has %s: %s (generation %u has to be there, %u is the last)\n",
			       w->lba + k, stamp_text(sector, text, sizeof(text)),
			       fault, number < 0 ? 0 : duty->required[number],
			       number < 0 ? 0 : duty->ledger->issued[number]);
		}
	}
	if (bad > VIEW_REPORTS)
		printf("  ... and %u more sectors\n", bad - VIEW_REPORTS);
	return bad;
}

/**
 * view_differs() - has the content changed?
 * @view: the view
 * @a: as it was
 * @b: as it is
 * @what: who has changed it
 *
 * Prints what differs.
 *
 * Return: how many sectors differ.
 */
u32 view_differs(const struct view *view, const void *a, const void *b,
		 const char *what)
{
	char was[96], is[96];
	u32 i, k, bad = 0;

	if (!memcmp(a, b, (u64)view->sectors * SECTOR))
		return 0;
	for (i = 0; i < view->nr; i++) {
		const struct window *w = &view->windows[i];

		for (k = 0; k < w->count; k++) {
			u64 at = (u64)(w->at + k) * SECTOR;

			if (!memcmp(a + at, b + at, SECTOR) ||
			    bad++ >= VIEW_REPORTS)
				continue;
			printf("  %s: sector %" PRIu64 " had %s and has %s\n",
			       what, w->lba + k,
			       stamp_text(a + at, was, sizeof(was)),
			       stamp_text(b + at, is, sizeof(is)));
		}
	}
	return bad;
}
