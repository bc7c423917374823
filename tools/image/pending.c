// SPDX-License-Identifier: GPL-2.0
#include "pending.h"

/* struct vhdx_log_sink that looks whether anything differs from the file. */
struct pending_sink {
	struct vhdx_log_sink sink;	/* first */
	struct image *image;
	bool differs;
};

static int pending_compare(struct pending_sink *to, u64 off)
{
	u8 want[VHDX_SECTOR], have[VHDX_SECTOR];
	int r;

	/* All of the sequence, as later entries may have changed it again. */
	r = to->image->reader.read(&to->image->reader, off, want, sizeof(want));
	if (!r)
		r = image_pread(to->image, off, have, sizeof(have));
	if (!r && memcmp(want, have, sizeof(want)))
		to->differs = true;
	return r;
}

static int pending_sink_data(struct vhdx_log_sink *sink, u64 off,
			     const void *data)
{
	(void)data;
	return pending_compare((struct pending_sink *)sink, off);
}

static int pending_sink_zero(struct vhdx_log_sink *sink, u64 off, u64 bytes)
{
	struct pending_sink *to = (struct pending_sink *)sink;
	u64 end = min_t(u64, off + bytes, to->image->file_bytes);
	int r = 0;

	for (; !r && !to->differs && off < end; off += VHDX_SECTOR)
		r = pending_compare(to, off);
	return r;
}

/**
 * pending_log() - would a replay of the log change anything?
 * @image: the image, with its log loaded
 * @audit: what is wrong with it then
 * @pending: takes whether it would
 *
 * Return: as vhdx_log_replay().
 */
int pending_log(struct image *image, const struct audit *audit, bool *pending)
{
	struct pending_sink to = {
		.sink = { .data = pending_sink_data, .zero = pending_sink_zero },
		.image = image,
	};
	int r;

	/* It does not fit the file, so nothing of it has been replayed. */
	if (audit->problem[VHDX_FAULT_FILE_CUT].count ||
	    audit->problem[VHDX_FAULT_LOG_TARGET].count ||
	    audit->problem[VHDX_FAULT_LOG_GROWS].count ||
	    audit->problem[VHDX_FAULT_LOG_ABSURD].count) {
		*pending = true;
		return 0;
	}
	r = vhdx_log_replay(&image->source, &image->log, &to.sink);
	*pending = to.differs;
	return r;
}
