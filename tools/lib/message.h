/* SPDX-License-Identifier: GPL-2.0 */
/* Sentences on standard error: "vhdx: SUBJECT: what is wrong: what to do". */
#ifndef VHDX_TOOLS_MESSAGE_H
#define VHDX_TOOLS_MESSAGE_H

#include <stdarg.h>

void complain_usage(const char *command, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
void complain(const char *subject, const char *advice, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void complain_errno(const char *subject, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void complain_fault(const char *subject, int result);
void note(const char *subject, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void message_hold(void);
void message_release(void);
void progress(const char *what, unsigned long long done,
	      unsigned long long total);
void progress_end(void);

#endif /* VHDX_TOOLS_MESSAGE_H */
