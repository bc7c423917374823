// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: which log, if any
 *
 * Only the header says where the log is and whether it has to be replayed.  The
 * fields of a damaged header are a hint; without one the log is somewhere in
 * the space that nobody else owns, and its entries are found by looking.
 *
 * What was in a log stays there, and the numbers of a session's entries start
 * at 1, so old and new cannot be put in order.  A replay of an old one would
 * take back what was written since.  So one is replayed only if
 *
 * - it is the only one that would change anything;
 * - a damaged header names it, or at least no block gets lost by it, and none
 *   that was discarded returns: entries older than the BAT lack the blocks that
 *   were allocated since, and have those that were discarded since;
 * - what comes out has no errors that the image as it is has not.
 *
 * Otherwise the image stays as it is, with an empty log.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "edit.h"
#include "guid.h"
#include "message.h"
#include "pending.h"
#include "rebuild.h"

#define REBUILD_LOG_BYTES	SZ_1M	/* of a log that has nowhere been found */
#define REBUILD_PLACES		64	/* where a log may be */
#define REBUILD_TRIES		64	/* sessions that have left something there */
#define REBUILD_DISCARDED	(~0U)	/* no MiB, and not for want of a write */

/**
 * struct rebuild_place - where a log may be
 * @off: bytes from the start of the image
 * @bytes: its length
 */
struct rebuild_place {
	u64 off;
	u32 bytes;
};

/**
 * struct rebuild_search - what rebuild_look() is at
 * @rebuild: result
 * @image: the image
 * @header: what the damaged headers say
 * @found: there is a log such as that one names
 * @hint: the newer one of them
 * @hinted: there is one
 * @conflict: the two do not name the same log: a damaged header's sequence
 *	number does not tell which one is newer
 * @plain: how often each problem is there without a log
 * @space: who owns what in the image as it is
 * @mibs: where its blocks are, or REBUILD_DISCARDED; NULL if it cannot be read
 * @blocks: how many there are
 * @present: how many of them have data
 * @place: where logs may be
 * @places: how many
 * @tried: the logs of the place at hand that were looked at
 * @tries: how many
 * @overflow: there are more logs than can be told apart
 * @audit: memory
 */
struct rebuild_search {
	struct rebuild *rebuild;
	struct image *image;
	struct vhdx_header header[2];
	bool found[2];
	struct vhdx_header hint;
	bool hinted;
	bool conflict;
	u64 plain[AUDIT_NR];
	struct vhdx_space space;
	u32 *mibs;
	u32 blocks;
	u64 present;
	guid_t tried[REBUILD_TRIES];
	unsigned int tries;
	struct rebuild_place place[REBUILD_PLACES];
	unsigned int places;
	bool overflow;
	struct audit audit;
};

static void rebuild_add_place(struct rebuild_search *search, u64 off, u32 bytes)
{
	unsigned int i;

	for (i = 0; i < search->places; i++)
		if (search->place[i].off == off &&
		    search->place[i].bytes == bytes)
			return;
	if (search->places == REBUILD_PLACES)
		search->overflow = true;
	else
		search->place[search->places++] =
			(struct rebuild_place){ off, bytes };
}

/* What do the damaged headers say? */
static int rebuild_read_hints(struct rebuild_search *search)
{
	struct image *image = search->image;
	u8 buf[VHDX_HEADER_BYTES];
	struct vhdx_header header;
	int slot, r;

	for (slot = 0; slot < 2; slot++) {
		r = image_pread(image, VHDX_HEADER_OFF(slot), buf, sizeof(buf));
		if (r)
			return r;
		if (!vhdx_header_fields(buf, &header) ||
		    vhdx_header_check(&header, image->file_bytes) ||
		    !header.log_length)
			continue;
		rebuild_add_place(search, header.log_off, header.log_length);
		if (search->hinted)
			search->conflict = !guid_equal(&header.log_guid,
						       &search->hint.log_guid);
		if (!search->hinted || header.sequence > search->hint.sequence)
			search->hint = header;
		search->hinted = true;
		search->header[slot] = header;
	}
	return 0;
}

/* Does a damaged header name this log?  Then it is there. */
static void rebuild_mark_found(struct rebuild_search *search,
			       const guid_t *guid)
{
	int slot;

	for (slot = 0; slot < 2; slot++)
		if (guid_equal(&search->header[slot].log_guid, guid))
			search->found[slot] = true;
}

/* Does a damaged header name a log of which nothing is left? */
static bool rebuild_is_lost(const struct rebuild_search *search)
{
	int slot;

	for (slot = 0; slot < 2; slot++)
		if (!guid_is_null(&search->header[slot].log_guid) &&
		    !search->found[slot])
			return true;
	return false;
}

