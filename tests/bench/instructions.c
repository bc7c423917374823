// SPDX-License-Identifier: GPL-2.0
/*
 * instructions.so - a plugin for QEMU's emulator: which instructions the
 * guest's kernel has executed, and how often
 *
 *   qemu-system-x86_64 ... -icount 0 -plugin instructions.so,out=FILE
 *
 * Whenever the guest executes the instruction of mark.c, FILE takes a line
 * "mark", then one for each piece of code that has run since the last time:
 * its address, and how many instructions it has executed.  All of user space
 * is at address 0.  For one CPU.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

/* nopl "vhdx"(%rax): does nothing, and occurs nowhere else. */
static const unsigned char mark[] = { 0x0f, 0x1f, 0x80, 'v', 'h', 'd', 'x' };

#define KERNEL_FROM	0xffff800000000000ULL
#define BUCKETS		(1U << 16)

/* Stays where it is: translated code has its address. */
struct piece {
	struct piece *next;
	uint64_t addr;
	uint64_t count;
};

static struct piece *buckets[BUCKETS];
static struct piece user;
static FILE *out;

EXPORT int qemu_plugin_version = 1;

static uint64_t *counter_of(uint64_t addr)
{
	struct piece **p = &buckets[addr * 0x9e3779b97f4a7c15ULL >> 48];

	if (addr < KERNEL_FROM)
		return &user.count;
	for (; *p; p = &(*p)->next)
		if ((*p)->addr == addr)
			return &(*p)->count;
	*p = calloc(1, sizeof(**p));
	if (!*p)
		abort();
	(*p)->addr = addr;
	return &(*p)->count;
}

static void write_piece(struct piece *piece)
{
	if (piece->count)
		fprintf(out, "%" PRIx64 " %" PRIu64 "\n", piece->addr,
			piece->count);
	piece->count = 0;
}

static void write_all(unsigned int cpu, void *arg)
{
	struct piece *piece;
	uint32_t i;

	(void)cpu;
	(void)arg;
	fputs("mark\n", out);
	write_piece(&user);
	for (i = 0; i < BUCKETS; i++)
		for (piece = buckets[i]; piece; piece = piece->next)
			write_piece(piece);
	fflush(out);
}

static void translate(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, PLUGIN_ADD,
			counter_of(qemu_plugin_tb_vaddr(tb)), n);
	if (qemu_plugin_tb_vaddr(tb) >= KERNEL_FROM)
		return;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (qemu_plugin_insn_size(insn) == sizeof(mark) &&
		    !memcmp(qemu_plugin_insn_data(insn), mark, sizeof(mark)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, write_all,
							       PLUGIN_NO_REGS,
							       NULL);
	}
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc,
			       char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "instructions: say out=FILE\n");
		return -1;
	}
	out = fopen(argv[0] + 4, "w");
	if (!out) {
		perror(argv[0] + 4);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
