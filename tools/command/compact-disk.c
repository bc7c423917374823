// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx compact, of a disk in use: the target moves the blocks, one after another.
 *
 * What is to move is reckoned from the image as it is a moment before, as for a file
 * that nobody uses.  It may be out of date by the time the target is asked: then that
 * moves something to another place, or nothing, and is right in any case.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backing.h"
#include "compact.h"
#include "layers.h"
#include "health.h"
#include "message.h"
#include "module.h"
#include "output.h"
#include "shrink.h"
#include "signals.h"
#include "size.h"
#include "target.h"

#define COMPACT_ANSWER		64
#define COMPACT_LOOKS		5	/* at an image that is being written */
#define COMPACT_RETRIES		300	/* while it is suspended */
#define COMPACT_RETRY_US	100000
#define COMPACT_FREE_TRIES	100	/* until what was freed is given back below */

/**
 * struct compact_disk - a run of it
 * @shrink: what is wanted
 * @disk: the mapping
 * @path: of the image
 * @image: it, as it was
 * @plan: what is to be done
 * @block_bytes: block size
 * @before: where the image ended, in bytes
 * @after: where it ends now, or would
 * @used: bytes of the file that have space, before
 * @won: of these, so many less
 * @dropped: blocks
 * @moved: blocks
 * @bitmaps: sector bitmaps
 * @keeps_bitmaps: the target is too old to move them
 * @kept: bitmaps that stay, although there is space below
 * @failed: blocks and bitmaps that could not be moved
 */
struct compact_disk {
	const struct shrink *shrink;
	struct mapping *disk;
	char path[4096];
	struct image image;
	struct compact plan;
	u64 block_bytes;
	u64 before;
	u64 after;
	u64 used;
	u64 won;
	u64 dropped;
	u64 moved;
	u64 bitmaps;
	bool keeps_bitmaps;
	u64 kept;
	u64 failed;
};

static int compact_disk_check(const struct mapping *disk)
{
	struct health health;
	char lack[256];

	health_parse(disk, &health);
	if (mapping_is_vhd(disk)) {
		complain(disk->name, "detach it first",
			 "a VHD image, which is not compacted while it is in use");
		return -EOPNOTSUPP;
	}
	if (mapping_is_stock(disk)) {
		complain(disk->name, "detach it first",
			 "attached with --stock: nobody can move its blocks");
		return -EOPNOTSUPP;
	}
	if (health_state(disk, &health) != HEALTH_ACTIVE) {
		complain(disk->name, "'vhdx status' tells more",
			 "only a disk that is well and not suspended can be compacted");
		return -EINVAL;
	}
	if (health_read_only(disk)) {
		complain(disk->name, "detach it first", "attached read-only");
		return -EROFS;
	}
	if (module_lacks("move", lack, sizeof(lack))) {
		complain(disk->name, MODULE_ADVICE, "%s", lack);
		return -EOPNOTSUPP;
	}
	if (layers_merging(disk)) {
		complain(disk->name, "wait for its end", "a merge of it is going on");
		return -EBUSY;
	}
	return 0;
}

/* Bytes of the file that have space in its file system; of a device all. */
static u64 compact_disk_used(const struct compact_disk *run)
{
	struct stat st;

	return stat(run->path, &st) || !S_ISREG(st.st_mode) ? 0 :
	       st.st_blocks * 512ULL;
}

/*
 * The image, with its BAT.  A clean one is the easiest to read; whoever writes makes it
 * dirty again, and may change it meanwhile.
 */
static int compact_disk_look(struct compact_disk *run, bool plan)
{
	unsigned int tries = COMPACT_LOOKS;
	int r;

	do {
		r = target_message(run->disk->dev, "close");
		if (r && r != -EBUSY) {
			complain_errno(run->disk->name, -r,
				       "its image cannot be made clean");
			return r;
		}
		r = image_peek(&run->image, run->path);
		run->plan = (struct compact){
			.image = &run->image,
			.zeros = plan && run->shrink->zeros,
			.trim = !plan,
		};
		if (!r)
			r = compact_plan(&run->plan);
		if (!r)
			return 0;
		compact_free(&run->plan);
		image_close(&run->image);
	} while (--tries);
	complain_fault(run->path, r);
	return r;
}

static void compact_disk_forget(struct compact_disk *run)
{
	compact_free(&run->plan);
	image_close(&run->image);
}

/* ------------------------------------------------------------------------
 * Asking the target
 */

/* Returns 0, and the first word of the answer, or a negative errno. */
static int compact_disk_ask(struct compact_disk *run, const char *message,
			    char word[COMPACT_ANSWER])
{
	unsigned int tries = COMPACT_RETRIES;
	int r;

	/* Suspended; or a machine that goes to sleep, as signals are held back. */
	while ((r = target_ask(run->disk->dev, message, word, COMPACT_ANSWER)) &&
	       (r == -EAGAIN || r == -EINTR) && --tries && !signals_pending())
		usleep(COMPACT_RETRY_US);
	word[r ? 0 : strcspn(word, " ")] = '\0';
	return r;
}

