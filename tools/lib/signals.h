/* SPDX-License-Identifier: GPL-2.0 */
/* Signals that end the program, kept back while it must not end. */
#ifndef VHDX_TOOLS_SIGNALS_H
#define VHDX_TOOLS_SIGNALS_H

#include <signal.h>

void signals_hold(sigset_t *before);
int signals_pending(void);
void signals_release(const sigset_t *before);

#endif /* VHDX_TOOLS_SIGNALS_H */
