// SPDX-License-Identifier: GPL-2.0
#include "vhdx-space.h"

/**
 * vhdx_space_claim() - mark space as taken
 * @space: the map
 * @mib: start
 * @count: MiB; what lies past the map's size is left out
 *
 * Context: any; the caller serialises access to @space.
 * Return: false if a part of it was taken already; then nothing has changed.
 */
bool vhdx_space_claim(struct vhdx_space *space, u64 mib, u64 count)
{
	u64 end = min_t(u64, mib + count, space->size);

	if (mib >= end)
		return true;
	if (find_next_bit(space->map, end, mib) < end)
		return false;
	bitmap_set(space->map, mib, end - mib);
	space->taken += end - mib;
	space->end = max_t(u32, space->end, end);
	return true;
}

/**
 * vhdx_space_release() - give space back
 * @space: the map
 * @mib: start of space that was claimed
 * @count: MiB
 *
 * The high-water mark stays: this space may hold anything by now.
 *
 * Context: any; the caller serialises access to @space.
 */
void vhdx_space_release(struct vhdx_space *space, u32 mib, u32 count)
{
	bitmap_clear(space->map, mib, count);
	space->taken -= count;
}

/**
 * vhdx_space_find() - first free space that is large enough
 * @space: the map
 * @start: MiB to start from
 * @count: MiB needed
 *
 * Context: any; the caller serialises access to @space.
 * Return: where, in MiB; 0 (never free) if there is none.
 */
u32 vhdx_space_find(const struct vhdx_space *space, u32 start, u32 count)
{
	unsigned long mib = start, used;

	for (;;) {
		mib = find_next_zero_bit(space->map, space->size, mib);
		if (mib >= space->size || count > space->size - mib)
			return 0;
		used = find_next_bit(space->map, mib + count, mib);
		if (used >= mib + count)
			return mib;
		mib = used;
	}
}
