# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# "vhdx convert" of a source that is written to meanwhile; and "--continue" with options that another run
# did not have.
. "$VHDX_TOP/tests/lib/tool.sh"

fault=$VHDX_TOP/build/write-fault.so

# --- written to, or cut ------------------------------------------------------------------

head -c 4M /dev/urandom >a.raw
"$vhdx" convert -O vhdx -b 1M a.raw a.vhdx
for change in 'truncate -s 1M' 'truncate -s 5M' touch; do
	for from in a.raw a.vhdx; do
		for args in '-O vhdx -b 1M' '-O vhd -b 64K' '-O raw' '-O vhd -t fixed'; do
			rm -f s b
			cp $from s
			# shellcheck disable=SC2086 # words
			WRITE_STOP=1 WRITE_FAULT=1 LD_PRELOAD=$fault "$vhdx" convert $args s b >out 2>err &
			pid=$!
			until [ "$(cut -d ' ' -f 3 /proc/$pid/stat)" = T ]; do sleep 0.01; done
			$change s
			kill -CONT $pid
			status=0
			wait $pid || status=$?
			[ $status = 1 ] || fail "$change, $args: status $status"
			expect_output 's: has changed while it was read'
			[ ! -e b ] || fail "$change, $args: the target is there"
		done
	done
done
rm -f s a.raw

# --- other blocks than before ---------------------------------------------------------------

# Zeros behind what is saved: with --no-sparse they get blocks, whose entries are written.
python3 - <<-'EOP'
	import random
	data = random.Random(1).randbytes(1 << 20)
	with open('a.raw', 'wb') as f:
	    f.truncate(340 << 20)
	    for i in (*range(264), *range(264, 340, 4)):
	        f.seek(i << 20)
	        f.write(i.to_bytes(8, 'little') + data[8:1 << 20 if i < 264 else 1 << 17])
EOP
for args in '-O vhd -b 64K' '-O vhdx -b 1M'; do
	rm -f b c.raw .b*
	# It is saved behind 256 MiB, and killed some blocks behind that.
	calls=9000
	[[ $args != *vhdx* ]] || calls=320
	status=0
	# shellcheck disable=SC2086 # words
	WRITE_FAULT=$calls LD_PRELOAD=$fault "$vhdx" convert --continue --no-sparse $args a.raw b >out 2>err || status=$?
	[ $status = 137 ] || fail "$args: status $status: $(<err)"
	[ -e .b.vhdx-convert.state ] || fail "$args: nothing was saved"
	# shellcheck disable=SC2086 # words
	expect_status 0 convert --continue $args a.raw b
	expect_output 'going on where the last run has stopped'
	"$vhdx" check --quiet b || fail "$args: $("$vhdx" check b)"
	"$vhdx" convert b c.raw
	cmp a.raw c.raw
done
rm -f a.raw b c.raw

# --- what does not say that it has changed ------------------------------------------------------

if command -v qemu-img >/dev/null && command -v qemu-nbd >/dev/null; then
	head -c 1M /dev/urandom >base.raw
	qemu-img create -q -f qcow2 -b base.raw -F raw top.qcow2
	expect_status 1 convert --continue top.qcow2 b.raw
	expect_output 'top.qcow2: has its data in other files, too'
	qemu-img create -q -f qcow2 -o data_file=data.raw,data_file_raw=on top.qcow2 1M
	expect_status 1 convert --continue top.qcow2 b.raw
	expect_output 'top.qcow2: has its data in other files, too'
	[ ! -e b.raw ]
	qemu-img create -q -f qcow2 top.qcow2 1M
	expect_status 0 convert --continue top.qcow2 b.raw
else
	note 'no programs of qemu'
fi

# --- a link that leads nowhere is told before anything is copied ----------------------------------

head -c 1M /dev/urandom >a.raw
ln -s nowhere.raw link.raw
expect_status 1 convert a.raw link.raw
expect_output 'link.raw: is a symbolic link that leads nowhere'
[ ! -e nowhere.raw ]

# --- what is kept has to be one's own ------------------------------------------------------------------

head -c 1M /dev/urandom >other
sha256sum other >sums
ln other .k.raw.vhdx-convert
expect_status 1 convert --continue a.raw k.raw
expect_output 'k.raw.vhdx-convert: is in the way'
sha256sum -c --quiet sums
rm .k.raw.vhdx-convert
if [ "$(id -u)" = 0 ]; then
	touch .k.raw.vhdx-convert
	chown 12345 .k.raw.vhdx-convert
	expect_status 1 convert --continue a.raw k.raw
	expect_output 'k.raw.vhdx-convert: is in the way'
	# That of a run that was to replace a file of the same user.
	touch k.raw
	chown 12345 k.raw
	expect_status 0 convert --continue --force a.raw k.raw
	cmp a.raw k.raw
fi
