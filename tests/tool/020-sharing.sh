# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Who keeps whom from an image: readers get along, ours and QEMU's; a writer is alone.
. "$VHDX_TOP/tests/lib/tool.sh"
need qemu-img qemu-io

"$vhdx" create --size 64T --block-size 1M image
"$vhdx" create --size 64M --block-size 1M small
inode=$(stat -c %i image)

locked() { grep -q ":$inode " /proc/locks; }

# A check of that many blocks takes a while: stop it in the middle.
"$vhdx" check image >report 2>&1 &
reader=$!
at_exit end_process $reader
wait_for 20 locked
kill -STOP $reader
for command in info map check; do
	"$vhdx" $command small >out	# not that one
done
expect_status 0 info image
expect_no_output 'in use'
qemu-img info -f vhdx image >out
for command in 'replay image' 'check --repair image' 'create --force --size 1M image'; do
	# shellcheck disable=SC2086 # words
	"$vhdx" $command >out 2>err && fail "a reader is at it: vhdx $command"
	expect_output "in use by process $reader .vhdx.: end that first"
done
qemu-io -f vhdx -c 'write 0 4k' image >out 2>&1 && fail 'QEMU writes what is being read'
expect_output 'lock'
locked || fail 'the check is through: too quick for this test'
kill -CONT $reader
wait $reader

# Whoever only looks locks nothing, however long its output takes.
mkfifo pipe
exec 9<>pipe
"$vhdx" create --size 16G --block-size 1M many
python3 - <<'EOF'
import struct
with open('many', 'r+b') as f:
    f.truncate(16 << 30)
    # Every other block, in blocks of the file: a long map.
    f.seek(3 << 20)
    bat = b''.join(struct.pack('<Q', (8 + i) << 20 | 6 if i % 2 else 0) for i in range(4096))
    f.write(bat)
EOF
"$vhdx" map many >pipe 2>err &
mapper=$!
inode=$(stat -c %i many)
at_exit end_process $mapper
sleep 0.5
kill -0 $mapper || fail 'its output should be more than a pipe takes'
locked && fail 'the map holds a lock'
qemu-io -f vhdx -c 'write 0 512' many >out
cat <&9 >/dev/null &
at_exit end_process $!
wait $mapper

# QEMU writes: nobody else does, and whoever reads is told so.
coproc qemu-io -f vhdx small
qemu=$COPROC_PID
at_exit end_process "$qemu"
echo 'write -P 2 2M 512' >&"${COPROC[1]}"
read -r line <&"${COPROC[0]}"
note "$line"
expect_status 0 info small
expect_output "note: in use by process $qemu .qemu-io."
expect_status 8 check small
expect_output 'in use'
expect_status 1 replay small
expect_output 'in use'
expect_status 0 check --force small
echo quit >&"${COPROC[1]}"
wait "$qemu"
expect_status 0 check small
expect_no_output 'in use'
