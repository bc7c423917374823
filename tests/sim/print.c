// SPDX-License-Identifier: GPL-2.0
/* Messages, with what the kernel makes of pointers. */
#include "sim/block.h"

#undef snprintf
#undef vsnprintf

/**
 * struct sim_out - where characters go
 * @buf: there
 * @size: its size
 * @used: so many there were, also those that did not fit
 */
struct sim_out {
	char *buf;
	size_t size;
	size_t used;
};

static void sim_out_text(struct sim_out *out, const char *text)
{
	for (; *text; text++, out->used++)
		if (out->used + 1 < out->size)
			out->buf[out->used] = *text;
}

static void sim_out_guid(struct sim_out *out, const guid_t *guid, bool little)
{
	static const u8 order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12,
				      13, 14, 15 };
	char text[4];
	u32 i;

	for (i = 0; i < 16; i++) {
		snprintf(text, sizeof(text), "%02x",
			 guid->b[little ? order[i] : i]);
		sim_out_text(out, text);
		if (i == 3 || i == 5 || i == 7 || i == 9)
			sim_out_text(out, "-");
	}
}

static void sim_out_hex(struct sim_out *out, const u8 *bytes, int count)
{
	char text[4];

	while (count-- > 0) {
		snprintf(text, sizeof(text), "%02x", *bytes++);
		sim_out_text(out, text);
	}
}

/* What comes after %p; returns what comes after that. */
static const char *sim_out_pointer(struct sim_out *out, const char *fmt,
				   const void *p, int width)
{
	const struct block_device *bdev = p;
	const struct va_format *vaf = p;
	char text[512];
	va_list copy;

	switch (*fmt) {
	case 'g':
		sim_out_text(out, bdev->bd_disk->disk_name);
		return fmt + 1;
	case 'V':
		va_copy(copy, *vaf->va);
		sim_vsnprintf(text, sizeof(text), vaf->fmt, copy);
		va_end(copy);
		sim_out_text(out, text);
		return fmt + 1;
	case 'U':
		sim_out_guid(out, p, fmt[1] == 'l' || fmt[1] == 'L');
		return fmt + 2;
	case 'h':
		sim_out_hex(out, p, width);
		return fmt + 2;
	default:
		snprintf(text, sizeof(text), "%p", p);
		sim_out_text(out, text);
		return fmt;
	}
}

/* One number or string, by the C library. */
#define SIM_ONE(spec, args, type) \
	snprintf(text, sizeof(text), spec, va_arg(args, type))

int sim_vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct sim_out out = { .buf = buf, .size = size };
	char one[2] = "", text[1024], spec[32];

	while (*fmt) {
		const char *begin = fmt;
		int longs = 0, width;

		if (*fmt != '%' || fmt[1] == '%') {
			one[0] = *fmt;
			fmt += 1 + (*fmt == '%');
			sim_out_text(&out, one);
			continue;
		}
		fmt++;
		width = atoi(fmt);
		fmt += strspn(fmt, "#+- 0123456789.");
		for (; *fmt == 'l' || *fmt == 'z'; fmt++)
			longs++;
		if (*fmt == 'p') {
			fmt = sim_out_pointer(&out, fmt + 1,
					      va_arg(args, void *), width);
			continue;
		}
		fmt++;
		memcpy(spec, begin, fmt - begin);
		spec[fmt - begin] = '\0';
		if (fmt[-1] == 's')
			SIM_ONE(spec, args, char *);
		else if (longs == 2)
			SIM_ONE(spec, args, long long);
		else if (longs)
			SIM_ONE(spec, args, long);
		else
			SIM_ONE(spec, args, int);
		sim_out_text(&out, text);
	}
	if (size)
		buf[min(out.used, size - 1)] = '\0';
	return out.used;
}

int sim_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = sim_vsnprintf(buf, size, fmt, args);
	va_end(args);
	return n;
}

int vscnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	int n = sim_vsnprintf(buf, size, fmt, args);

	return size ? min(n, (int)size - 1) : 0;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vscnprintf(buf, size, fmt, args);
	va_end(args);
	return n;
}

void sim_print(const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	sim_vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fputs(text, stdout);
}

/**
 * sim_die() - what must not happen has happened
 * @fmt: what
 */
void sim_die(const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	sim_vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fflush(stdout);
	fprintf(stderr, "sim: %s\n", text);
	abort();
}
