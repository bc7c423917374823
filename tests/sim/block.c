// SPDX-License-Identifier: GPL-2.0
/* Bios, and what targets ask of device mapper. */
#include "sim/dm.h"

static const struct {
	blk_status_t status;
	int error;
} sim_errors[] = {
	{ BLK_STS_OK, 0 },
	{ BLK_STS_NOTSUPP, -EOPNOTSUPP },
	{ BLK_STS_TIMEOUT, -ETIMEDOUT },
	{ BLK_STS_NOSPC, -ENOSPC },
	{ BLK_STS_MEDIUM, -ENODATA },
	{ BLK_STS_RESOURCE, -ENOMEM },
	{ BLK_STS_AGAIN, -EAGAIN },
	{ BLK_STS_DM_REQUEUE, -EREMCHG },
};

int blk_status_to_errno(blk_status_t status)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sim_errors); i++)
		if (sim_errors[i].status == status)
			return sim_errors[i].error;
	return -EIO;
}

blk_status_t errno_to_blk_status(int error)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sim_errors); i++)
		if (sim_errors[i].error == error)
			return sim_errors[i].status;
	return BLK_STS_IOERR;
}

void bio_init(struct bio *bio, struct block_device *bdev, struct bio_vec *table,
	      unsigned short max_vecs, blk_opf_t opf)
{
	memset(bio, 0, sizeof(*bio));
	bio->bi_bdev = bdev;
	bio->bi_io_vec = table;
	bio->bi_max_vecs = max_vecs;
	bio->bi_opf = opf;
}

void __bio_add_page(struct bio *bio, struct page *page, unsigned int len,
		    unsigned int off)
{
	bio->bi_io_vec[bio->bi_vcnt++] = (struct bio_vec) {
		.bv_page = page, .bv_len = len, .bv_offset = off,
	};
	bio->bi_iter.bi_size += len;
}

struct bio_vec bio_iter_iovec(const struct bio *bio, struct bvec_iter iter)
{
	struct bio_vec bv = bio->bi_io_vec[iter.bi_idx];
	unsigned int off = bv.bv_offset + iter.bi_bvec_done;

	/* A page at a time, as bio_for_each_segment() does. */
	bv.bv_len = min3(bv.bv_len - iter.bi_bvec_done, iter.bi_size,
			 (unsigned int)(PAGE_SIZE - off % PAGE_SIZE));
	bv.bv_page = (struct page *)((char *)bv.bv_page + round_down(off, PAGE_SIZE));
	bv.bv_offset = off % PAGE_SIZE;
	return bv;
}

void sim_iter_advance(const struct bio *bio, struct bvec_iter *iter,
		      unsigned int bytes)
{
	if (bytes > iter->bi_size)
		sim_die("past the end of a bio");
	iter->bi_size -= bytes;
	if (!bio->bi_vcnt)
		return;
	iter->bi_bvec_done += bytes;
	while (iter->bi_idx < bio->bi_vcnt &&
	       iter->bi_bvec_done >= bio->bi_io_vec[iter->bi_idx].bv_len)
		iter->bi_bvec_done -= bio->bi_io_vec[iter->bi_idx++].bv_len;
}

void bio_advance(struct bio *bio, unsigned int bytes)
{
	bio->bi_iter.bi_sector += bytes >> SECTOR_SHIFT;
	sim_iter_advance(bio, &bio->bi_iter, bytes);
}

void bio_endio(struct bio *bio)
{
	bio->bi_end_io(bio);
}

void zero_fill_bio(struct bio *bio)
{
	struct bvec_iter iter;
	struct bio_vec bv;

	bio_for_each_segment(bv, bio, iter)
		memzero_bvec(&bv);
}

/* ------------------------------------------------------------------------
 * Device mapper
 */
const char *dm_shift_arg(struct dm_arg_set *as)
{
	if (!as->argc)
		return NULL;
	as->argc--;
	return *as->argv++;
}

void dm_consume_args(struct dm_arg_set *as, unsigned int n)
{
	if (n > as->argc)
		sim_die("more arguments than there are");
	as->argc -= n;
	as->argv += n;
}

int dm_read_arg_group(const struct dm_arg *arg, struct dm_arg_set *as,
		      unsigned int *n, char **error)
{
	const char *word = dm_shift_arg(as);
	unsigned long long value;

	if (!word || kstrtoull(word, 10, &value) || value < arg->min ||
	    value > arg->max || value > as->argc) {
		*error = arg->error;
		return -EINVAL;
	}
	*n = value;
	return 0;
}

int dm_register_target(struct target_type *type)
{
	return 0;
}

void dm_unregister_target(struct target_type *type)
{
}
