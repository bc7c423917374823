// SPDX-License-Identifier: GPL-2.0
/* Changes to the structures of VHD images: see mutate.h. */
#include "mutate.h"
#include "vhd-load.h"

/* A field: where in its structure, and how long. */
struct mutate_field {
	u16 off;
	u16 bytes;
};

static const struct mutate_field mutate_footer[] = {
	{ 8, 4 }, { 12, 4 }, { 16, 8 }, { 28, 4 }, { 40, 8 }, { 48, 8 },
	{ 56, 2 }, { 58, 1 }, { 59, 1 }, { 60, 4 }, { 68, 8 }, { 84, 1 },
};

static const struct mutate_field mutate_head[] = {
	{ 8, 8 }, { 16, 8 }, { 24, 4 }, { 28, 4 }, { 32, 4 }, { 40, 8 },
	{ 576, 4 }, { 580, 4 }, { 584, 4 }, { 592, 8 }, { 600, 4 }, { 604, 4 },
	{ 608, 4 }, { 616, 8 },
};

static void mutate_put_be(struct mutator *m, u64 off, u64 value, u32 bytes)
{
	__be64 be64 = cpu_to_be64(value);

	sparse_write(m->image, off, (u8 *)&be64 + 8 - bytes, bytes);
}

static u64 mutate_get_be(const struct mutator *m, u64 off, u32 bytes)
{
	__be64 be64 = 0;

	sparse_read(m->image, off, (u8 *)&be64 + 8 - bytes, bytes);
	return be64_to_cpu(be64);
}

static void mutate_vhd_seal(struct mutator *m, u64 off, u32 bytes, u32 sum_off)
{
	u8 buf[VHD_HEADER_BYTES];

	sparse_read(m->image, off, buf, bytes);
	mutate_put_be(m, off + sum_off, vhd_checksum(buf, bytes, sum_off) +
		      !mutate_below(m, 24), 4);
}

/* Around what is there, or anything. */
static u64 mutate_vhd_value(struct mutator *m, u64 old)
{
	switch (mutate_below(m, 4)) {
	case 0:
		return old + mutate_below(m, 1024) - 512;
	case 1:
		return (u64)mutate_below(m, 512) * VHD_SECTOR;
	case 2:
		return 1ULL << mutate_below(m, 64);
	default:
		return mutate_number(m);
	}
}

static void mutate_vhd_field(struct mutator *m, u64 at,
			     const struct mutate_field *field)
{
	u64 off = at + field->off;

	mutate_put_be(m, off, mutate_vhd_value(m, mutate_get_be(m, off,
							field->bytes)),
		      field->bytes);
}

/* Type, creator: values that mean something. */
static void mutate_vhd_word(struct mutator *m, u64 at)
{
	static const char apps[][5] = { "vpc ", "qemu", "win ", "tap\0" };

	if (mutate_below(m, 2))
		mutate_put_be(m, at + 60, mutate_below(m, 7), 4);
	else
		sparse_write(m->image, at + 28, apps[mutate_below(m, 4)], 4);
}

/* One of the two footers; now and then the other becomes like it. */
static void mutate_vhd_footer(struct mutator *m)
{
	u64 tail = m->image->bytes - VHD_FOOTER_BYTES;
	u64 at = mutate_below(m, 2) ? tail : 0;
	u32 count = sizeof(mutate_footer) / sizeof(*mutate_footer);
	u8 footer[VHD_FOOTER_BYTES];

	if (m->image->bytes < VHD_FOOTER_BYTES)
		return;
	if (mutate_below(m, 4))
		mutate_vhd_field(m, at, &mutate_footer[mutate_below(m, count)]);
	else
		mutate_vhd_word(m, at);
	mutate_vhd_seal(m, at, VHD_FOOTER_BYTES, VHD_FOOTER_SUM_OFF);
	if (mutate_below(m, 3))
		return;
	sparse_read(m->image, at, footer, sizeof(footer));
	sparse_write(m->image, at ? 0 : tail, footer, sizeof(footer));
}

static void mutate_vhd_head(struct mutator *m, u64 at)
{
	u32 count = sizeof(mutate_head) / sizeof(*mutate_head);

	mutate_vhd_field(m, at, &mutate_head[mutate_below(m, count)]);
	mutate_vhd_seal(m, at, VHD_HEADER_BYTES, VHD_HEADER_SUM_OFF);
}

static void mutate_vhd_entry(struct mutator *m, u64 bat_off)
{
	u64 at = bat_off + 4 * mutate_below(m, 16);
	u64 value = mutate_below(m, 3) ? mutate_below(m, 1024) :
		    mutate_below(m, 2) ? VHD_BAT_UNALLOCATED :
		    mutate_get_be(m, bat_off + 4 * mutate_below(m, 16), 4) +
		    mutate_below(m, 300);

	mutate_put_be(m, at, value, 4);
}

/**
 * mutate_vhd() - change a structure of a VHD image
 * @m: the image
 */
void mutate_vhd(struct mutator *m)
{
	u64 header = mutate_get_be(m, 16, 8) % (1ULL << 40);

	switch (mutate_below(m, 3)) {
	case 0:
		mutate_vhd_footer(m);
		break;
	case 1:
		mutate_vhd_head(m, header);
		break;
	default:
		mutate_vhd_entry(m, mutate_get_be(m, header + 16, 8) %
				    (1ULL << 40));
		break;
	}
}
