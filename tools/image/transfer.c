// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: from the start of the disk to its end
 *
 * Parts of the disk are looked up, and read, ahead; they are judged, placed and
 * written in order, so that the new disk's blocks are in order, too.  What is read
 * and turns out to be zeros is left out.  What the file system can share between
 * the two files is shared: for that all before it has been placed.
 */
#define _GNU_SOURCE
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "edit.h"
#include "message.h"
#include "signals.h"
#include "size.h"
#include "transfer.h"

#define TRANSFER_GRAIN	4096		/* is looked at for zeros */
#define TRANSFER_GAP	SZ_64K		/* zeros that are worth a hole */
#define TRANSFER_SHARE	(1ULL << 30)	/* shared at a time */
#define TRANSFER_CHECKPOINT	(256ULL << 20)

static int transfer_complain(const struct transfer *transfer, bool write, int r)
{
	if (write && r == -EOVERFLOW)
		complain(transfer->to->image->path,
			 "take larger blocks, which take less space beside them",
			 "it would become longer than a VHD image can be, 2 TiB");
	else if (write)
		complain_errno(transfer->to->image->path, r, "cannot write");
	else
		complain_errno(transfer->from->path, r, "cannot read");
	return r;
}

/* What a function of the pump returned. */
static int transfer_pumped(const struct transfer *transfer, int r)
{
	return r ? transfer_complain(transfer, transfer->pump.wrote, r) : 0;
}

/* On a device there may be anything where nothing is written. */
static bool transfer_must_zero(const struct transfer *transfer)
{
	const struct newdisk *to = transfer->to;

	return to->image->block_device &&
	       (to->format == DISK_RAW || !to->fixed);
}

/* Zeros, where the new disk has a place for them. */
static int transfer_zeros(struct transfer *transfer, u64 at, u64 bytes)
{
	u64 stop = at + bytes, end, off;
	int r = 0;

	transfer->zeros += bytes;
	if (!transfer_must_zero(transfer))
		return 0;
	for (; !r && at < stop; at = end) {
		bool placed = newdisk_find(transfer->to, at, &off, &end);

		end = min_t(u64, end, stop);
		if (placed)
			r = edit_zero(transfer->to->image, off, end - at);
	}
	return r ? transfer_complain(transfer, true, r) : 0;
}

/* Where data goes that is at @at; the start of a new block is made zeros. */
static int transfer_place(struct transfer *transfer, u64 at, u64 *off, u64 *end)
{
	struct newdisk *to = transfer->to;
	bool fresh;
	u64 before;
	int r = newdisk_place(to, at, off, end, &fresh);

	if (!r && fresh && transfer_must_zero(transfer)) {
		before = at & ((1ULL << to->block_shift) - 1);
		r = before ? edit_zero(to->image, *off - before, before) : 0;
	}
	return r ? transfer_complain(transfer, true, r) : 0;
}

static int transfer_write(struct transfer *transfer, struct pump_buffer *buffer,
			  u32 from, u32 bytes, u64 off)
{
	struct newdisk *to = transfer->to;
	int r;

	if (to->format != DISK_QCOW2) {
		r = pump_write(&transfer->pump, buffer, to->image->fd, from,
			       bytes, off);
		return r ? transfer_complain(transfer, true, r) : 0;
	}
	r = nbd_write(&to->qemu.nbd, off, buffer->data + from, bytes);
	return r ? transfer_complain(transfer, true, r) : 0;
}

/* Data of @part, from byte @from of it on. */
static int transfer_data(struct transfer *transfer,
			 const struct transfer_part *part, u32 from, u32 bytes)
{
	u64 at = part->at + from, end, off;
	u32 now;
	int r = 0;

	transfer->copied += bytes;
	for (; !r && bytes; from += now, at += now, bytes -= now) {
		r = transfer_place(transfer, at, &off, &end);
		now = min_t(u64, bytes, end - at);
		if (!r)
			r = transfer_write(transfer, part->buffer, from, now,
					   off);
	}
	return r;
}

static bool transfer_is_zero(const u8 *buf, u32 bytes)
{
	return !buf[0] && !memcmp(buf, buf + 1, bytes - 1);
}

