/* SPDX-License-Identifier: GPL-2.0 */
/* Bios and block devices. */
#ifndef SIM_BLOCK_H
#define SIM_BLOCK_H

#include "sim/memory.h"

#define SECTOR_SHIFT		9
#define SECTOR_SIZE		512

typedef u32 blk_opf_t;
typedef u8 blk_status_t;
typedef unsigned int blk_mode_t;

#define BLK_OPEN_READ		1U
#define BLK_OPEN_WRITE		2U

enum req_op {
	REQ_OP_READ = 0,
	REQ_OP_WRITE = 1,
	REQ_OP_FLUSH = 2,
	REQ_OP_DISCARD = 3,
	REQ_OP_SECURE_ERASE = 5,
	REQ_OP_WRITE_ZEROES = 9,
};

#define REQ_OP_MASK		0xffU
#define REQ_SYNC		(1U << 11)
#define REQ_META		(1U << 12)
#define REQ_FUA			(1U << 17)
#define REQ_PREFLUSH		(1U << 18)
#define REQ_NOWAIT		(1U << 21)
#define REQ_NOUNMAP		(1U << 24)

#define BLK_STS_OK		0
#define BLK_STS_NOTSUPP		1
#define BLK_STS_TIMEOUT		2
#define BLK_STS_NOSPC		3
#define BLK_STS_MEDIUM		7
#define BLK_STS_RESOURCE	9
#define BLK_STS_IOERR		10
#define BLK_STS_DM_REQUEUE	11
#define BLK_STS_AGAIN		12

int blk_status_to_errno(blk_status_t status);
blk_status_t errno_to_blk_status(int errno_value);

struct bio;
typedef void bio_end_io_t(struct bio *bio);

struct bvec_iter {
	sector_t bi_sector;
	unsigned int bi_size;
	unsigned int bi_idx;
	unsigned int bi_bvec_done;
};

struct bio_vec {
	struct page *bv_page;
	unsigned int bv_len;
	unsigned int bv_offset;
};

struct bio {
	struct bio *bi_next;
	struct block_device *bi_bdev;
	blk_opf_t bi_opf;
	unsigned short bi_flags;
	blk_status_t bi_status;
	struct bvec_iter bi_iter;
	atomic_t __bi_remaining;
	bio_end_io_t *bi_end_io;
	void *bi_private;
	unsigned short bi_vcnt;
	unsigned short bi_max_vecs;
	struct bio_vec *bi_io_vec;
};

struct device {
	int unused;
};

struct gendisk;

struct block_device {
	struct gendisk *bd_disk;
	dev_t bd_dev;
	sector_t bd_nr_sectors;
	struct device bd_device;
};

struct gendisk {
	int major;
	unsigned long state;
	char disk_name[32];
	struct block_device *part0;
};

#define GD_DEAD			2
#define disk_to_dev(disk)	(&(disk)->part0->bd_device)

struct device *get_device(struct device *dev);
void put_disk(struct gendisk *disk);

struct queue_limits {
	unsigned int logical_block_size;
	unsigned int physical_block_size;
	unsigned int io_min;
	unsigned int io_opt;
	unsigned int alignment_offset;
	unsigned int max_discard_sectors;
	unsigned int max_hw_discard_sectors;
	unsigned int discard_granularity;
	unsigned int discard_alignment;
	unsigned char misaligned;
	unsigned char discard_misaligned;
};

struct bio_set {
	int unused;
};

struct blk_plug {
	int unused;
};

#define blk_start_plug(plug)	((plug)->unused = 0)
#define blk_finish_plug(plug)	((plug)->unused = 0)

static inline sector_t bdev_nr_sectors(struct block_device *bdev)
{
	return bdev->bd_nr_sectors;
}

#define bio_op(bio)		((enum req_op)((bio)->bi_opf & REQ_OP_MASK))
#define bio_sectors(bio)	((bio)->bi_iter.bi_size >> SECTOR_SHIFT)
#define bio_end_sector(bio)	((bio)->bi_iter.bi_sector + bio_sectors(bio))

static inline bool op_is_write(blk_opf_t op)
{
	return op & 1;
}

static inline bool op_is_flush(blk_opf_t op)
{
	return op & (REQ_FUA | REQ_PREFLUSH);
}

