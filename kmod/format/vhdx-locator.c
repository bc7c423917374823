// SPDX-License-Identifier: GPL-2.0
#include "vhdx-locator.h"

static const guid_t vhdx_locator_type =
	GUID_INIT(0xb04aefb7, 0xd19e, 0x4a81,
		  0xb7, 0x89, 0x25, 0xb8, 0xe9, 0x44, 0x59, 0x13);

/* The UTF-16 unit at byte @at. */
static u32 vhdx_locator_unit(const struct vhdx_locator_text *text, u32 at)
{
	return text->utf16[at] | (u32)text->utf16[at + 1] << 8;
}

/*
 * The code point at byte *@at, which moves behind it.  0 where there is none:
 * a NUL, or half a pair of surrogates.
 */
static u32 vhdx_locator_point(const struct vhdx_locator_text *text, u32 *at)
{
	u32 unit = vhdx_locator_unit(text, *at), low;

	*at += 2;
	if (unit < 0xd800 || unit > 0xdfff)
		return unit;
	if (unit > 0xdbff || *at >= text->bytes)
		return 0;
	low = vhdx_locator_unit(text, *at);
	if (low < 0xdc00 || low > 0xdfff)
		return 0;
	*at += 2;
	return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

/**
 * vhdx_locator_text_valid() - is this UTF-16 text?
 * @text: what may be a key or value
 *
 * Context: any.
 * Return: true if it is, without NULs, and of some length.
 */
bool vhdx_locator_text_valid(const struct vhdx_locator_text *text)
{
	u32 at = 0;

	if (!text->bytes || text->bytes % 2)
		return false;
	while (at < text->bytes)
		if (!vhdx_locator_point(text, &at))
			return false;
	return true;
}

static bool vhdx_locator_text_equal(const struct vhdx_locator_text *a,
				    const struct vhdx_locator_text *b)
{
	return a->bytes == b->bytes && !memcmp(a->utf16, b->utf16, a->bytes);
}

/**
 * vhdx_locator_count() - entries of a locator
 * @item: passed by vhdx_locator_check()
 *
 * Context: any.
 * Return: how many.
 */
u32 vhdx_locator_count(const void *item)
{
	const struct vhdx_locator_disk *disk = item;

	return le16_to_cpu(disk->entry_count);
}

/**
 * vhdx_locator_decode() - decode one entry of a locator
 * @item: passed by vhdx_locator_check()
 * @index: below its count
 * @pair: result; points into @item
 *
 * Context: any.
 */
void vhdx_locator_decode(const void *item, u32 index,
			 struct vhdx_locator_pair *pair)
{
	const struct vhdx_locator_disk *disk = item;
	const struct vhdx_locator_entry_disk *entry = &disk->entry[index];

	pair->key.utf16 = (const u8 *)item + le32_to_cpu(entry->key_offset);
	pair->key.bytes = le16_to_cpu(entry->key_length);
	pair->value.utf16 = (const u8 *)item + le32_to_cpu(entry->value_offset);
	pair->value.bytes = le16_to_cpu(entry->value_length);
}

/* Cases 46 and 48: an entry by itself and against those before it. */
static int vhdx_locator_check_entry(const void *item, u32 bytes, u32 index)
{
	const struct vhdx_locator_disk *disk = item;
	const struct vhdx_locator_entry_disk *entry = &disk->entry[index];
	u32 key_off = le32_to_cpu(entry->key_offset);
	u32 value_off = le32_to_cpu(entry->value_offset);
	struct vhdx_locator_pair pair, other;
	u32 i;

	if (!key_off || key_off > bytes ||
	    le16_to_cpu(entry->key_length) > bytes - key_off ||
	    !value_off || value_off > bytes ||
	    le16_to_cpu(entry->value_length) > bytes - value_off)
		return VHDX_FAULT_LOCATOR_RANGE;
	vhdx_locator_decode(item, index, &pair);
	if (!vhdx_locator_text_valid(&pair.key) ||
	    !vhdx_locator_text_valid(&pair.value))
		return VHDX_FAULT_LOCATOR_TEXT;
	for (i = 0; i < index; i++) {
		vhdx_locator_decode(item, i, &other);
		if (vhdx_locator_text_equal(&pair.key, &other.key))
			return VHDX_FAULT_LOCATOR_TWICE;
	}
	return 0;
}

/* Case 48: the linkage has to be there, and both have to be GUIDs. */
static int vhdx_locator_check_linkage(const void *item)
{
	struct vhdx_locator_text text;
	guid_t guid;

	if (!vhdx_locator_find(item, VHDX_LOCATOR_LINKAGE, &text) ||
	    !vhdx_locator_guid(&text, &guid))
		return VHDX_FAULT_LOCATOR_LINKAGE;
	if (vhdx_locator_find(item, VHDX_LOCATOR_LINKAGE2, &text) &&
	    !vhdx_locator_guid(&text, &guid))
		return VHDX_FAULT_LOCATOR_LINKAGE;
	return 0;
}

/**
 * vhdx_locator_check() - judge a parent locator
 * @item: the metadata item
 * @bytes: its length, at most VHDX_META_MAX_ITEM
 *
 * Cases 45 to 49.  That no path is in it is no fault.
 *
 * Context: any; takes a while (quadratic in up to 256 entries).
 * Return: 0 or a fault.
 */
int vhdx_locator_check(const void *item, u32 bytes)
{
	const struct vhdx_locator_disk *disk = item;
	u32 count, i;
	int r;

	if (bytes < sizeof(*disk))
		return VHDX_FAULT_LOCATOR_SHORT;	/* case 45 */
	if (!guid_equal(&disk->type, &vhdx_locator_type))
		return VHDX_FAULT_LOCATOR_TYPE;		/* case 47 */
	count = vhdx_locator_count(item);
	if (!count || count > VHDX_LOCATOR_MAX_ENTRIES)
		return VHDX_FAULT_LOCATOR_COUNT;
	if (bytes < sizeof(*disk) + count * sizeof(disk->entry[0]))
		return VHDX_FAULT_LOCATOR_SHORT;

	for (i = 0; i < count; i++) {
		r = vhdx_locator_check_entry(item, bytes, i);
		if (r)
			return r;
		vhdx_relax();
	}
	return vhdx_locator_check_linkage(item);
}

/* Keys are case-sensitive, and those that mean something are ASCII. */
static bool vhdx_locator_is(const struct vhdx_locator_text *text,
			    const char *ascii)
{
	u32 i;

	for (i = 0; i < text->bytes / 2; i++)
		if (!ascii[i] ||
		    vhdx_locator_unit(text, 2 * i) != (u8)ascii[i])
			return false;
	return !ascii[i];
}

/**
 * vhdx_locator_find() - look a key up
 * @item: a locator whose entries are good
 * @key: ASCII
 * @value: result; points into @item
 *
 * Context: any.
 * Return: true if it is there.
 */
bool vhdx_locator_find(const void *item, const char *key,
		       struct vhdx_locator_text *value)
{
	struct vhdx_locator_pair pair;
	u32 i;

	for (i = 0; i < vhdx_locator_count(item); i++) {
		vhdx_locator_decode(item, i, &pair);
		if (!vhdx_locator_is(&pair.key, key))
			continue;
		*value = pair.value;
		return true;
	}
	return false;
}

static int vhdx_locator_digit(u32 unit)
{
	if (unit >= '0' && unit <= '9')
		return unit - '0';
	if (unit >= 'a' && unit <= 'f')
		return unit - 'a' + 10;
	if (unit >= 'A' && unit <= 'F')
		return unit - 'A' + 10;
	return -1;
}

/**
 * vhdx_locator_guid() - a value as a GUID
 * @text: such as "{83ed0ec3-24c8-49a6-a959-5e4bd1288791}"; braces and case do
 *        not matter
 * @guid: result, in disk form
 *
 * Context: any.
 * Return: true if it is one.
 */
bool vhdx_locator_guid(const struct vhdx_locator_text *text, guid_t *guid)
{
	/* Where each byte of the disk form is: its first three numbers are turned. */
	static const u8 place[16] = { 6, 4, 2, 0, 11, 9, 16, 14,
				      19, 21, 24, 26, 28, 30, 32, 34 };
	u32 units = text->bytes / 2, first = 0, i;
	u8 bytes[16];

	if (units == 38) {
		if (vhdx_locator_unit(text, 0) != '{' ||
		    vhdx_locator_unit(text, 2 * 37) != '}')
			return false;
		first = 1;
	} else if (units != 36) {
		return false;
	}
	for (i = 8; i <= 23; i += 5)
		if (vhdx_locator_unit(text, 2 * (first + i)) != '-')
			return false;
	for (i = 0; i < 16; i++) {
		u32 at = 2 * (first + place[i]);
		int high = vhdx_locator_digit(vhdx_locator_unit(text, at));
		int low = vhdx_locator_digit(vhdx_locator_unit(text, at + 2));

		if (high < 0 || low < 0)
			return false;
		bytes[i] = high << 4 | low;
	}
	memcpy(guid, bytes, sizeof(bytes));
	return true;
}

/**
 * vhdx_locator_linkage() - which parents a locator accepts
 * @item: passed by vhdx_locator_check()
 * @linkage: result: what the parent's DataWriteGuid may be
 *
 * There is a second one while a merge is going on; Hyper-V leaves it there as
 * zeros (case 49).
 *
 * Context: any.
 * Return: how many, 1 or 2.
 */
u32 vhdx_locator_linkage(const void *item, guid_t linkage[2])
{
	struct vhdx_locator_text text;

	if (vhdx_locator_find(item, VHDX_LOCATOR_LINKAGE, &text))
		vhdx_locator_guid(&text, &linkage[0]);
	if (vhdx_locator_find(item, VHDX_LOCATOR_LINKAGE2, &text) &&
	    vhdx_locator_guid(&text, &linkage[1]) && !guid_is_null(&linkage[1]))
		return 2;
	return 1;
}

/**
 * vhdx_linkage_accepts() - is an image the parent that is meant?
 * @linkage: from vhdx_locator_linkage()
 * @count: how many
 * @data_write_guid: of the image
 *
 * Case 50: the DataWriteGuid changes with what somebody could read.
 *
 * Context: any.
 * Return: true if so.
 */
bool vhdx_linkage_accepts(const guid_t *linkage, u32 count,
			  const guid_t *data_write_guid)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (guid_equal(&linkage[i], data_write_guid))
			return true;
	return false;
}

