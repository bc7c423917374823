// SPDX-License-Identifier: GPL-2.0
/* Linux 6.3 */
#include <linux/srcu.h>

int probe(struct srcu_struct *ssp);
int probe(struct srcu_struct *ssp)
{
	int idx = srcu_down_read(ssp);

	srcu_up_read(ssp, idx);
	return idx;
}
