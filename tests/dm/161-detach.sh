# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# "vhdx detach": it says what was lost, finds what it is asked for whatever that is called or lies on,
# and says who is in the way.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/faults.sh"

scratch_fs 200 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx

nothing_left()
{
	[ "$(losetup -n -O NAME -l)" = '' ] || fail "a loop device is left: $(losetup -l)"
	[ "$(dmsetup ls --target vhdx)" = 'No devices found' ] || fail "a mapping is left: $(dmsetup ls)"
}
put() { dd if=/dev/urandom of="/dev/mapper/$1" bs=1M seek="$2" count=1 oflag=direct status=none; }

# --- what was lost ----------------------------------------------------------

# On a device that is itself a device-mapper device, by which it is found and listed.
sit_on "$(brd_make 200)"
end=$((8 << 11))
"$vhdx" create --size 100M --block-size 1M /dev/mapper/back
attach_it() { "$vhdx" attach --options 'commit_interval 3600000 idle_close 0' /dev/mapper/back lossy >out; }

attach_it
"$vhdx" list | grep -q ' /dev/mapper/back$' || fail "no stable name: $("$vhdx" list)"
put lossy 1
sync /dev/mapper/lossy
put lossy 3
put lossy 5
bad 2048 $end		# all but the headers: log, metadata, BAT
expect_status 1 detach /dev/mapper/back
expect_output '^vhdx: lossy: detached, but what was written to 2 new blocks \(up to 2 MiB\) is lost: .*: check the file system'
expect_output '^vhdx: lossy: note: the log of the image stays dirty'
heal
[ ! -e /dev/mapper/lossy ]
"$vhdx" check /dev/mapper/back >out 2>&1 && fail 'the log should be dirty'
grep -q "vhdx replay" out || fail "$(<out)"

# The failure came before: the mode tells.
attach_it
put lossy 10
bad 2048 $end
expect_fail sync /dev/mapper/lossy
[ "$(status lossy mode)" = ro ]
expect_status 1 detach --json lossy
[ "$(json '[(m["name"], m["detached"], m["lost"], m["blocks_lost"], m["log_dirty"]) for m in j]')" = \
	"[('lossy', True, True, 1, True)]" ] || fail "$(<out)"
heal

# All is well again, but nobody was told what was lost in the meantime.
attach_it
put lossy 20
bad 2048 $end
expect_fail dmsetup message lossy 0 commit
heal
dmsetup suspend lossy
dmsetup resume lossy
[ "$(status lossy mode)" = rw ]
expect_status 1 detach lossy
expect_output 'lossy: detached, but something that was written may be lost, as a flush says: Input/output error'

# Its last resume has failed.
attach_it
put lossy 30
dmsetup suspend lossy
dd if=/dev/zero of=/dev/mapper/back bs=64k seek=1 count=2 oflag=direct status=none
expect_fail dmsetup resume lossy
"$vhdx" list >out
grep -qE '^lossy .* fail +failed ' out || fail "mode fail is not in the list: $(<out)"
expect_status 1 detach lossy
expect_output 'lossy: detached, but its last resume has failed'

# Nothing was lost: not a word.
"$vhdx" create --force --size 100M --block-size 1M /dev/mapper/back
attach_it
put lossy 1
expect_status 0 detach lossy
[ ! -s out ] && [ ! -s err ]
attach_it
put lossy 2
dmsetup suspend lossy
"$vhdx" list >out
grep -qE '^lossy .* rw +suspended ' out || fail "suspended, but not in the list: $(<out)"
expect_status 0 detach lossy
[ ! -s out ] && [ ! -s err ]
"$vhdx" check /dev/mapper/back
# Readers get along on a device, too.
"$vhdx" attach -r /dev/mapper/back first >out
"$vhdx" attach -r /dev/mapper/back second >out
"$vhdx" check --quiet /dev/mapper/back
expect_status 1 attach /dev/mapper/back third
expect_output "in use by the mapping '(first|second)'"
cmp /dev/mapper/first /dev/mapper/second
expect_status 1 detach /dev/mapper/back
expect_output "attached as '(first|second)', '(first|second)': name the one you mean"
expect_status 0 detach first second
unmap back