static int rebuild_visit_plain(void *arg, u64 index, u32 block, bool bitmap,
			       const struct vhdx_bat_entry *entry, int result)
{
	struct rebuild_search *search = arg;

	(void)index;
	if (bitmap || result)
		return 0;
	if (entry->state == VHDX_BLOCK_FULL) {
		search->mibs[block] = entry->mib;
		search->present++;
	} else if (entry->state != VHDX_BLOCK_NOT_PRESENT) {
		search->mibs[block] = REBUILD_DISCARDED;
	}
	return 0;
}

/* Which blocks does the log take away, and which discarded ones return? */
static int rebuild_visit_log(void *arg, u64 index, u32 block, bool bitmap,
			     const struct vhdx_bat_entry *entry, int result)
{
	struct rebuild_search *search = arg;
	struct rebuild_view *view = &search->rebuild->view[search->rebuild->views];

	(void)index;
	if (bitmap || result || entry->state != VHDX_BLOCK_FULL ||
	    block >= search->blocks)
		return 0;
	if (search->mibs[block] == entry->mib)
		view->missing--;
	else if (search->mibs[block] == REBUILD_DISCARDED)
		view->returning++;
	return 0;
}

/* Fill in the view that is next. */
static int rebuild_audit(struct rebuild_search *search)
{
	struct rebuild *rebuild = search->rebuild;
	struct rebuild_view *view = &rebuild->view[rebuild->views];
	struct image *image = search->image;
	struct audit *audit = &search->audit;
	const struct audit_problem *problem;
	int kind, r;

	image_forget(image);
	r = audit_image_with(audit, image, &view->header);
	if (r)
		return r;
	view->readable = audit->readable;
	view->allocated = audit->allocated;
	/* What is repaired in a moment, such as a log to replay, is none here. */
	for (kind = 0; kind < AUDIT_NR; kind++) {
		problem = &audit->problem[kind];
		if (problem->level != AUDIT_ERROR || audit_fixable(kind, image))
			continue;
		view->errors += problem->count;
		if (!rebuild->views)
			search->plain[kind] = problem->count;
		else if (problem->count > search->plain[kind])
			view->worse = true;
	}
	return 0;
}

/* The image as it is on disk, whatever there is to be replayed. */
static int rebuild_look_plain(struct rebuild_search *search)
{
	struct rebuild *rebuild = search->rebuild;
	struct image *image = search->image;
	int r;

	rebuild->view[0].header = (struct vhdx_header){ .version = 1 };
	r = rebuild_audit(search);
	if (!r && rebuild->view[0].readable) {
		search->blocks = image->layout.geo.blocks;
		search->mibs = calloc(search->blocks, sizeof(*search->mibs));
		r = search->mibs ? image_rescan_bat(image, rebuild_visit_plain,
						    search) : -ENOMEM;
		search->space = image->space;
		memset(&image->space, 0, sizeof(image->space));
	}
	rebuild->views = 1;
	return r;
}

/* Is a log entry at the start of this sector, of whatever session? */
static int rebuild_read_guid(const struct image *image, u64 off, bool *found,
			     guid_t *guid)
{
	struct vhdx_log_header_disk entry;
	int r = image_pread(image, off, &entry, sizeof(entry));

	if (r)
		return r;
	*found = !memcmp(entry.signature, VHDX_LOG_SIGNATURE, 4) &&
		 !guid_is_null(&entry.log_guid);
	*guid = entry.log_guid;
	return 0;
}

/*
 * The next sector from @off on that is not in a hole: a file may be a terabyte
 * of nothing.
 */