/**
 * vhdx_locator_accepts() - is an image the parent that a locator means?
 * @item: passed by vhdx_locator_check()
 * @data_write_guid: of the image
 *
 * Context: any.
 * Return: true if so.
 */
bool vhdx_locator_accepts(const void *item, const guid_t *data_write_guid)
{
	guid_t linkage[2];
	u32 count = vhdx_locator_linkage(item, linkage);

	return vhdx_linkage_accepts(linkage, count, data_write_guid);
}

/* One code point as UTF-8; returns its length. */
static u32 vhdx_locator_encode(u32 point, char utf8[4])
{
	if (point < 0x80) {
		utf8[0] = point;
		return 1;
	}
	if (point < 0x800) {
		utf8[0] = 0xc0 | point >> 6;
		utf8[1] = 0x80 | (point & 0x3f);
		return 2;
	}
	if (point < 0x10000) {
		utf8[0] = 0xe0 | point >> 12;
		utf8[1] = 0x80 | (point >> 6 & 0x3f);
		utf8[2] = 0x80 | (point & 0x3f);
		return 3;
	}
	utf8[0] = 0xf0 | point >> 18;
	utf8[1] = 0x80 | (point >> 12 & 0x3f);
	utf8[2] = 0x80 | (point >> 6 & 0x3f);
	utf8[3] = 0x80 | (point & 0x3f);
	return 4;
}

