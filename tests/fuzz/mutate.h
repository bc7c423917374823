/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Changes to images that know where things are: a field gets a value with a
 * chance to matter, then the checksums are mended (or, now and then, are not),
 * so that the code behind the checksums is reached.
 */
#ifndef FUZZ_MUTATE_H
#define FUZZ_MUTATE_H

#include "sparse.h"
#include "vhdx-load.h"

/* What a mutation is about. */
enum mutate_part {
	MUTATE_HEADER,
	MUTATE_REGION,
	MUTATE_META,
	MUTATE_BAT,
	MUTATE_LOG,
	MUTATE_SIZE,
	MUTATE_RAW,
	MUTATE_VHD,
	MUTATE_PARTS
};

/* How often each part is chosen, in relation to the sum of all. */
typedef u8 mutate_focus[MUTATE_PARTS];

/**
 * struct mutator - an image at work
 * @image: the image
 * @random: state of the generator
 * @header: the current header, or what is most likely in its place
 * @bat_off: where the BAT is
 * @meta_off: where the metadata is
 * @meta_bytes: size of their region
 */
struct mutator {
	struct sparse *image;
	u64 random;
	struct vhdx_header header;
	u64 bat_off;
	u64 meta_off;
	u32 meta_bytes;
};

void mutate(struct sparse *image, u64 seed, const mutate_focus focus);
void mutate_cross(struct sparse *image, const struct sparse *other, u64 seed);

/* For mutate-*.c. */
u32 mutate_below(struct mutator *m, u32 bound);
u64 mutate_random(struct mutator *m);
u64 mutate_number(struct mutator *m);
u64 mutate_place(struct mutator *m);
u32 mutate_get32(const struct mutator *m, u64 off);
void mutate_put(struct mutator *m, u64 off, u64 value, u32 bytes);
void mutate_seal(struct mutator *m, u64 off, u32 bytes);
bool mutate_dirty(struct mutator *m, bool dirty);
u64 mutate_bat_raw(struct mutator *m);
void mutate_tables(struct mutator *m);
void mutate_meta(struct mutator *m);
void mutate_log(struct mutator *m);
void mutate_vhd(struct mutator *m);
void mutate_log_seal(struct mutator *m, u32 off);

#endif /* FUZZ_MUTATE_H */