/* One that cannot be read is no reason not to move others. */
static int compact_disk_failed(struct compact_disk *run, const char *what, u64 nr,
			       int r)
{
	static const struct {
		int r;
		const char *why;
		const char *advice;
	} known[] = {
		{ -EBUSY, "somebody else moves its blocks", "wait for the end of that" },
		{ -EOPNOTSUPP, "its target moves no blocks of it", "'dmesg' tells why" },
		{ -EAGAIN, "it is suspended", "resume it, and run this again" },
		{ -EROFS, "it cannot be written any more", "'vhdx status' tells more" },
		{ -ENXIO, "it was detached", NULL },
		{ -ENODEV, "it was detached", NULL },
		{ -ENOSPC, "there is no space below it", "free some" },
	};
	unsigned int i;

	progress_end();
	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (known[i].r != r)
			continue;
		complain(run->disk->name, known[i].advice, "%s", known[i].why);
		return r;
	}
	complain_errno(run->disk->name, -r, "%s %" PRIu64 " stays where it is", what,
		       nr);
	run->failed++;
	return r == -EINTR ? r : 0;
}

/* Space of freed blocks that is not free yet, in MiB. */
static u64 compact_disk_to_free(const struct compact_disk *run)
{
	static const char name[] = "mib_to_free ";
	char answer[4096], *line;
	u64 mib = 0;

	if (target_ask(run->disk->dev, "stats", answer, sizeof(answer)))
		return 0;
	line = strstr(answer, name);
	if (line)
		sscanf(line + strlen(name), "%" SCNu64, &mib);
	return mib;
}

/* What was freed, by whomever, is durable, and free for what moves down. */
static int compact_disk_settle(const struct compact_disk *run)
{
	unsigned int tries = COMPACT_FREE_TRIES;
	int r = target_message(run->disk->dev, "commit");

	while (!r && compact_disk_to_free(run) && --tries && !signals_pending())
		usleep(COMPACT_RETRY_US);
	if (r)
		complain_errno(run->disk->name, -r,
			       "what was freed cannot be made durable");
	return r;
}

/* ------------------------------------------------------------------------
 * Doing it
 */

static int compact_disk_drop(struct compact_disk *run)
{
	const struct vhdx_geometry *geo = &run->image.layout.geo;
	char word[COMPACT_ANSWER], message[48];
	u64 block, done = 0;
	int r = 0;

	for (block = find_next_bit(run->plan.drop, geo->blocks, 0);
	     !r && block < geo->blocks;
	     block = find_next_bit(run->plan.drop, geo->blocks, block + 1)) {
		r = signals_pending();
		if (r)
			break;
		progress("Dropping", done++, run->plan.dropped);
		snprintf(message, sizeof(message), "move %" PRIu64 " zeros", block);
		r = compact_disk_ask(run, message, word);
		if (r)
			r = compact_disk_failed(run, "block", block, r);
		run->dropped += !strcmp(word, "zero");
		run->moved += !strcmp(word, "moved");
	}
	progress_end();
	return r;
}

static bool compact_disk_is_bitmap(const struct compact_disk *run, u64 i)
{
	return vhdx_bat_is_bitmap(&run->image.layout.geo, run->plan.move[i].index);
}

static int compact_disk_move_block(struct compact_disk *run, u64 index)
{
	u64 block = vhdx_bat_blocks_before(&run->image.layout.geo, index);
	char word[COMPACT_ANSWER], message[48];
	int r;

	snprintf(message, sizeof(message), "move %" PRIu64, block);
	r = compact_disk_ask(run, message, word);
	run->moved += !strcmp(word, "moved");
	return r ? compact_disk_failed(run, "block", block, r) : 0;
}

static int compact_disk_move_bitmap(struct compact_disk *run, u64 index)
{
	/* Before each bitmap's entry there are those of the chunks before. */
	u64 chunk = index - vhdx_bat_blocks_before(&run->image.layout.geo, index);
	char word[COMPACT_ANSWER], message[48];
	int r;

	if (run->keeps_bitmaps)
		return 0;
	snprintf(message, sizeof(message), "move bitmap %" PRIu64, chunk);
	r = compact_disk_ask(run, message, word);
	run->bitmaps += !strcmp(word, "moved");
	return r ? compact_disk_failed(run, "the sector bitmap of chunk", chunk, r) : 0;
}

static int compact_disk_move(struct compact_disk *run)
{
	int r = 0;
	u64 i;

	for (i = 0; !r && i < run->plan.moves; i++) {
		r = signals_pending();
		if (r)
			break;
		progress("Moving", i, run->plan.moves);
		if (compact_disk_is_bitmap(run, i))
			r = compact_disk_move_bitmap(run, run->plan.move[i].index);
		else
			r = compact_disk_move_block(run, run->plan.move[i].index);
	}
	progress_end();
	return r;
}

