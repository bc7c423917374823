// SPDX-License-Identifier: GPL-2.0
/*
 * A VHD image is made as long as it can become, and as short as it is again.  Power may fail
 * after any change of its file's size: a footer is at its end then.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test.h"
#include "vhd-extent.h"
#include "vhd-image.h"

#define EXTENT_BLOCKS	40U
#define EXTENT_BAT	(VHD_FOOTER_BYTES + VHD_HEADER_BYTES)
#define EXTENT_FIRST	(EXTENT_BAT + VHD_SECTOR)

static char path[] = "/tmp/vhdx-extent.XXXXXX";
static unsigned int sizes, without;

/* Has the file a footer at its end? */
static void look(int fd)
{
	u8 buf[VHD_FOOTER_BYTES];
	off_t end = lseek(fd, 0, SEEK_END);

	sizes++;
	without += pread(fd, buf, sizeof(buf), end - sizeof(buf)) !=
		   sizeof(buf) || !vhd_footer_valid(buf);
}

/* To try it out is no change: see hostfs_takes_holes(). */
int ftruncate64(int fd, off64_t bytes)
{
	static off64_t tried;
	off64_t before = lseek(fd, 0, SEEK_END);
	int r = syscall(SYS_ftruncate, fd, bytes);

	if (bytes == before + 4 * SZ_1M || bytes == tried)
		tried = before;
	else
		look(fd);
	return r;
}

ssize_t pwrite64(int fd, const void *buf, size_t bytes, off64_t off)
{
	off_t before = lseek(fd, 0, SEEK_END);
	ssize_t r = syscall(SYS_pwrite64, fd, buf, bytes, off);

	if (lseek(fd, 0, SEEK_END) != before)
		look(fd);
	return r;
}

/* Each block but the last one right behind the one before; that where @last is not 0. */
static void make_blocks(u32 blocks, u32 block_bytes, u64 last)
{
	struct vhd_footer footer = {
		.features = VHD_FEATURES, .version = VHD_VERSION,
		.header_off = VHD_FOOTER_BYTES, .creator_app = "win ",
		.current_bytes = EXTENT_BLOCKS * (u64)block_bytes,
		.type = VHD_TYPE_DYNAMIC,
	};
	struct vhd_header header = {
		.bat_off = EXTENT_BAT, .version = VHD_VERSION,
		.bat_entries = EXTENT_BLOCKS, .block_bytes = block_bytes,
	};
	u64 size = block_bytes + VHD_SECTOR, off = EXTENT_FIRST;
	u8 head[EXTENT_FIRST];
	__be32 entry;
	int fd = mkstemp(path);
	u32 i;

	assert_true(fd >= 0);
	memset(head, 0xff, sizeof(head));
	vhd_footer_encode(&footer, head);
	vhd_header_encode(&header, head + VHD_FOOTER_BYTES);
	for (i = 0; i < blocks; i++) {
		if (i == blocks - 1 && last)
			off = last;
		entry = cpu_to_be32(off / VHD_SECTOR);
		off += size;
		memcpy(head + EXTENT_BAT + i * sizeof(entry), &entry,
		       sizeof(entry));
	}
	assert_int_equal(pwrite(fd, head, sizeof(head), 0), sizeof(head));
	assert_int_equal(pwrite(fd, head, VHD_FOOTER_BYTES, off),
			 VHD_FOOTER_BYTES);
	close(fd);
	sizes = 0;
	without = 0;
}

static void grown_and_trimmed(void)
{
	struct extent extent;
	struct image image;
	struct hostfs host;
	bool steps;
	u64 before;

	assert_int_equal(image_open(&image, path, IMAGE_WRITE), 0);
	before = image.file_bytes;
	assert_int_equal(vhd_extent_load(&extent, &image), 0);
	assert_int_equal(hostfs_look(&host, image.fd), 0);
	assert_int_equal(vhd_extent_grow(&extent, &image, &host, &steps), 0);
	assert_false(steps);
	assert_int_equal(image.file_bytes, extent.max_bytes);
	assert_true(extent.max_bytes > before);
	assert_int_equal(lseek(image.fd, 0, SEEK_END), extent.max_bytes);
	assert_int_equal(sizes, 1);
	assert_int_equal(without, 0);
	image_close(&image);

	assert_int_equal(image_open(&image, path, IMAGE_WRITE), 0);
	assert_int_equal(vhd_extent_trim(&image), 0);
	assert_int_equal(lseek(image.fd, 0, SEEK_END), before);
	assert_int_equal(sizes, 2);
	assert_int_equal(without, 0);
	image_close(&image);
	unlink(path);
	memset(path + sizeof(path) - 7, 'X', 6);
}

static void test_grown_and_trimmed(void **state)
{
	make_blocks(0, SZ_64K, 0);
	grown_and_trimmed();
	make_blocks(3, SZ_64K, 0);
	grown_and_trimmed();
	make_blocks(EXTENT_BLOCKS - 1, SZ_64K, 0);
	grown_and_trimmed();
}

/* As long as it can be: were it longer for other blocks, nobody could open it. */
static void test_almost_too_long(void **state)
{
	u64 limit = VHD_MAX_PIECES * (SZ_4K + (u64)VHD_SECTOR);

	make_blocks(2, SZ_4K, limit - 3 * SZ_1M + SZ_64K);
	grown_and_trimmed();
	/* Here for some of them. */
	make_blocks(2, SZ_4K, limit / SZ_1M * SZ_1M - 2 * SZ_64K);
	grown_and_trimmed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grown_and_trimmed),
		cmocka_unit_test(test_almost_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
