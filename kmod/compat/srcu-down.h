/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A reader of SRCU that ends in another context than it began in has functions
 * of its own since Linux 6.3.  Before, those that lockdep does not see do the
 * same.
 */
#ifndef VHDX_COMPAT_SRCU_DOWN_H
#define VHDX_COMPAT_SRCU_DOWN_H

#include <linux/srcu.h>

#include "compat/have.h"

#ifndef VHDX_HAVE_SRCU_DOWN
#define srcu_down_read(ssp)		srcu_read_lock_notrace(ssp)
#define srcu_up_read(ssp, idx)		srcu_read_unlock_notrace(ssp, idx)
#endif

#endif /* VHDX_COMPAT_SRCU_DOWN_H */