static u64 rebuild_next_data(const struct image *image, u64 off, u64 end)
{
	off_t data = lseek(image->fd, off, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? end : off;
	return (u64)data / VHDX_SECTOR * VHDX_SECTOR;
}

/* Are there log entries in free space, from @off to @end? */
static int rebuild_find_in(struct rebuild_search *search, u64 off, u64 end)
{
	u64 first = 0;
	bool found;
	guid_t guid;
	int r;

	for (;; off += VHDX_SECTOR) {
		off = rebuild_next_data(search->image, off, end);
		if (off >= end)
			break;
		progress("Looking for the log", off, search->image->file_bytes);
		r = rebuild_read_guid(search->image, off, &found, &guid);
		if (r)
			return r;
		if (!found)
			continue;
		/* The usual size, and as large as it can be. */
		if (!first)
			first = off / SZ_1M * SZ_1M;
		rebuild_add_place(search, off / SZ_1M * SZ_1M,
				  REBUILD_LOG_BYTES);
	}
	if (first)
		rebuild_add_place(search, first, min_t(u64, end - first,
						       VHDX_MAX_LOG_BYTES));
	return 0;
}

/* Without a hint: in free space with log entries in it, as long as that is. */
static int rebuild_find_places(struct rebuild_search *search)
{
	const struct vhdx_space *space = &search->space;
	u64 size = min_t(u64, space->size, search->image->file_bytes / SZ_1M);
	u64 start, end;
	int r = 0;

	for (end = 1; !r && end < size;) {
		start = find_next_zero_bit(space->map, size, end);
		end = find_next_bit(space->map, size, start);
		if (start < size)
			r = rebuild_find_in(search, start * SZ_1M, end * SZ_1M);
	}
	progress_end();
	return r;
}

/* Each log of a place is looked at once. */
static bool rebuild_try(struct rebuild_search *search, const guid_t *guid)
{
	unsigned int i;

	for (i = 0; i < search->tries; i++)
		if (guid_equal(&search->tried[i], guid))
			return false;
	if (search->tries == REBUILD_TRIES) {
		search->overflow = true;
		return false;
	}
	search->tried[search->tries++] = *guid;
	return true;
}

/* Two lengths of one log may show the same sequence: that is one view. */
static bool rebuild_is_twin(const struct rebuild_search *search,
			    const struct rebuild_view *view)
{
	const struct rebuild *rebuild = search->rebuild;
	const struct rebuild_view *other;
	unsigned int i;

	for (i = 1; i < rebuild->views; i++) {
		other = &rebuild->view[i];
		if (guid_equal(&other->header.log_guid, &view->header.log_guid) &&
		    other->entries == view->entries &&
		    other->errors == view->errors &&
		    other->allocated == view->allocated &&
		    other->missing == view->missing &&
		    other->returning == view->returning &&
		    other->unapplied == view->unapplied)
			return true;
	}
	return false;
}

/* The image with the log at @place replayed that has this GUID. */
static int rebuild_look_log(struct rebuild_search *search,
			    const struct rebuild_place *place,
			    const guid_t *guid)
{
	struct rebuild *rebuild = search->rebuild;
	struct rebuild_view *view = &rebuild->view[rebuild->views];
	struct image *image = search->image;
	int r;

	*view = (struct rebuild_view){ .header = {
		.version = 1, .log_off = place->off,
		.log_length = place->bytes, .log_guid = *guid } };
	r = rebuild_audit(search);
	if (r || !image->dirty ||
	    search->audit.problem[VHDX_FAULT_LOG_LOST].count)
		return r;	/* no sequence of it is left */
	rebuild_mark_found(search, guid);
	view->entries = image_log_entries(image);
	r = pending_log(image, &search->audit, &view->unapplied);
	if (!r && view->readable && search->mibs) {
		view->missing = search->present;
		r = image_rescan_bat(image, rebuild_visit_log, search);
	}
	if (r > 0) {			/* such as a target that cannot be */
		view->errors++;
		view->worse = true;
	}
	if (r < 0 || rebuild_is_twin(search, view))
		return min_t(int, r, 0);
	if (rebuild->views <= REBUILD_VIEWS)
		rebuild->views++;
	else if (view->unapplied)
		search->overflow = true;
	return 0;
}

/*
 * Those that a damaged header names come first: sessions that are over may have
 * left more than can be looked at.
 */
static int rebuild_look_named(struct rebuild_search *search)
{
	const guid_t *guid;
	unsigned int i;
	int r = 0, slot;

	for (slot = 0; slot < 2; slot++) {
		guid = &search->header[slot].log_guid;
		if (guid_is_null(guid) ||
		    (slot && guid_equal(guid, &search->header[0].log_guid)))
			continue;
		for (i = 0; !r && i < search->places; i++)
			r = rebuild_look_log(search, &search->place[i], guid);
	}
	return r;
}

static bool rebuild_is_named(const struct rebuild_search *search,
			     const guid_t *guid)
{
	return guid_equal(guid, &search->header[0].log_guid) ||
	       guid_equal(guid, &search->header[1].log_guid);
}

static int rebuild_look_place(struct rebuild_search *search,
			      const struct rebuild_place *place)
{
	bool found;
	guid_t guid;
	u64 off;
	int r = 0;

	search->tries = 0;
	for (off = place->off; !r && off < place->off + place->bytes;
	     off += VHDX_SECTOR) {
		r = rebuild_read_guid(search->image, off, &found, &guid);
		if (!r && found && !rebuild_is_named(search, &guid) &&
		    rebuild_try(search, &guid))
			r = rebuild_look_log(search, place, &guid);
	}
	return r;
}

/* Why a log had better not be replayed, or was lost; NULL if all is well. */
static const char *rebuild_objection(const struct rebuild_search *search,
				     const struct rebuild_view *view,
				     unsigned int unapplied)
{
	if (unapplied > 1)
		return "which of several logs is the last one cannot be told";
	if (search->overflow)
		return "there are more logs than can be looked at";
	if (rebuild_is_lost(search))
		return "of a log that the damaged headers name nothing is left";
	if (!unapplied)
		return NULL;
	if (search->conflict)
		return "the two headers name different logs";
	if (search->hinted && guid_is_null(&search->hint.log_guid))
		return "the damaged headers say that the log is empty";
	if (search->hinted && !guid_equal(&search->hint.log_guid,
					  &view->header.log_guid))
		return "the damaged headers name another log";
	if (!search->hinted && view->missing)
		return "the log lacks blocks that the image has, so it may be an old one";
	if (!search->hinted && view->returning)
		return "the log brings back blocks that were discarded, so it may be an old one";
	if (!view->readable || view->worse)
		return "what the log leads to has errors";
	return NULL;
}

static void rebuild_choose(struct rebuild_search *search)
{
	struct rebuild *rebuild = search->rebuild;
	unsigned int i, unapplied = 0;

	for (i = 1; i < rebuild->views; i++) {
		if (!rebuild->view[i].unapplied)
			continue;
		unapplied++;
		rebuild->chosen = i;
	}
	rebuild->why = rebuild_objection(search, &rebuild->view[rebuild->chosen],
					 unapplied);
	if (rebuild->why)
		rebuild->chosen = 0;
}

/* An empty log: where one was, or else in space that nobody has. */
static int rebuild_place_log(struct rebuild_search *search)
{
	struct vhdx_header *header = &search->rebuild->header;
	u32 mib, mibs;
	unsigned int i;

	for (i = 0; i < search->places; i++) {
		mib = search->place[i].off / SZ_1M;
		mibs = search->place[i].bytes / SZ_1M;
		if (!vhdx_space_claim(&search->space, mib, mibs))
			continue;
		header->log_off = search->place[i].off;
		header->log_length = search->place[i].bytes;
		return 0;
	}
	mib = vhdx_space_find(&search->space, 1, REBUILD_LOG_BYTES / SZ_1M);
	if (!mib || (mib + 1ULL) * SZ_1M > search->image->file_bytes)
		return VHDX_FAULT_NO_HEADER;
	header->log_off = mib * (u64)SZ_1M;
	header->log_length = REBUILD_LOG_BYTES;
	return 0;
}

static int rebuild_make_header(struct rebuild_search *search)
{
	struct rebuild *rebuild = search->rebuild;
	struct vhdx_header *header = &rebuild->header;

	*header = rebuild->view[rebuild->chosen].header;
	/* Children know the image by this; it stays if that is what it was. */
	if (search->hinted && !search->conflict &&
	    guid_equal(&search->hint.log_guid, &header->log_guid))
		header->data_write_guid = search->hint.data_write_guid;
	else
		guid_random(&header->data_write_guid);
	if (search->hinted && search->hint.sequence < 1ULL << 62)
		header->sequence = search->hint.sequence;
	if (rebuild->chosen)
		return 0;
	return rebuild->view[0].readable ? rebuild_place_log(search) :
					   VHDX_FAULT_NO_HEADER;
}

static int rebuild_search(struct rebuild_search *search)
{
	unsigned int i;
	int r;

	r = rebuild_read_hints(search);
	if (!r)
		r = rebuild_look_plain(search);
	if (!r && !search->hinted && search->space.map)
		r = rebuild_find_places(search);
	if (!r)
		r = rebuild_look_named(search);
	for (i = 0; !r && i < search->places; i++)
		r = rebuild_look_place(search, &search->place[i]);
	if (r)
		return r;
	rebuild_choose(search);
	return rebuild_make_header(search);
}

/**
 * rebuild_look() - find out what the headers may have been
 * @rebuild: result, all zeros
 * @image: the image, open for writing; both its headers are lost
 *
 * Changes nothing.
 *
 * Return: 0, a fault if it cannot be done, or a negative errno.
 */
int rebuild_look(struct rebuild *rebuild, struct image *image)
{
	struct rebuild_search *search = calloc(1, sizeof(*search));
	int r;

	if (!search)
		return -ENOMEM;
	search->rebuild = rebuild;
	search->image = image;
	r = rebuild_search(search);
	free(search->mibs);
	free(search->space.map);
	free(search);
	image_forget(image);
	return r;
}

/**
 * rebuild_write() - write the headers
 * @rebuild: from rebuild_look()
 * @image: likewise
 *
 * One after the other, each durable before the next: until the first one is
 * there the image is as it was.  Where a log has to be replayed they say so,
 * and the image is one that was not closed.
 *
 * Return: 0 or a negative errno.
 */
int rebuild_write(const struct rebuild *rebuild, struct image *image)
{
	image->layout.header = rebuild->header;
	image->layout.header_slot = 1;		/* the first one comes first */
	return edit_header(image);
}