static inline bool bio_has_data(const struct bio *bio)
{
	return bio && bio->bi_iter.bi_size && bio_op(bio) != REQ_OP_DISCARD &&
	       bio_op(bio) != REQ_OP_WRITE_ZEROES;
}

void bio_init(struct bio *bio, struct block_device *bdev, struct bio_vec *table,
	      unsigned short max_vecs, blk_opf_t opf);
void __bio_add_page(struct bio *bio, struct page *page, unsigned int len,
		    unsigned int off);
void bio_advance(struct bio *bio, unsigned int bytes);
void bio_endio(struct bio *bio);
void zero_fill_bio(struct bio *bio);
void bio_associate_blkg(struct bio *bio);

static inline void bio_io_error(struct bio *bio)
{
	bio->bi_status = BLK_STS_IOERR;
	bio_endio(bio);
}

static inline void bio_wouldblock_error(struct bio *bio)
{
	bio->bi_status = BLK_STS_AGAIN;
	bio_endio(bio);
}

static inline void bio_set_dev(struct bio *bio, struct block_device *bdev)
{
	bio->bi_bdev = bdev;
	bio_associate_blkg(bio);
}

struct bio_vec bio_iter_iovec(const struct bio *bio, struct bvec_iter iter);
void sim_iter_advance(const struct bio *bio, struct bvec_iter *iter,
		      unsigned int bytes);
#define bio_for_each_segment(bv, bio, iter) \
	for ((iter) = (bio)->bi_iter; \
	     (iter).bi_size && ((bv) = bio_iter_iovec(bio, iter), 1); \
	     sim_iter_advance(bio, &(iter), (bv).bv_len))

static inline void *bvec_kmap_local(struct bio_vec *bv)
{
	return (char *)page_address(bv->bv_page) + bv->bv_offset;
}

#define kunmap_local(p)		((void)(p))

static inline void memcpy_to_bvec(struct bio_vec *bv, const void *from)
{
	memcpy(bvec_kmap_local(bv), from, bv->bv_len);
}

static inline void memcpy_from_bvec(void *to, struct bio_vec *bv)
{
	memcpy(to, bvec_kmap_local(bv), bv->bv_len);
}

static inline void memzero_bvec(struct bio_vec *bv)
{
	memset(bvec_kmap_local(bv), 0, bv->bv_len);
}

/* ------------------------------------------------------------------------
 * Lists of bios
 */
struct bio_list {
	struct bio *head;
	struct bio *tail;
};

#define BIO_EMPTY_LIST		{ NULL, NULL }
#define bio_list_for_each(bio, bl) \
	for ((bio) = (bl)->head; (bio); (bio) = (bio)->bi_next)

static inline void bio_list_init(struct bio_list *bl)
{
	bl->head = NULL;
	bl->tail = NULL;
}

static inline bool bio_list_empty(const struct bio_list *bl)
{
	return !bl->head;
}

static inline struct bio *bio_list_peek(struct bio_list *bl)
{
	return bl->head;
}

static inline void bio_list_merge(struct bio_list *bl, struct bio_list *more)
{
	if (!more->head)
		return;
	if (bl->tail)
		bl->tail->bi_next = more->head;
	else
		bl->head = more->head;
	bl->tail = more->tail;
}

static inline void bio_list_add(struct bio_list *bl, struct bio *bio)
{
	struct bio_list one = { bio, bio };

	bio->bi_next = NULL;
	bio_list_merge(bl, &one);
}

static inline void bio_list_merge_head(struct bio_list *bl,
				       struct bio_list *more)
{
	if (!more->head)
		return;
	if (bl->head)
		more->tail->bi_next = bl->head;
	else
		bl->tail = more->tail;
	bl->head = more->head;
}

static inline void bio_list_add_head(struct bio_list *bl, struct bio *bio)
{
	struct bio_list one = { bio, bio };

	bio->bi_next = NULL;
	bio_list_merge_head(bl, &one);
}

static inline struct bio *bio_list_pop(struct bio_list *bl)
{
	struct bio *bio = bl->head;

	if (!bio)
		return NULL;
	bl->head = bio->bi_next;
	if (!bl->head)
		bl->tail = NULL;
	bio->bi_next = NULL;
	return bio;
}

#endif /* SIM_BLOCK_H */
