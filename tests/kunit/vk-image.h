/* SPDX-License-Identifier: GPL-2.0 */
/* Images made in memory, and what the suites share. */
#ifndef VK_IMAGE_H
#define VK_IMAGE_H

#include <kunit/test.h>

#include "fake-dm.h"

/**
 * struct vk_spec - an image to be made
 * @dev_mib: size of its device
 * @log_mib: length of the log, which starts at 1 MiB
 * @bat_mib: length of the BAT region, behind the log and 1 MiB of metadata
 * @block_mib: block size
 * @logical: logical sector size
 * @disk_bytes: virtual disk size
 * @parent: DataWriteGuid of its parent; NULL: it has none
 */
struct vk_spec {
	u32 dev_mib;
	u32 log_mib;
	u32 bat_mib;
	u32 block_mib;
	u32 logical;
	u64 disk_bytes;
	const guid_t *parent;
};

#define VK_LOG_OFF		((u64)SZ_1M)

static inline u64 vk_meta_off(const struct vk_spec *spec)
{
	return VK_LOG_OFF + spec->log_mib * (u64)SZ_1M;
}

static inline u64 vk_bat_off(const struct vk_spec *spec)
{
	return vk_meta_off(spec) + SZ_1M;
}

/* The first MiB that the image has no use for yet. */
static inline u32 vk_free_mib(const struct vk_spec *spec)
{
	return (vk_bat_off(spec) >> 20) + spec->bat_mib;
}

struct fake_dev *vk_format(const struct vk_spec *spec);
void vk_set_bat(struct fake_dev *dev, const struct vk_spec *spec, u32 block,
		u32 state, u64 mib);
u64 vk_get_bat(struct fake_dev *dev, const struct vk_spec *spec, u32 block);
void vk_set_bitmap(struct fake_dev *dev, const struct vk_spec *spec, u32 chunk,
		   u64 mib);
void vk_view(struct vhdx_image *image, u64 off, void *buf, u32 bytes);
void vk_view_dev(struct fake_dev *dev, struct vhdx_image *image, u64 off,
		 void *buf, u32 bytes);

struct vk_entry {
	void *buf;
	u32 count;
	u32 data;
	u32 desc_sectors;
};

void vk_entry_begin(struct vk_entry *entry);
void vk_entry_begin_large(struct vk_entry *entry, u32 desc_sectors,
			  u32 data_sectors);
void vk_entry_data(struct vk_entry *entry, u64 off, const void *data);
void vk_entry_zero(struct vk_entry *entry, u64 off, u64 bytes);
u32 vk_entry_write(struct vk_entry *entry, struct fake_dev *dev,
		   const guid_t *guid, u64 sequence, u32 off, u32 tail,
		   u64 end_bytes);
void vk_set_header(struct fake_dev *dev, const struct vhdx_header *header);
bool vk_get_header(struct fake_dev *dev, struct vhdx_header *header,
		   bool *damaged);

/**
 * struct vk_check - the state of a check that is called from deep inside
 * @test: the test
 * @seed: to be told when it fails
 * @step: likewise
 * @failed: it has failed: be quiet
 * @rnd: for what the test does and for crash states
 * @crashes: states looked at
 */
struct vk_check {
	struct kunit *test;
	u32 seed;
	u32 step;
	bool failed;
	struct rnd_state rnd;
	u32 crashes;
};

void vk_check_init(struct vk_check *check, struct kunit *test);

/* Multiplies what takes most of the time: module parameter. */
extern unsigned int vk_effort;

__printf(2, 3) void vk_fail(struct vk_check *check, const char *fmt, ...);

/* vk-target.c: where the target starts in its mapped device. */
#define VK_BEGIN		((sector_t)4096)

struct vk_target {
	struct dm_target ti;
	struct vhdx_target *vt;
	struct fake_dev *dev;
};

int vk_target_new(struct vk_target *vkt, struct fake_dev *dev, u64 sectors);
int vk_target_next(struct vk_target *vkt, const struct vk_target *live);
int vk_target_load(struct vk_target *vkt, unsigned long table,
		   struct fake_dev *dev, u64 sectors, bool read_only);
int vk_target_ctr(struct vk_target *vkt, struct fake_dev *dev,
		  unsigned long table, const char *line);
void vk_target_drop(struct vk_target *vkt);
void vk_target_free(struct vk_target *vkt);
int vk_target_preresume(struct vk_target *vkt);
int vk_target_resume(struct vk_target *vkt);
void vk_target_suspend(struct vk_target *vkt, bool noflush);
void vk_target_suspend_undo(struct vk_target *vkt, bool noflush);
int vk_target_message(struct vk_target *vkt, char *message);
int vk_target_tell(struct vk_target *vkt, const char *line, char *answer,
		   unsigned int bytes);
int vk_target_move(struct vk_target *vkt, u32 block, bool zeros, char *answer,
		   unsigned int bytes);
void vk_target_status(struct vk_target *vkt, char *result, unsigned int bytes);
void vk_target_status_as(struct vk_target *vkt, status_type_t type,
			 char *result, unsigned int bytes);
int vk_target_iterate(struct vk_target *vkt, iterate_devices_callout_fn fn,
		      void *data);
void vk_target_hints(struct vk_target *vkt, struct queue_limits *limits);

/* Writes at once. */
#define VK_BURST		8U
#define VK_BURST_SECTORS	8U

void vk_guest_submit(struct vk_target *vkt, struct fake_bio *fbio);
int vk_guest_some(struct vk_target *vkt, blk_opf_t opf, sector_t sector,
		  u32 *sectors, void *data);
int vk_guest_burst(struct vk_target *vkt, const u32 *sector, u32 *sectors,
		   u32 count, const u8 *data);
int vk_guest_io(struct vk_target *vkt, blk_opf_t opf, sector_t sector,
		u32 sectors, void *data);
int vk_guest_flush(struct vk_target *vkt);

#endif /* VK_IMAGE_H */
