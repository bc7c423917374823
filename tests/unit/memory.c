// SPDX-License-Identifier: GPL-2.0
/* An image in memory, for what reads one. */
#include "test.h"
#include "memory.h"

static int memory_read(struct vhdx_reader *reader, u64 off, void *buf, u32 bytes)
{
	struct memory *from = container_of(reader, struct memory, reader);

	assert_true(off <= reader->image_bytes);
	assert_true(bytes <= reader->image_bytes - off);
	if (from->reads++ == from->fail_read)
		return -EIO;
	memcpy(buf, from->bytes + off, bytes);
	from->farthest = max_t(u64, from->farthest, off + bytes);
	return 0;
}

/**
 * memory_init() - an image of zeros, writable, of 512-byte sectors
 * @memory: the image
 * @bytes: its size
 */
void memory_init(struct memory *memory, u64 bytes)
{
	memset(memory, 0, sizeof(*memory));
	memory->bytes = calloc(1, bytes);
	memory->fail_read = -1;
	memory->reader.read = memory_read;
	memory->reader.image_bytes = bytes;
	memory->reader.logical_bytes = 512;
	memory->reader.writable = true;
}

/**
 * memory_free() - counterpart of memory_init()
 * @memory: the image
 */
void memory_free(struct memory *memory)
{
	free(memory->bytes);
}