/* From @from on: how much of @buf is zeros, or is data with no gap to speak of. */
static u32 transfer_alike(const u8 *buf, u32 from, u32 bytes, bool *zero)
{
	u32 at = from, zeros = 0, grain;

	*zero = false;
	for (; at < bytes; at += grain) {
		grain = min_t(u32, TRANSFER_GRAIN, bytes - at);
		if (transfer_is_zero(buf + at, grain))
			zeros += grain;
		else if (zeros >= TRANSFER_GAP)
			break;
		else
			zeros = 0;
	}
	/* A gap ends data; at the start it is one by itself. */
	if (zeros < TRANSFER_GAP && zeros != bytes)
		return at - from;
	*zero = at - zeros == from;
	return *zero ? zeros : at - zeros - from;
}

/* What has been read, and is not zeros as a whole. */
static int transfer_sift(struct transfer *transfer, struct transfer_part *part)
{
	const u8 *data = part->buffer->data;
	u32 from, now;
	bool zero;
	int r = 0;

	for (from = 0; !r && from < part->bytes; from += now) {
		now = part->bytes - from;
		zero = false;
		if (!transfer->solid)
			now = transfer_alike(data, from, part->bytes, &zero);
		r = zero ? transfer_zeros(transfer, part->at + from, now) :
			   transfer_data(transfer, part, from, now);
	}
	return r;
}

static int transfer_hash(struct transfer *transfer,
			 const struct transfer_part *part)
{
	int r;

	if (!transfer->digest)
		return 0;
	r = part->buffer ? digest_add(transfer->digest, part->buffer->data,
				      part->bytes) :
			   digest_add_zeros(transfer->digest, part->bytes);
	if (r)
		complain_errno("sha256sum", r, "cannot make the digest");
	return r;
}

/* The oldest part: its data comes in, and goes out. */
static int transfer_finish_part(struct transfer *transfer)
{
	struct transfer_part *part = &transfer->part[transfer->first];
	int r = 0;

	transfer->first = (transfer->first + 1) % TRANSFER_QUEUE;
	transfer->count--;
	if (part->asked) {
		r = nbd_read_end(&transfer->from->qemu.nbd,
				 part->buffer->data);
		if (r)
			transfer_complain(transfer, false, r);
	} else if (part->buffer) {
		r = transfer_pumped(transfer,
				    pump_wait(&transfer->pump, part->buffer));
	}
	if (!r && part->image)
		overlay_patch(&part->image->overlay, part->off,
			      part->buffer->data, part->bytes);
	if (!r)
		r = transfer_hash(transfer, part);
	if (r || part->kind == TRANSFER_HASH)
		return r;
	return part->kind == TRANSFER_DATA ? transfer_sift(transfer, part) :
		transfer_zeros(transfer, part->at, part->bytes);
}

static int transfer_finish_all(struct transfer *transfer)
{
	int r = 0;

	while (!r && transfer->count)
		r = transfer_finish_part(transfer);
	return r;
}

/* Take a part up, which is read if there is something to be read. */
static int transfer_add(struct transfer *transfer, enum transfer_kind kind,
			const struct disk_run *run)
{
	struct disk *from = transfer->from;
	struct transfer_part *part;
	int r = 0;

	if (transfer->count == TRANSFER_QUEUE)
		r = transfer_finish_part(transfer);
	if (r)
		return r;
	part = &transfer->part[(transfer->first + transfer->count++) %
			       TRANSFER_QUEUE];
	*part = (struct transfer_part){
		.kind = kind, .at = transfer->at,
		.bytes = run->end - transfer->at,
		.image = from->format == DISK_QCOW2 ? NULL : run->image,
		.off = run->off,
	};
	transfer->at = run->end;
	if (kind == TRANSFER_ZEROS)
		return 0;
	r = transfer_pumped(transfer,
			    pump_buffer(&transfer->pump, &part->buffer));
	if (r)
		return r;
	if (!run->image) {
		memset(part->buffer->data, 0, part->bytes);
	} else if (from->format == DISK_QCOW2) {
		r = nbd_read_begin(&from->qemu.nbd, run->off,
				   part->buffer->data, part->bytes);
		part->asked = !r;
	} else {
		r = pump_read(&transfer->pump, part->buffer, run->image->fd,
			      run->off, part->bytes);
	}
	return r ? transfer_complain(transfer, false, r) : 0;
}

