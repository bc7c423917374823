# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# With a standard descriptor closed, the next file opened gets its number: messages must not end up
# in an image, nor may what cannot be written go unnoticed.
. "$VHDX_TOP/tests/lib/tool.sh"

# closed FD ARG...: the tool with that descriptor closed
closed()
{
	local fd=$1

	shift
	(
		eval "exec $fd>&-"
		exec "$vhdx" "$@"
	) >out 2>err
}

mkvhdx cases cases
cp cases/013-at-1M.vhdx nolog		# "replay" complains
cp cases/071-three-entries.vhdx dirty	# "check" reports
sums=$(sha256sum nolog dirty)
for fd in 0 1 2; do
	for file in nolog dirty; do
		for command in info map check; do
			closed $fd $command $file || :
		done
		closed $fd create --size 1M $file && fail "$file existed"
	done
	closed $fd replay nolog && fail 'there is no log to replay'
	[ "$sums" = "$(sha256sum nolog dirty)" ] || fail "an image was written with descriptor $fd closed"

	# The repair writes the image, and nothing else does.
	cp dirty repaired
	closed $fd check --repair repaired || :
	expect_status 0 check repaired
	closed $fd create --size 8M new$fd
	expect_status 0 check new$fd
done

for command in 'info dirty' 'map dirty' 'help' 'help info' 'info --help' '--version'; do
	# shellcheck disable=SC2086 # words
	closed 1 $command && fail "nothing noticed without an output: $command"
	# shellcheck disable=SC2086
	"$vhdx" $command >/dev/full 2>err && fail "nothing noticed on a full device: $command"
done
# Not "repaired", nor "errors left": the report is lost.
for file in new0 dirty; do
	for json in '' --json; do
		status=0
		# shellcheck disable=SC2086 # none or one word
		"$vhdx" check $json $file >/dev/full 2>err || status=$?
		[ $status = 8 ] || fail "check $json $file: status $status without its report"
	done
done
