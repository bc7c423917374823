// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "text.h"
#include "vhdx-fault.h"

static bool progress_shown;
static FILE *message_held;
static char *message_text;
static size_t message_bytes;

/* Where messages go. */
static FILE *message_stream(void)
{
	return message_held ? message_held : stderr;
}

/**
 * message_hold() - keep messages in memory
 *
 * For as long as whatever standard error is may be waiting for this program.
 */
void message_hold(void)
{
	message_held = open_memstream(&message_text, &message_bytes);
}

/**
 * message_release() - print what message_hold() has kept, and all from now on
 */
void message_release(void)
{
	if (!message_held)
		return;
	fclose(message_held);
	message_held = NULL;
	progress_end();
	fflush(stdout);
	fwrite(message_text, 1, message_bytes, stderr);
	free(message_text);
	message_text = NULL;
}

/* What a message quotes may hold anything, such as the name of a file. */
static void message_print_args(const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) < 0)
		return;
	text_print(message_stream(), text);
	free(text);
}

static void message_print(const char *subject, const char *prefix,
			  const char *fmt, va_list args)
{
	FILE *to = message_stream();

	if (!message_held) {
		progress_end();
		fflush(stdout);
	}
	fputs("vhdx: ", to);
	if (subject) {
		text_print(to, subject);
		fputs(": ", to);
	}
	fputs(prefix, to);
	message_print_args(fmt, args);
}

/**
 * complain_usage() - say what is wrong with the command line
 * @command: the command's name
 * @fmt: what is wrong
 * @args: for @fmt
 */
void complain_usage(const char *command, const char *fmt, va_list args)
{
	message_print(command, "", fmt, args);
	fprintf(message_stream(), ": see 'vhdx %s --help'\n", command);
}

/**
 * complain() - say what is wrong and what to do about it
 * @subject: what it is about: a file, a mapping, a command; or NULL
 * @advice: what to do; or NULL
 * @fmt: what is wrong
 */
void complain(const char *subject, const char *advice, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message_print(subject, "", fmt, args);
	va_end(args);
	fprintf(message_stream(), advice ? ": %s\n" : "\n", advice);
}

static const char *message_errno_advice(int err)
{
	switch (err) {
	case ENOENT:
	case ENOTDIR:
	case ENODEV:
	case ENXIO:
		return "check the name";
	case EACCES:
	case EPERM:
		return "run it as a user who may do that, such as root";
	case ENOSPC:
	case EDQUOT:
		return "make some space and try again";
	case EFBIG:
		return "use a file system that takes larger files";
	case EROFS:
		return "make the file system or device writable first";
	case EBUSY:
	case ETXTBSY:
		return "end what uses it and try again";
	case EISDIR:
	case ENOTBLK:
		return "name a regular file or a block device";
	case ELOOP:
		return "check the symbolic links";
	case ENAMETOOLONG:
		return "use a shorter name";
	case EMFILE:
	case ENFILE:
		return "let it open more files, as with 'ulimit -n'";
	case EIO:
		return "look at the kernel log ('dmesg') and check the device";
	case ENOMEM:
		return "free some memory and try again";
	default:
		return "look at the kernel log ('dmesg')";
	}
}

/**
 * complain_errno() - say which operation failed, why, and what to do
 * @subject: what it is about
 * @err: errno, of either sign
 * @fmt: the operation, such as "cannot open"
 */
void complain_errno(const char *subject, int err, const char *fmt, ...)
{
	va_list args;

	err = err < 0 ? -err : err;
	va_start(args, fmt);
	message_print(subject, "", fmt, args);
	va_end(args);
	fprintf(message_stream(), ": %s: %s\n", strerror(err),
		message_errno_advice(err));
}

/**
 * complain_fault() - say what is wrong with an image
 * @subject: the image's file
 * @result: what a function of the format code returned: a fault or an errno
 */
void complain_fault(const char *subject, int result)
{
	if (result < 0)
		complain_errno(subject, result, "cannot read");
	else
		complain(subject, vhdx_fault_advice(result), "%s",
			 vhdx_fault_text(result));
}

/**
 * note() - say something that is no error
 * @subject: what it is about
 * @fmt: the sentence
 */
void note(const char *subject, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message_print(subject, "note: ", fmt, args);
	va_end(args);
	fputc('\n', message_stream());
}

/**
 * progress() - show how far a long operation has come, on a terminal
 * @what: the operation
 * @done: units done
 * @total: units to do
 *
 * Cheap enough to be called often: it prints ten times a second at most, and
 * nothing in the first half second.
 */
void progress(const char *what, unsigned long long done,
	      unsigned long long total)
{
	static int terminal = -1;	/* not known yet */
	static unsigned long long next_ms;
	unsigned long long now_ms;
	struct timespec now;

	if (terminal < 0)
		terminal = isatty(STDERR_FILENO);
	if (!total || message_held || !terminal)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ms = now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
	if (!next_ms)
		next_ms = now_ms + 500;
	if (now_ms < next_ms)
		return;
	next_ms = now_ms + 100;
	fprintf(stderr, "\r%s: %3.0f %%", what, 100.0 * done / total);
	progress_shown = true;
}

/**
 * progress_end() - remove what progress() has left on the terminal
 */
void progress_end(void)
{
	if (!progress_shown || message_held)
		return;
	fputs("\r\033[K", stderr);
	progress_shown = false;
}
