/* SPDX-License-Identifier: GPL-2.0 */
/* What keeps images as they are while the machine hibernates. */
#ifndef DM_VHDX_GATE_H
#define DM_VHDX_GATE_H

#include <linux/types.h>

/* dm-vhdx-gate.c */
bool vhdx_gate_try(void);
void vhdx_gate_enter(void);
void vhdx_gate_leave(void);
bool vhdx_gate_close(void);
void vhdx_gate_open(void);

/* dm-vhdx-hibernate.c */
int vhdx_hibernate_init(void);
void vhdx_hibernate_exit(void);

#endif /* DM_VHDX_GATE_H */
