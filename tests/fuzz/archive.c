// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <sys/stat.h>

#include "archive.h"

bool archive_add(FILE *to, const char *name, const void *packed, u32 size)
{
	__le32 head[2] = { cpu_to_le32(strlen(name)), cpu_to_le32(size) };

	return fwrite(head, sizeof(head), 1, to) == 1 &&
	       fwrite(name, strlen(name), 1, to) == 1 &&
	       fwrite(packed, size, 1, to) == 1;
}

static bool archive_index(struct archive *archive, size_t size)
{
	size_t at = 0;
	__le32 head[2];

	while (at < size) {
		struct archive_item *item;
		u32 name;

		if (size - at < sizeof(head))
			return false;
		memcpy(head, archive->buf + at, sizeof(head));
		at += sizeof(head);
		archive->items = realloc(archive->items,
					 (archive->nr + 1) * sizeof(*item));
		item = &archive->items[archive->nr++];
		memset(item, 0, sizeof(*item));
		name = le32_to_cpu(head[0]);
		item->size = le32_to_cpu(head[1]);
		if (name >= sizeof(item->name) || name > size - at ||
		    item->size > size - at - name)
			return false;
		memcpy(item->name, archive->buf + at, name);
		item->packed = archive->buf + at + name;
		at += name + item->size;
	}
	return true;
}

/* False, with errno or not, if it cannot be read. */
bool archive_read(struct archive *archive, const char *path)
{
	FILE *file = fopen(path, "re");
	struct stat st;
	bool ok;

	memset(archive, 0, sizeof(*archive));
	if (!file)
		return false;
	ok = !fstat(fileno(file), &st);
	if (ok) {
		archive->buf = malloc(st.st_size + 1);
		ok = !st.st_size ||
		     fread(archive->buf, st.st_size, 1, file) == 1;
	}
	fclose(file);
	return ok && archive_index(archive, st.st_size);
}

const struct archive_item *archive_find(const struct archive *archive,
					const char *name)
{
	u32 i;

	for (i = 0; i < archive->nr; i++)
		if (!strcmp(archive->items[i].name, name))
			return &archive->items[i];
	return NULL;
}

void archive_free(struct archive *archive)
{
	free(archive->items);
	free(archive->buf);
}
