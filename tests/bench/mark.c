// SPDX-License-Identifier: GPL-2.0
/* mark - tell instructions.so that one measurement ends and the next begins */
int main(void)
{
	__asm__ volatile(".byte 0x0f, 0x1f, 0x80; .ascii \"vhdx\"");
	return 0;
}