/* Copy what was to be shared. */
static int transfer_copy_share(struct transfer *transfer,
			       const struct transfer_share *share)
{
	u64 done = 0;
	u32 part;
	int r;

	for (; done < share->bytes; done += part) {
		struct pump_buffer *buffer;

		part = min_t(u64, PUMP_BYTES, share->bytes - done);
		r = pump_buffer(&transfer->pump, &buffer);
		if (!r)
			r = pump_read(&transfer->pump, buffer, share->fd,
				      share->off + done, part);
		if (!r)
			r = pump_wait(&transfer->pump, buffer);
		if (!r)
			r = pump_write(&transfer->pump, buffer,
				       transfer->to->image->fd, 0, part,
				       share->to + done);
		if (r)
			return transfer_pumped(transfer, r);
	}
	transfer->copied += share->bytes;
	return 0;
}

/*
 * Share what has been collected.  If it is found out that this cannot be done, it
 * is to be copied: @at is there again, within the one block that has been placed.
 */
static int transfer_flush_share(struct transfer *transfer)
{
	struct transfer_share share = transfer->share;
	struct file_clone_range range = {
		.src_fd = share.fd,
		.src_offset = share.off,
		.src_length = share.bytes,
		.dest_offset = share.to,
	};
	int r;

	transfer->share.bytes = 0;
	if (!share.bytes)
		return 0;
	if (!ioctl(transfer->to->image->fd, FICLONERANGE, &range)) {
		transfer->shared += share.bytes;
		return 0;
	}
	transfer->may_share = false;
	if (!transfer->shared) {
		transfer->at = share.at;
		return 0;
	}
	/* Their buffers are going to be used. */
	r = transfer_finish_all(transfer);
	return r ? r : transfer_copy_share(transfer, &share);
}

/* Can @run, from where this has come to, be shared?  Up to @end of the disk. */
static bool transfer_can_share(const struct transfer *transfer,
			       const struct disk_run *run)
{
	return transfer->may_share && run->image &&
	       !run->image->block_device && !run->image->overlay.root &&
	       run->off % transfer->align == 0 &&
	       run->end - transfer->at >= transfer->align &&
	       run->off + (run->end - transfer->at) <= run->image->file_bytes;
}

/* Collect what is to be shared: parts that follow each other become one. */
static int transfer_share(struct transfer *transfer, const struct disk_run *run)
{
	struct transfer_share *share = &transfer->share;
	u64 stop = run->end - (run->end - transfer->at) % transfer->align;
	u64 off = run->off, end, to, bytes;
	int r = transfer_finish_all(transfer);

	while (!r && transfer->at < stop && transfer->may_share) {
		/*
		 * The first one shows whether it can be done at all, before the
		 * next block is placed: there is no way back to an earlier one.
		 */
		if (share->bytes && !transfer->shared)
			r = transfer_flush_share(transfer);
		if (r || !transfer->may_share)
			break;
		r = transfer_place(transfer, transfer->at, &to, &end);
		bytes = min_t(u64, end, stop) - transfer->at;
		if (r)
			return r;
		if (share->bytes && (share->fd != run->image->fd ||
				     share->off + share->bytes != off ||
				     share->to + share->bytes != to ||
				     share->bytes >= TRANSFER_SHARE))
			r = transfer_flush_share(transfer);
		if (!transfer->may_share)
			break;
		if (to % transfer->align || bytes % transfer->align)
			break;
		if (!share->bytes)
			*share = (struct transfer_share){
				.fd = run->image->fd, .at = transfer->at,
				.off = off, .to = to,
			};
		share->bytes += bytes;
		off += bytes;
		transfer->at += bytes;
	}
	/* It is read afterwards, once. */
	return r || !transfer->digest ? r : transfer_flush_share(transfer);
}