/**
 * vhdx_locator_utf8() - a key or value as UTF-8
 * @text: from a locator whose entries are good
 * @buf: result, with a NUL at its end; what does not fit is left out
 * @size: bytes of @buf, at least 1; twice the bytes of @text are enough
 *
 * Context: any.
 * Return: length of the result.
 */
u32 vhdx_locator_utf8(const struct vhdx_locator_text *text, char *buf, u32 size)
{
	u32 at = 0, length = 0, n;
	char utf8[4];

	while (at < text->bytes) {
		n = vhdx_locator_encode(vhdx_locator_point(text, &at), utf8);
		if (n >= size - length)
			break;
		memcpy(buf + length, utf8, n);
		length += n;
	}
	buf[length] = 0;
	return length;
}

/*
 * The code point at *@utf8, which moves behind it.  0 where there is none: its
 * end, or what is no UTF-8.
 */
static u32 vhdx_locator_next(const u8 **utf8)
{
	static const u32 least[4] = { 0, 0x80, 0x800, 0x10000 };
	const u8 *at = *utf8;
	u32 point = *at++, more, i;

	more = point < 0x80 ? 0 : point < 0xc0 ? 4 : point < 0xe0 ? 1 :
	       point < 0xf0 ? 2 : point < 0xf8 ? 3 : 4;
	if (more > 3)
		return 0;
	if (more)
		point &= 0x3f >> more;
	for (i = 0; i < more; i++, at++) {
		if ((*at & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (*at & 0x3f);
	}
	if (point < least[more] || point > 0x10ffff ||
	    (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*utf8 = at;
	return point;
}

static void vhdx_locator_put(u8 *item, u32 at, u32 unit)
{
	item[at] = unit;
	item[at + 1] = unit >> 8;
}

/* @utf8 as UTF-16 at @at; returns its length in bytes, 0 if it cannot be. */
static u32 vhdx_locator_write(u8 *item, u32 size, u32 at, const char *utf8)
{
	const u8 *from = (const u8 *)utf8;
	u32 start = at, point;

	while (*from) {
		point = vhdx_locator_next(&from);
		if (!point || size - at < 4 || at + 4 - start > 0xffff)
			return 0;
		if (point >= 0x10000) {
			point -= 0x10000;
			vhdx_locator_put(item, at, 0xd800 | point >> 10);
			at += 2;
			point = 0xdc00 | (point & 0x3ff);
		}
		vhdx_locator_put(item, at, point);
		at += 2;
	}
	return at - start;
}

/**
 * vhdx_locator_build() - build a parent locator
 * @item: result
 * @size: bytes of @item, at most VHDX_META_MAX_ITEM
 * @words: its entries, none of them empty
 * @count: how many, 1 to VHDX_LOCATOR_MAX_ENTRIES
 *
 * Context: any.
 * Return: length of the result, which passes vhdx_locator_check() if the keys
 * are fit for that; 0 if it does not fit, or something is no UTF-8.
 */
u32 vhdx_locator_build(void *item, u32 size,
		       const struct vhdx_locator_words *words, u32 count)
{
	struct vhdx_locator_disk *disk = item;
	u32 at = sizeof(*disk) + count * sizeof(disk->entry[0]), key, value, i;

	if (at > size)
		return 0;
	memset(item, 0, at);
	disk->type = vhdx_locator_type;
	disk->entry_count = cpu_to_le16(count);
	for (i = 0; i < count; i++) {
		struct vhdx_locator_entry_disk *entry = &disk->entry[i];

		key = vhdx_locator_write(item, size, at, words[i].key);
		value = key ? vhdx_locator_write(item, size, at + key,
						 words[i].value) : 0;
		if (!value)
			return 0;
		entry->key_offset = cpu_to_le32(at);
		entry->key_length = cpu_to_le16(key);
		entry->value_offset = cpu_to_le32(at + key);
		entry->value_length = cpu_to_le16(value);
		at += key + value;
	}
	return at;
}
