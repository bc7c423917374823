// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx-log.c: the search for the active sequence and its replay, next to the
 * oracle of the unit tests, which takes the description of the format at its
 * word.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "test.h"
#include "log-build.h"

const mutate_focus fuzz_focus = {
	[MUTATE_LOG] = 12, [MUTATE_HEADER] = 1, [MUTATE_SIZE] = 1,
	[MUTATE_RAW] = 2,
};

#define RING_MAX	(4U * SZ_1M)	/* the oracle is slow */
#define IMAGE_MAX	(16U * SZ_1M)

/* One for all inputs: getting memory for each takes longer than the test. */
static struct test_log *log_of(const struct vhdx_log_source *source)
{
	static struct test_log *log;

	if (!log)
		log = test_log_new(RING_MAX, SZ_1M, 0);
	log->source.guid = source->guid;
	log->source.log_off = source->log_off;
	log->source.length = source->length;
	log->source.image_bytes = source->image_bytes;
	return log;
}

/* The same sequence as the oracle finds. */
static bool check_find(const struct model *model, const struct test_log *log,
		       int r)
{
	struct vhdx_log_sequence naive;
	int expected = naive_find(log, &naive);

	MUST(r == expected);
	if (r == VHDX_FAULT_LOG_LOST)
		return false;
	MUST(model->log.head.off == naive.head.off &&
	     model->log.head.length == naive.head.length &&
	     model->log.head.tail == naive.head.tail &&
	     model->log.head.sequence == naive.head.sequence &&
	     model->log.head.descriptors == naive.head.descriptors &&
	     model->log.head.flushed_bytes == naive.head.flushed_bytes &&
	     model->log.head.last_bytes == naive.head.last_bytes &&
	     model->log.first_off == naive.first_off &&
	     model->log.first_sequence == naive.first_sequence);
	return true;
}

/* The same contents as the oracle leaves, up to IMAGE_MAX. */
static void check_replay(const struct model *model, const struct test_log *log,
			 int r)
{
	static u8 image[IMAGE_MAX];
	u64 bytes = model->raw->bytes, off;

	if (bytes > IMAGE_MAX)
		return;
	sparse_read(model->raw, 0, image, bytes);
	MUST(naive_replay(log, &model->log, image, bytes) == r);
	for (off = 0; !r && off + VHDX_SECTOR <= bytes; off += VHDX_SECTOR)
		MUST(!memcmp(image + off,
			     sparse_page(model->view, off / VHDX_SECTOR),
			     VHDX_SECTOR));
}

/* A replay of what is replayed changes nothing. */
static void check_again(struct model *model)
{
	struct sparse *once = sparse_copy(model->view);
	struct sparse_page **list;
	u32 i;

	MUST(!vhdx_log_replay(&model->source, &model->log, &model->sink));
	list = sparse_sorted(model->view);
	for (i = 0; i < model->view->pages; i++)
		MUST(!memcmp(list[i]->data, sparse_page(once, list[i]->index),
			     VHDX_SECTOR));
	free(list);
	sparse_free(once);
}

/* An entry that we write ourselves is found, and says what it should. */
static void check_write(struct model *model)
{
	struct test_log *log = log_of(&model->source);
	struct vhdx_header header = { .log_guid = log->source.guid };
	u64 sequence = model->log.head.sequence;
	struct vhdx_log_entry entry;
	u32 count = 0, many = model->log.head.descriptors % 127, length;
	u8 *buf = malloc((1 + VHDX_LOG_FIRST_DESCS) * VHDX_SECTOR);

	sequence += !sequence;
	vhdx_log_entry_init(buf);
	while (count < many)
		count = vhdx_log_entry_add(buf, VHDX_REGION_OFF(count % 2),
					   sparse_page(model->raw, count * 16));
	length = vhdx_log_entry_seal(buf, &header, sequence, 0,
				     model->raw->bytes);
	MUST(length == (1 + many) * VHDX_SECTOR);
	test_log_copy(log, 0, buf, length, true);
	MUST(!vhdx_log_entry_check(&log->source, 0, &entry));
	MUST(entry.sequence == sequence && entry.length == length &&
	     entry.descriptors == many && entry.tail == 0 &&
	     entry.last_bytes == model->raw->bytes);
	free(buf);
}

/* With a device that fails or changes its mind: an errno or a fault, no more. */
static void check_trouble(struct model *model, int r)
{
	must_be_result(r);
	if (model->raw->trouble == SPARSE_EIO &&
	    model->reads >= model->raw->trouble_at && model->raw->trouble_at)
		MUST(r == -EIO);
}

static void check_log(struct model *model)
{
	struct vhdx_log_source *source = &model->source;
	struct test_log *log;
	int r;

	r = model_load_log(model);
	/*
	 * Linear time: the search passes over each sector twice for entries
	 * and once more for the first ones, the replay again twice.
	 */
	MUST(model->reads <= 8 * (source->length / VHDX_SECTOR) + 8);
	if (model->raw->trouble != SPARSE_FINE) {
		check_trouble(model, r);
		return;
	}
	must_be_result(r);
	MUST(r >= 0);

	log = log_of(source);
	sparse_read(model->raw, source->log_off, log->buf, source->length);
	if (model->view) {
		if (check_find(model, log, 0))
			check_replay(model, log, r);
		if (!r)
			check_again(model);
	} else {
		struct vhdx_log_sequence seq;

		check_find(model, log, vhdx_log_find(source, &seq));
	}
	check_write(model);
}

void fuzz_one(const struct sparse *image)
{
	struct vhdx_header *header;
	struct model model;
	int r;

	model_init(&model, image, image->flags & SPARSE_WRITABLE);
	header = &model.layout.header;
	r = vhdx_load_header(&model.reader, &model.layout, model.scratch);
	if (r || guid_is_null(&header->log_guid) || header->log_length > RING_MAX)
		goto out;
	/* The header's reads are not what the trouble is for. */
	model.reads = 0;
	check_log(&model);
out:
	model_exit(&model);
}