/* What is shared is read all the same if somebody wants a digest. */
static int transfer_hash_shared(struct transfer *transfer, u64 from)
{
	u64 stop = transfer->at;
	struct disk_run run;
	int r = 0;

	if (!transfer->digest)
		return 0;
	transfer->at = from;
	while (!r && transfer->at < stop) {
		r = disk_run_at(transfer->from, transfer->at, &run);
		if (r)
			return r;
		run.end = min_t(u64, run.end, stop);
		run.end = min_t(u64, run.end, transfer->at + PUMP_BYTES);
		r = transfer_add(transfer, TRANSFER_HASH, &run);
	}
	return r;
}

/* The next part of the disk, whatever it is. */
static int transfer_step(struct transfer *transfer)
{
	struct disk *from = transfer->from;
	u64 at = transfer->at;
	struct disk_run run = { .end = transfer->to->bytes };
	int r = 0;

	/* The new disk may be larger, by a part of its last sector or MiB. */
	if (at < from->bytes)
		r = disk_run_at(from, at, &run);
	if (r)
		return r;
	if (transfer_can_share(transfer, &run)) {
		r = transfer_share(transfer, &run);
		if (r || transfer->at > at)
			return r ? r : transfer_hash_shared(transfer, at);
	}
	r = transfer_flush_share(transfer);
	if (r || transfer->at != at)
		return r;
	if (!run.image && !transfer->solid)
		return transfer_add(transfer, TRANSFER_ZEROS, &run);
	run.end = min_t(u64, run.end, round_up_u64(at + 1, PUMP_BYTES));
	return transfer_add(transfer, TRANSFER_DATA, &run);
}

/* Let the new disk be durable as far as it has come. */
static int transfer_save(struct transfer *transfer)
{
	int r = transfer_flush_share(transfer);

	if (!r)
		r = transfer_finish_all(transfer);
	if (!r)
		r = transfer_pumped(transfer, pump_drain(&transfer->pump));
	if (r)
		return r;
	r = newdisk_settle(transfer->to);
	if (r)
		return transfer_complain(transfer, true, r);
	transfer->saved = transfer->copied + transfer->shared;
	return transfer->checkpoint(transfer->arg, transfer);
}

/* Is it time for that?  A signal that is to end this makes it so. */
static int transfer_maybe_save(struct transfer *transfer)
{
	u64 now = transfer->copied + transfer->shared;
	int ends, r;

	if (!transfer->checkpoint)
		return 0;
	ends = signals_pending();
	if (!ends && now - transfer->saved < TRANSFER_CHECKPOINT)
		return 0;
	r = transfer_save(transfer);
	return r ? r : ends;
}

static void transfer_judge_sharing(struct transfer *transfer)
{
	const struct newdisk *to = transfer->to;
	struct statfs fs;

	/* What has space of its own must not lose it. */
	transfer->may_share = !transfer->solid && !to->preallocate &&
			      !to->image->block_device &&
			      to->format != DISK_QCOW2 &&
			      transfer->from->format != DISK_QCOW2 &&
			      (to->format == DISK_RAW || !to->fixed);
	transfer->align = TRANSFER_GRAIN;
	if (!fstatfs(to->image->fd, &fs) && is_power_of_2((u64)fs.f_bsize))
		transfer->align = max_t(u64, transfer->align, fs.f_bsize);
}

/**
 * transfer_run() - copy the disk
 * @transfer: with @from, @to and what is wanted; @at, if it does not begin at the
 *            start of the disk; the rest zeros
 *
 * Says what is wrong.  Whoever has a checkpoint keeps signals back.
 *
 * Return: 0 or a negative errno: -EINTR if a signal ended it, after a checkpoint.
 */
int transfer_run(struct transfer *transfer)
{
	int r = pump_begin(&transfer->pump);

	transfer_judge_sharing(transfer);
	if (r)
		complain_errno(transfer->from->path, r, "cannot start");
	while (!r && transfer->at < transfer->to->bytes) {
		progress("Converting", transfer->at, transfer->to->bytes);
		r = transfer_step(transfer);
		if (!r)
			r = transfer_maybe_save(transfer);
		if (!r && transfer->at == transfer->to->bytes)
			r = transfer_flush_share(transfer);
	}
	progress_end();
	if (!r)
		r = transfer_finish_all(transfer);
	if (!r)
		r = transfer_pumped(transfer, pump_drain(&transfer->pump));
	pump_end(&transfer->pump);
	return r;
}
