// SPDX-License-Identifier: GPL-2.0
#include "vhdx-bitmap.h"

/**
 * vhdx_bitmap_find() - where the bits of a part of the disk lie
 * @geo: the disk's geometry
 * @off: bytes from the start of the disk, a multiple of 1 MiB
 * @bytes: how much, a multiple of 1 MiB that does not leave the chunk: a block
 *         never does
 * @place: result
 *
 * 1 MiB is 2048 sectors or 256, so its bits are whole bytes, and all words of
 * 64 bits are aligned in it.
 *
 * Context: any.
 */
void vhdx_bitmap_find(const struct vhdx_geometry *geo, u64 off, u32 bytes,
		      struct vhdx_bitmap_place *place)
{
	u64 sector = off >> geo->sector_shift;

	place->chunk = sector / VHDX_CHUNK_SECTORS;
	place->byte = sector % VHDX_CHUNK_SECTORS / 8;
	place->bytes = bytes >> geo->sector_shift >> 3;
}

/* 64 bits from byte @at on; on disk the first one is bit 0 of the first byte. */
static u64 vhdx_bitmap_word(const void *bits, u32 at)
{
	__le64 le64;

	memcpy(&le64, (const u8 *)bits + at, sizeof(le64));
	return le64_to_cpu(le64);
}

/**
 * vhdx_bitmap_run() - how far bits are equal
 * @bits: the first byte is that of bit 0
 * @start: bit to start from, below @end
 * @end: bit to stop before; nothing behind its byte is looked at
 * @set: result: they are set
 *
 * Context: any.
 * Return: the first bit that differs from @start's, or @end.
 */
u32 vhdx_bitmap_run(const void *bits, u32 start, u32 end, bool *set)
{
	u64 all = vhdx_bitmap_test(bits, start) ? ~0ULL : 0;
	u32 bit = start + 1;

	*set = all;
	while (bit < end) {
		/* Most runs are long. */
		if (bit % 8 == 0 && end - bit >= 64 &&
		    vhdx_bitmap_word(bits, bit / 8) == all) {
			bit += 64;
			continue;
		}
		if (vhdx_bitmap_test(bits, bit) != *set)
			break;
		bit++;
	}
	return bit;
}

/**
 * vhdx_bitmap_all_set() - are these all set?
 * @bits: the first byte is that of bit 0
 * @start: first bit
 * @end: bit behind the last one; above @start
 *
 * Context: any.
 * Return: true if so: the block can become fully present.
 */
bool vhdx_bitmap_all_set(const void *bits, u32 start, u32 end)
{
	bool set;

	return vhdx_bitmap_run(bits, start, end, &set) == end && set;
}

/**
 * vhdx_bitmap_is_coarse() - do bits never change within a byte?
 * @bits: the first byte is that of bit 0
 * @start: first bit, a multiple of 8
 * @end: bit behind the last one, a multiple of 8
 *
 * With sectors of 512 bytes a byte is 4 KiB of the disk, so that one answer for
 * each 4 KiB will do.
 *
 * Context: any.
 * Return: true if so.
 */
bool vhdx_bitmap_is_coarse(const void *bits, u32 start, u32 end)
{
	const u8 *byte = bits;
	u32 i;

	for (i = start / 8; i < end / 8; i++)
		if (byte[i] && byte[i] != 0xff)
			return false;
	return true;
}

/**
 * vhdx_bitmap_clear() - clear bits
 * @bits: the first byte is that of bit 0
 * @start: first bit
 * @end: bit behind the last one
 *
 * Context: any; the caller serialises access.
 */
void vhdx_bitmap_clear(void *bits, u32 start, u32 end)
{
	u8 *byte = bits;

	for (; start < end && start % 8; start++)
		byte[start / 8] &= ~(1 << start % 8);
	if (end - start >= 8 && start < end) {
		memset(byte + start / 8, 0, (end - start) / 8);
		start += (end - start) / 8 * 8;
	}
	for (; start < end; start++)
		byte[start / 8] &= ~(1 << start % 8);
}

/**
 * vhdx_bitmap_set() - set bits
 * @bits: the first byte is that of bit 0
 * @start: first bit
 * @end: bit behind the last one
 *
 * Context: any; the caller serialises access.
 */
void vhdx_bitmap_set(void *bits, u32 start, u32 end)
{
	u8 *byte = bits;

	for (; start < end && start % 8; start++)
		byte[start / 8] |= 1 << start % 8;
	if (end - start >= 8 && start < end) {
		memset(byte + start / 8, 0xff, (end - start) / 8);
		start += (end - start) / 8 * 8;
	}
	for (; start < end; start++)
		byte[start / 8] |= 1 << start % 8;
}
