// SPDX-License-Identifier: GPL-2.0
/*
 * People hand in what they have: another kind of disk image, or a VHDX image
 * that is still in its archive.  Whoever only looked for "vhdxfile" would send
 * them to look for a better copy.
 */
#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#include "identify.h"
#include "message.h"
#include "vhd-image.h"

#define IDENTIFY_UNPACK	"unpack it first, with "
#define IDENTIFY_CONVERT(format) \
	"convert it with 'qemu-img convert -f " format " -O vhdx -o subformat=dynamic'"

/**
 * struct identify - what gives a format away
 * @off: where; negative from the end
 * @bytes: how many bytes
 * @magic: these
 * @name: what it is
 * @advice: what to do
 */
static const struct identify {
	int off;
	unsigned int bytes;
	const char *magic;
	const char *name;
	const char *advice;
} identify_formats[] = {
	{ 0, 4, "QFI\xfb", "a QCOW2 image", IDENTIFY_CONVERT("qcow2") },
	{ 0, 4, "KDMV", "a VMDK image", IDENTIFY_CONVERT("vmdk") },
	{ 0, 4, "COWD", "a VMDK image", IDENTIFY_CONVERT("vmdk") },
	{ 0, 21, "# Disk DescriptorFile", "the description of a VMDK image",
	  IDENTIFY_CONVERT("vmdk") },
	{ 64, 4, "\x7f\x10\xda\xbe", "a VDI image", IDENTIFY_CONVERT("vdi") },
	{ 0, 3, "\x1f\x8b\x08", "a gzip archive", IDENTIFY_UNPACK "'gunzip'" },
	{ 0, 6, "\xfd" "7zXZ\0", "an xz archive", IDENTIFY_UNPACK "'unxz'" },
	{ 0, 4, "PK\3\4", "a zip archive", IDENTIFY_UNPACK "'unzip'" },
	{ 0, 4, "PK\5\6", "an empty zip archive",
	  "check that this is the right file" },
	{ 0, 3, "BZh", "a bzip2 archive", IDENTIFY_UNPACK "'bunzip2'" },
	{ 0, 4, "\x28\xb5\x2f\xfd", "a zstd archive", IDENTIFY_UNPACK "'unzstd'" },
	{ 0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive", IDENTIFY_UNPACK "'7z x'" },
};

static bool identify_has(const struct image *image, long long off, const char *magic,
			 unsigned int bytes)
{
	char buf[32];

	if (off < 0)
		off += image->file_bytes;
	return off >= 0 && pread(image->fd, buf, bytes, off) == (int)bytes &&
	       !memcmp(buf, magic, bytes);
}

static const struct identify *identify_find(const struct image *image)
{
	size_t i;

	for (i = 0; i < sizeof(identify_formats) / sizeof(*identify_formats); i++)
		if (identify_has(image, identify_formats[i].off,
				 identify_formats[i].magic,
				 identify_formats[i].bytes))
			return &identify_formats[i];
	return NULL;
}

static void identify_complain_vhd(const struct image *image)
{
	complain(image->path, "convert it, with its parents if it has any, with 'vhdx convert'",
		 "no VHDX image but a VHD image (version 1), which will not do here");
}

/**
 * identify_refuse_vhd() - refuse a VHD image where only VHDX will do
 * @image: the image, open
 *
 * Says so.
 *
 * Return: true if it is one.
 */
bool identify_refuse_vhd(const struct image *image)
{
	if (!vhd_image_is(image))
		return false;
	identify_complain_vhd(image);
	return true;
}

/**
 * identify_is_lost() - has a VHDX image lost no more than its identifier?
 * @image: the image, open; its scratch memory is used
 *
 * The identifier is written once and never again, so nobody can have meant it to
 * go.  A header or a region table with a good checksum is enough to tell.
 *
 * Return: true if there is something of an image behind it, and what is in its
 * place says of nothing else that it is one.
 */
bool identify_is_lost(const struct image *image)
{
	u8 *first = image->scratch, *second = first + VHDX_REGION_BYTES;
	struct vhdx_header header;
	bool flag;
	int slot;

	if (image->file_bytes < VHDX_HEAD_BYTES || identify_find(image) ||
	    vhd_image_is(image))
		return false;
	if (image_pread(image, VHDX_IDENT_OFF, first, VHDX_SECTOR) ||
	    !vhdx_ident_check(first) ||
	    image_pread(image, VHDX_HEADER_OFF(0), first, VHDX_HEADER_BYTES) ||
	    image_pread(image, VHDX_HEADER_OFF(1), second, VHDX_HEADER_BYTES))
		return false;
	if (vhdx_header_select(first, second, &header, &slot, &flag) !=
	    VHDX_FAULT_NO_HEADER)
		return true;
	return !image_pread(image, VHDX_REGION_OFF(0), first,
			    VHDX_REGION_BYTES) &&
	       !image_pread(image, VHDX_REGION_OFF(1), second,
			    VHDX_REGION_BYTES) &&
	       !vhdx_region_table_select(first, second, &slot, &flag);
}

/**
 * identify_is_foreign() - does a fault say that this is no VHDX image?
 * @image: the image, open
 * @result: what a function of the format code returned
 *
 * What is left of one whose file was cut below 1 MiB is one.
 *
 * Return: true if so.
 */
bool identify_is_foreign(const struct image *image, int result)
{
	return result == VHDX_FAULT_NOT_VHDX ||
	       (result == VHDX_FAULT_TOO_SHORT &&
		!identify_has(image, 0, VHDX_IDENT_SIGNATURE, 8));
}

/**
 * identify_begins() - does a file begin as a VHDX image does?
 * @path: the file; .rct and .mrt files beside images do not
 *
 * Return: true if so.
 */
bool identify_begins(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char buf[8] = "";
	bool begins;

	if (fd < 0)
		return false;
	begins = read(fd, buf, 8) == 8 && !memcmp(buf, VHDX_IDENT_SIGNATURE, 8);
	close(fd);
	return begins;
}

/* Nothing is known of what is in one, but of its name. */
static bool identify_is_set(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && !strcasecmp(dot, ".vhds");
}

/**
 * identify_complain() - say what is wrong with an image
 * @image: the image, open
 * @result: what a function of the format code returned: a fault or an errno
 *
 * As complain_fault(), and if it is no VHDX image says what else it is.
 */
void identify_complain(const struct image *image, int result)
{
	const struct identify *format;

	if (!identify_is_foreign(image, result)) {
		complain_fault(image->path, result);
		return;
	}
	if (identify_refuse_vhd(image))
		return;
	format = identify_find(image);
	if (identify_is_lost(image))
		complain(image->path, VHDX_ADVICE_SALVAGE,
			 "the file identifier is lost, but there is more of a VHDX image");
	else if (format)
		complain(image->path, format->advice, "no VHDX image but %s",
			 format->name);
	else if (identify_is_set(image->path))
		complain(image->path, "name the '.avhdx' file that has its disk",
			 "no VHDX image but a VHD Set, which only names files of its disk");
	else if (!image->file_bytes)
		complain(image->path, vhdx_fault_advice(VHDX_FAULT_NOT_VHDX),
			 "no VHDX image: the file is empty");
	else
		complain_fault(image->path, VHDX_FAULT_NOT_VHDX);
}
