// SPDX-License-Identifier: GPL-2.0
/* The cases of mkvhdx.py. */
#include <stdlib.h>
#include <unistd.h>

#include "archive.h"
#include "bulk.h"
#include "sha256.h"

#define BULK_COMPARE	(8U << 20)

static int errno_of(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {
		{ "ok", 0 }, { "EINVAL", EINVAL }, { "EOPNOTSUPP", EOPNOTSUPP },
		{ "EFBIG", EFBIG }, { "ENOSPC", ENOSPC }, { "EIO", EIO },
		{ "ENOMEM", ENOMEM },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i].name, name))
			return -names[i].number;
	bulk_die(name, -EINVAL);
	return 0;
}

static const char *text_of(const char *fault)
{
	int i;

	for (i = 1; i < VHDX_NR_FAULTS; i++)
		if (!strcmp(vhdx_fault_name(i), fault))
			return vhdx_fault_text(i);
	bulk_die(fault, -EINVAL);
	return NULL;
}

/* Checksum of a disk; most are like one before, which saves much time. */
static const char *disk_sha256(const u8 *disk, size_t bytes)
{
	static struct {
		u8 *disk;
		size_t bytes;
		char hex[65];
	} known[16];
	static u32 next;
	struct sha256 sha;
	u32 i;

	for (i = 0; i < 16; i++)
		if (known[i].disk && known[i].bytes == bytes &&
		    !memcmp(known[i].disk, disk, bytes))
			return known[i].hex;
	i = next++ % 16;
	known[i].disk = realloc(known[i].disk, bytes + 1);
	known[i].bytes = bytes;
	memcpy(known[i].disk, disk, bytes);
	sha256_init(&sha);
	sha256_update(&sha, disk, bytes);
	sha256_hex(&sha, known[i].hex);
	return known[i].hex;
}

static void check_contents(struct bulk *bulk, u32 bytes, const char *sha)
{
	static u8 *buf;
	int disk = device_disk(false);
	ssize_t n = 0, part;

	if (!buf)
		buf = aligned_alloc(4096, BULK_COMPARE);
	if (disk < 0)
		bulk_die("cannot open the disk", disk);
	if (bytes > BULK_COMPARE)
		bulk_die("disk", -EFBIG);
	do {
		part = pread(disk, buf + n, bytes - n, n);
		n += part > 0 ? part : 0;
	} while (part > 0 && n < bytes);
	if (n < bytes)
		bulk_wrong(bulk, "reads %zd bytes of %u: %s", n, bytes,
			   part < 0 ? strerror(errno) : "the end");
	else if (strcmp(disk_sha256(buf, bytes), sha))
		bulk_wrong(bulk, "reads as %s", disk_sha256(buf, bytes));
	close(disk);
}

/**
 * struct expectation - a line of cases.tsv
 * @file: image
 * @writable: mode rw
 * @result: ok or the name of an errno
 * @fault: its name, or -
 * @length: of the disk to compare
 * @sha: of that, or -
 */
struct expectation {
	char file[200];
	bool writable;
	char result[32];
	char fault[64];
	char length[32];
	char sha[65];
};

static void run_case(struct bulk *bulk, const struct expectation *e,
		     const struct archive_item *item)
{
	struct sparse *image = sparse_unpack(item->packed, item->size);
	bool ok = !strcmp(e->result, "ok");
	struct model model;
	int r, loaded = 0;

	bulk_begin(bulk, e->file, image, e->writable);
	model_init(&model, image, bulk->writable);
	if (ok)
		loaded = model_load(&model);
	r = device_map(&bulk->device, (model.layout.geo.disk_bytes ?: SZ_1M) >> 9,
		       bulk->writable);
	if (!ok) {
		bulk_refused(bulk, r, errno_of(e->result), text_of(e->fault));
	} else {
		if (!r && strcmp(e->sha, "-"))
			check_contents(bulk, strtoul(e->length, NULL, 10), e->sha);
		if (loaded == MODEL_TOO_LARGE)
			bulk_large(bulk, r);
		else if (loaded)
			bulk_wrong(bulk, "does not load: %s", vhdx_fault_text(loaded));
		else
			bulk_served(bulk, r, &model, item->size);
	}
	model_exit(&model);
	sparse_free(image);
}

static bool next_case(FILE *file, struct expectation *e)
{
	char line[1024], number[16], mode[8];
	unsigned long long device;

	memset(e, 0, sizeof(*e));
	if (!fgets(line, sizeof(line), file))
		return false;
	if (sscanf(line, "%15[^\t]\t%199[^\t]\t%llu\t%7[^\t]\t%31[^\t]\t%63[^\t]\t%31[^\t]\t%64s",
		   number, e->file, &device, mode, e->result, e->fault,
		   e->length, e->sha) != 8)
		bulk_die(line, -EINVAL);
	e->writable = !strcmp(mode, "rw");
	return true;
}

/**
 * bulk_cases() - all cases of mkvhdx.py
 * @bulk: the run
 * @tsv: what it expects
 * @archive: the images, packed
 * @both: each image that is mapped rw, ro as well
 */
void bulk_cases(struct bulk *bulk, const char *tsv, const char *archive,
		bool both)
{
	FILE *file = fopen(tsv, "re");
	struct expectation e, next;
	const struct archive_item *item;
	struct archive all;
	char name[256];
	bool more;

	if (!file || !archive_read(&all, archive))
		bulk_die(file ? archive : tsv, -errno);
	for (more = next_case(file, &next); more; ) {
		e = next;
		more = next_case(file, &next);
		snprintf(name, sizeof(name), "%s.%s", e.file,
			 e.writable ? "rw" : "ro");
		item = archive_find(&all, name);
		if (!item)
			bulk_die(name, -ENOENT);
		run_case(bulk, &e, item);
		/* The rw line holds for ro, too, unless there is one for that. */
		if (both && e.writable && strcmp(e.file, next.file)) {
			e.writable = false;
			run_case(bulk, &e, item);
		}
	}
	fclose(file);
	archive_free(&all);
}