static int compact_disk_write(struct compact_disk *run)
{
	int r = 0, later;

	if (run->plan.dropped)
		r = compact_disk_drop(run);
	if (!r)
		r = compact_disk_settle(run);
	if (!r)
		r = compact_disk_move(run);
	later = compact_disk_settle(run);
	compact_disk_forget(run);
	if (!r)
		r = later;
	if (r && r != -EINTR)
		return r;
	later = compact_disk_look(run, false);
	if (!later)
		run->after = image_end(&run->image);
	return r ? r : later;
}

static u64 compact_disk_count_bitmaps(const struct compact_disk *run)
{
	u64 i, count = 0;

	for (i = 0; i < run->plan.moves; i++)
		count += compact_disk_is_bitmap(run, i);
	return count;
}

/* As planned; but bitmaps may stay. */
static void compact_disk_pretend(struct compact_disk *run)
{
	const struct compact *plan = &run->plan;
	u64 bitmaps = compact_disk_count_bitmaps(run), i;

	run->after = plan->end;
	run->dropped = plan->dropped;
	run->moved = plan->moves - bitmaps;
	run->bitmaps = bitmaps - run->kept;
	for (i = 0; run->kept && i < plan->moves; i++)
		if (compact_disk_is_bitmap(run, i))
			run->after = max_t(u64, run->after,
					   (plan->move[i].from + 1ULL) * SZ_1M);
}

static int compact_disk_do(struct compact_disk *run)
{
	int r = compact_disk_look(run, true);

	if (r)
		return r;
	run->block_bytes = 1ULL << run->image.layout.geo.block_shift;
	run->before = image_end(&run->image);
	run->after = run->before;
	run->used = compact_disk_used(run);
	if (run->image.layout.meta.leave_allocated &&
	    !run->image.layout.meta.has_parent) {
		complain(run->path, "'vhdx convert --type dynamic' makes one that can get smaller",
			 "a fixed image, which keeps its size");
		r = -EINVAL;
	}
	if (run->keeps_bitmaps)
		run->kept = compact_disk_count_bitmaps(run);
	if (!r && !run->shrink->dry_run)
		return compact_disk_write(run);
	if (!r)
		compact_disk_pretend(run);
	return r;
}

static void compact_disk_print(const struct compact_disk *run)
{
	bool dry_run = run->shrink->dry_run;
	u64 used = compact_disk_used(run);
	struct output out;

	output_begin(&out, run->shrink->json);
	output_text(&out, "name", "Name", run->disk->name);
	output_text(&out, "file", "File", run->path);
	output_text(&out, "format", NULL, "vhdx");
	output_bool(&out, "attached", NULL, true);
	output_bool(&out, "dry_run", NULL, dry_run);
	output_size(&out, "size_before", "The image ended at", run->before);
	output_size(&out, "size_after", dry_run ? "It would end at" :
		    "It ends now at", run->after);
	output_size(&out, "won", "Won when it is detached",
		    run->before - min_t(u64, run->before, run->after));
	if (!dry_run)
		output_size(&out, "given_back", "Given back already",
			    run->used - min_t(u64, run->used, used));
	output_number(&out, "blocks_dropped", "Blocks of zeros dropped",
		      run->dropped);
	output_number(&out, "blocks_moved", "Blocks moved", run->moved);
	output_number(&out, "bitmaps_moved", NULL, run->bitmaps);
	output_size(&out, "bytes_moved", NULL,
		    run->moved * run->block_bytes + run->bitmaps * SZ_1M);
	output_number(&out, "blocks_failed", NULL, run->failed);
	output_number(&out, "bitmaps_kept", NULL, run->kept);
	output_end(&out);
}

/**
 * compact_disk() - compact the image of a disk in use
 * @shrink: how
 * @disk: the mapping
 *
 * Says what is wrong, and what was done.  A signal ends it between two blocks.
 *
 * Return: exit status.
 */
int compact_disk(const struct shrink *shrink, struct mapping *disk)
{
	struct compact_disk *run = calloc(1, sizeof(*run));
	struct backing backing;
	sigset_t before;
	char lack[256];
	int r;

	if (!run)
		return STATUS_FAILED;
	run->shrink = shrink;
	run->disk = disk;
	run->image.fd = -1;
	backing_get(&backing, disk);
	snprintf(run->path, sizeof(run->path), "%s", backing.on_file ?
		 backing.file.path : backing.device);
	r = compact_disk_check(disk);
	if (!r) {
		run->keeps_bitmaps = module_lacks("move-bitmap", lack, sizeof(lack));
		signals_hold(&before);
		r = compact_disk_do(run);
		if (!r || r == -EINTR)
			compact_disk_print(run);
		if (run->kept)
			note(disk->name, "%" PRIu64 " sector bitmaps stay where they are: %s; detached they would move",
			     run->kept, lack);
		compact_disk_forget(run);
		signals_release(&before);
	}
	r = r || run->failed ? STATUS_FAILED : STATUS_OK;
	free(run);
	return r;
}
