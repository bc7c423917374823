# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What counts as the kernel complaining. Sourced by the VM harness (whole boots) and by the test
# runner inside the VM (one test at a time), so that both agree.

# "Call Trace:" alone is enough: nothing prints a stack for good news. Fault-injection tests that
# provoke allocation failures on purpose set .../verbose to 0 or 1.
SPLAT_RE='WARNING:|BUG:|BUG_ON|Oops|KASAN|UBSAN|kernel BUG at|Kernel panic|general protection'
SPLAT_RE+='|possible circular locking|possible recursive locking|possible irq lock inversion'
SPLAT_RE+='|inconsistent lock state|suspicious RCU|INFO: task .* blocked|INFO: possible'
SPLAT_RE+='|rcu.*detected stall|soft lockup|hung_task|sleeping function called|scheduling while atomic'
SPLAT_RE+='|ODEBUG:|DEBUG_LOCKS_WARN_ON|MAX_LOCKDEP_[A-Z]+ too low|lockdep is turned off|unreferenced object'
SPLAT_RE+='|refcount_t:|list_(add|del) corruption|unable to handle|double fault|Call Trace:'
SPLAT_RE+='|page allocation failure|Out of memory:|Objects remaining|corrupted stack'

# Lines that match but say nothing about a defect: checkers announcing themselves at boot, and
# bash's -c text or a module's parameters echoed by the kernel.
SPLAT_IGNORE_RE='Kernel command line:|Command line:|kasan: KernelAddressSanitizer initialized|kcsan: '

# The concurrency sanitizer has much to say of the rest of the kernel: a report counts only with a
# frame of ours. What does not count becomes empty lines.
splat_ours()
{
	awk '
	/========================================/ {
		if (n && held ~ /BUG: KCSAN:/ && held !~ /\[dm_vhdx/)
			gsub(/[^\n]/, "", held)
		printf "%s", held
		held = ""
		n = !n
		print n ? "" : $0
		next
	}
	n { held = held $0 "\n"; next }
	{ print }
	END { printf "%s", held }' "$1"
}

# splat_find FILE: print the first complaint in FILE with its surroundings; fails when there is
# none.
splat_find()
{
	local first

	first=$(splat_ours "$1" | grep -naE -- "$SPLAT_RE" | grep -avE -m1 -- "$SPLAT_IGNORE_RE" | cut -d: -f1)
	[ -n "$first" ] || return 1
	sed -n "$((first > 3 ? first - 3 : 1)),$((first + 45))p" "$1"
}
