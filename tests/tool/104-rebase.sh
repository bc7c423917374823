# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# "vhdx rebase": where the parent is now, another parent, another parent below the same disk; and
# what a kill at any write leaves. VHDX_SEED=N repeats a run that printed N.
. "$VHDX_TOP/tests/lib/tool.sh"

mkchain() { "$VHDX_TOP/tests/images/mkchain.py" "$@"; }
field() { "$vhdx" info --json "$1" | python3 -c "import json, sys; print(json.load(sys.stdin)['$2'])"; }
locator() { "$vhdx" info --json "$1" | python3 -c 'import json, sys
print(*[e["key"] + "=" + e["value"] for e in json.load(sys.stdin)["parent_locator"]], sep="\n")'; }

# reads_as IMAGE RAW: its disk, by way of a flat image
reads_as()
{
	rm -f flat
	"$vhdx" flatten "$1" flat
	"$VHDX_TOP/tests/lib/flat-equals" flat "$2" || fail "$1 is not $2"
}

# --- the same parent in another place ---------------------------------------------------

seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"
mkchain random a "$seed" --depth 3
mkdir -p there/is
mv a/1.vhdx there/is/parent.vhdx
mv a/2.vhdx there/is/
guid=$(field a/0.vhdx data_write_guid)
find there -type f -exec sha256sum {} + | sort >before
expect_status 1 map a/0.vhdx
expect_status 0 rebase --json a/0.vhdx there/is/parent.vhdx
[ "$(json 'j["parent"], j["copied"]')" = 'there/is/parent.vhdx 0' ]
expect_status 0 map a/0.vhdx
expect_status 0 check a/0.vhdx
locator a/0.vhdx >said
grep -xF 'relative_path=..\there\is\parent.vhdx' said
grep -xF "parent_linkage={$(field there/is/parent.vhdx data_write_guid)}" said
[ "$(field a/0.vhdx data_write_guid)" = "$guid" ]
reads_as a/0.vhdx a/disk.raw
expect_status 0 rebase a/0.vhdx there/is/parent.vhdx
expect_status 0 rebase a/0.vhdx there/is/parent.vhdx
reads_as a/0.vhdx a/disk.raw

# What else Windows has said stays, what is out of date does not.
python3 - <<-EOP
	import sys
	sys.path.insert(0, '$VHDX_TOP/tests/images')
	from mkchain import *
	zero = '{' + str(uuid.UUID(int=0)) + '}'
	layers = [Layer(MIB, MIB, 512), Layer(MIB, MIB, 512)]
	write_chain('keys', layers, [('parent_linkage2', zero), ('volume_path', 'v'), ('absolute_win32_path', 'w'), ('other', 'x')])
EOP
expect_status 0 rebase keys/0.vhdx keys/1.vhdx
locator keys/0.vhdx >said
[ "$(sed 's/=.*//' said | sort | tr '\n' ' ')" = 'absolute_win32_path other parent_linkage parent_linkage2 relative_path ' ]
grep -xF 'other=x' said
for _ in 1 2 3 4 5 6 7 8; do
	expect_status 0 rebase keys/0.vhdx keys/1.vhdx
done
expect_status 0 check keys/0.vhdx

# --- another one ---------------------------------------------------------------------

sector=$(field a/0.vhdx logical_sector_size)
mkchain random b $((seed + 1)) --depth 2 --sector "$sector"
expect_status 1 rebase a/0.vhdx b/0.vhdx
expect_output "^vhdx: b/0.vhdx: has the data write GUID $(field b/0.vhdx data_write_guid), the parent of 'a/0.vhdx' should have $(field there/is/parent.vhdx data_write_guid): use --content"
reads_as a/0.vhdx a/disk.raw
expect_status 0 rebase --force a/0.vhdx b/0.vhdx
[ "$(field a/0.vhdx data_write_guid)" != "$guid" ]
expect_status 0 check a/0.vhdx
expect_status 0 map a/0.vhdx
locator a/0.vhdx >said
grep -xF 'relative_path=..\b\0.vhdx' said
expect_status 0 rebase --force a/0.vhdx there/is/parent.vhdx
reads_as a/0.vhdx a/disk.raw

# --- another one, and the same disk ------------------------------------------------------

find there b -type f -exec sha256sum {} + | sort >before
for i in 1 2; do
	rm -rf c d
	mkchain random c $((seed + 10 + i)) --depth $((1 + i)) --sector "$sector"
	mkchain random d $((seed + 20 + i)) --sector "$sector"
	guid=$(field c/0.vhdx data_write_guid)
	find c d -name '*.vhdx' ! -path c/0.vhdx -exec sha256sum {} + | sort >before
	expect_status 0 rebase --content c/0.vhdx d/0.vhdx
	rm -f c/[1-9].vhdx
	find d -name '*.vhdx' -exec sha256sum {} + | sort >after
	grep ' d/' before | cmp - after
	expect_status 0 check c/0.vhdx
	reads_as c/0.vhdx c/disk.raw
	[ "$(field c/0.vhdx data_write_guid)" = "$guid" ]
done

# What neither has, and what both have from the same file, is not read: nobody waits for that.
"$vhdx" create huge.vhdx 8T
"$vhdx" create other.vhdx 8T
"$vhdx" create --parent huge.vhdx middle.vhdx
"$vhdx" create --parent middle.vhdx leaf.vhdx
expect_status 0 rebase --content --json leaf.vhdx huge.vhdx
[ "$(json 'j["copied"]')" = 0 ]
timeout 60 "$vhdx" rebase --content leaf.vhdx other.vhdx || fail 'it takes more than a minute'
expect_status 0 check leaf.vhdx
rm huge.vhdx other.vhdx middle.vhdx leaf.vhdx

# --- what cannot be -----------------------------------------------------------------------

expect_status 1 rebase --force there/is/parent.vhdx a/0.vhdx
expect_output '^vhdx: a/0.vhdx: the chain of parents leads back to itself'
expect_status 1 rebase --force a/0.vhdx a/0.vhdx
expect_status 1 rebase --force there/is/2.vhdx keys/1.vhdx
expect_output '^vhdx: there/is/2.vhdx: has no parent: '
"$vhdx" create --logical-sector-size $((sector == 512 ? 4096 : 512)) odd 4M
expect_status 1 rebase --force a/0.vhdx odd
expect_output '^vhdx: odd: parent and child have logical sectors of different size'
expect_status 1 rebase --force a/0.vhdx missing
expect_status 2 rebase a/0.vhdx
expect_output 'PARENT is missing'
expect_status 2 rebase --force --content a/0.vhdx odd
reads_as a/0.vhdx a/disk.raw

# --- a kill at any write ---------------------------------------------------------------------

cat >stop.c <<'EOL'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

/* Ends the program in place of the write that STOP_AT counts; tells of all. */
static void count(const char *what, long long off)
{
	static long n;

	fprintf(stderr, "%s %lld\n", what, off);
	n += *what == 'w';
	if (n == atol(getenv("STOP_AT")))
		_exit(99);
}

int fsync(int fd)
{
	int (*real)(int) = dlsym(RTLD_NEXT, "fsync");

	count("sync", 0);
	return real(fd);
}

ssize_t pwrite64(int fd, const void *buf, size_t bytes, off64_t off)
{
	ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");

	count("write", off);
	return real(fd, buf, bytes, off);
}
EOL
cc -shared -fPIC -o stop.so stop.c -ldl
rm -rf c d
mkchain random d $((seed + 31)) --depth 2 --sector 4096
python3 - <<-EOP
	import sys
	sys.path.insert(0, '$VHDX_TOP/tests/images')
	from mkchain import *
	bits = [i // 16 % 2 == 0 for i in range(256)]
	leaf = Layer(3 * MIB, MIB, 4096, {0: PARTIAL}, {0: bits})
	write_chain('c', [leaf, Layer(3 * MIB, MIB, 4096, {0: FULL, 1: FULL})])
EOP
cp c/0.vhdx saved
stopped=0
for ((at = 1; ; at++)); do
	cp saved c/0.vhdx
	status=0
	STOP_AT=$at LD_PRELOAD=$PWD/stop.so "$vhdx" rebase --content c/0.vhdx d/0.vhdx 2>writes || status=$?
	[ $status -eq 99 ] || break
	stopped=$((stopped + 1))
	# With whatever parent it has by then.
	expect_status 0 map c/0.vhdx
	expect_status 0 check c/0.vhdx || fail "killed at write $at"
	reads_as c/0.vhdx c/disk.raw
done
[ "$status" -eq 0 ]
# And a power failure loses what is not durable: headers one by one, then data, then entries of the
# BAT (at 3 MiB), then the locator, then the table's entry (at 2 MiB), each behind a flush.
python3 - <<-'EOP' || fail "$(cat writes)"
	import re
	order = ''
	for line in open('writes'):
	    what, off = line.split()
	    off = int(off)
	    order += 's' if what == 'sync' else 'h' if off < 1 << 20 else \
	        't' if 2 << 20 <= off < (2 << 20) + 65536 else 'l' if off < 3 << 20 else 'b' if off < 4 << 20 else 'd'

	if not re.fullmatch('hshsd+sb+slsts', order):
	    raise SystemExit(order)
EOP
[ $stopped -ge 10 ] || fail "only $stopped writes?"
note "killed at each of $stopped writes"
reads_as c/0.vhdx c/disk.raw