# --- names ------------------------------------------------------------------

for n in 63 64 65 123; do
	name=$(printf "%0${n}d" 0)
	"$vhdx" create --size 16M "$name.vhdx"
	"$vhdx" attach "$name.vhdx" >out
	[ "$(basename "$(<out)" | tr -d '\n' | wc -c)" -le 64 ]
	expect_status 0 detach "$name.vhdx"
	nothing_left
done
# Checkpoints: equal at first.
head=$(printf '%070d' 0)
for tail in a b; do
	"$vhdx" create --size 16M "$head$tail.vhdx"
	"$vhdx" attach "./$head$tail.vhdx" >"name.$tail"
done
cmp -s name.a name.b && fail 'two files, one name'
grep -qE '^/dev/mapper/0{55}-[0-9a-f]{8}$' name.a || fail "$(<name.a)"
"$vhdx" detach "$head"[ab].vhdx
nothing_left
# The same name the next time.
"$vhdx" attach "${head}a.vhdx" | cmp - name.a
expect_status 0 detach "$(<name.a)"

# --- several, all -----------------------------------------------------------

for name in one two three; do
	"$vhdx" create --size 16M $name
	"$vhdx" attach $name >out
done
expect_status 1 detach one missing two
expect_output '^vhdx: missing: not attached'
[ "$(dmsetup ls | cut -f1)" = three ] || fail "the others are to go: $(dmsetup ls)"
"$vhdx" attach one >out
# An image on another one's disk.
"$vhdx" create --size 8M --block-size 1M /dev/mapper/three
"$vhdx" attach /dev/mapper/three inner >out
expect_status 0 detach --all
nothing_left
expect_status 0 detach --all
expect_status 2 detach --all one
expect_status 2 detach
expect_output 'NAME is missing'

# --- in use -----------------------------------------------------------------

"$vhdx" attach one >out
tail -f /dev/null 9</dev/mapper/one &
pid=$!
at_exit end_process $pid
expect_status 1 detach one
expect_output "^vhdx: one: in use by process $pid \(tail\): end that first"
[ -e /dev/mapper/one ]
dmsetup info one | grep -q 'State: *ACTIVE' || fail 'a refused detach has suspended it'
kill $pid
wait $pid || :
mke2fs -q -F /dev/mapper/one
mkdir 'mount point'
mount /dev/mapper/one 'mount point'
expect_status 1 detach one
expect_output "^vhdx: one: in use by the file system mounted on '$PWD/mount point': unmount it first"
umount 'mount point'
expect_status 0 detach one

# --- a signal between any two steps: attached and well, or not at all ---------

for delay in 0 0.005 0.01 0.02 0.04 0.08; do
	"$vhdx" attach one >out
	"$vhdx" detach one >out 2>err &
	pid=$!
	sleep $delay
	kill -TERM $pid 2>/dev/null || :
	wait $pid || :
	if [ -e /dev/mapper/one ]; then
		dmsetup info one | grep -q 'State: *ACTIVE' || fail "left suspended after $delay s"
		"$vhdx" detach one
	fi
	nothing_left
done

# --- the image was deleted, moved or wiped meanwhile --------------------------

for what in 'rm one' 'mv two moved' 'truncate -s 0 three'; do
	file=${what##* }
	[ "$file" != moved ] || file=two
	"$vhdx" attach "$file" >out
	$what
	expect_status 0 detach "$file"
	nothing_left
	case $what in
	rm*) expect_output "^vhdx: $PWD/one: note: deleted, moved or replaced" ;;
	mv*) expect_no_output . ;;
	*) expect_output "^vhdx: $PWD/three: note: detached, but what the file holds now is no intact image" ;;
	esac
	expect_no_output 'check the name|restore'
done
"$vhdx" check moved
