// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>

#include "signals.h"

/**
 * signals_hold() - keep signals back that would end the program
 * @before: for signals_release()
 */
void signals_hold(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, before);
}

/**
 * signals_pending() - has one come that would have ended the program?
 *
 * Return: 0, or -EINTR if so.
 */
int signals_pending(void)
{
	struct sigaction action;
	sigset_t pending;
	int number;

	sigpending(&pending);
	for (number = 1; number < NSIG; number++)
		if (sigismember(&pending, number) == 1 &&
		    !sigaction(number, NULL, &action) &&
		    action.sa_handler != SIG_IGN)
			return -EINTR;
	return 0;
}

/**
 * signals_release() - end what signals_hold() began
 * @before: from there
 *
 * A signal that has come ends the program here.
 */
void signals_release(const sigset_t *before)
{
	sigprocmask(SIG_SETMASK, before, NULL);
}
