# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx convert" of qcow2 images asks qemu-nbd for several parts at a time: answers come in any order, and
# one of them may be an error. A server of ours takes its place, which waits for as many requests as
# there may be.
. "$VHDX_TOP/tests/lib/tool.sh"
command -v qemu-img >/dev/null || skip 'no qemu-img'

seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"
mkdir bin
cat >bin/qemu-nbd <<'EOP'
#!/usr/bin/env python3
import os, random, select, socket, struct, sys, time
path = sys.argv[sys.argv.index('--socket') + 1]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
if os.fork():
    sys.exit()
os.dup2(os.open('/dev/null', os.O_RDWR), 1)
dice = random.Random(os.environ['SEED'])
raw = open(os.environ['RAW'], 'rb').read()
conn = listener.accept()[0]


def take(count):
    data = b''
    while len(data) < count:
        more = conn.recv(count - len(data))
        if not more:
            sys.exit()
        data += more
    return data


conn.sendall(b'NBDMAGICIHAVEOPT' + struct.pack('>H', 3))
take(4)
_, option, length = struct.unpack('>QII', take(16))
take(length)
magic = 0x3e889045565a9
conn.sendall(struct.pack('>QIII', magic, option, 3, 12) + struct.pack('>HQH', 0, len(raw), 3))
conn.sendall(struct.pack('>QIII', magic, option, 1, 0))
waiting, most, asked = [], 0, 0
while True:
    if not waiting or (len(waiting) < 16 and select.select([conn], [], [], 0.02)[0]):
        _, _, kind, cookie, off, length = struct.unpack('>IHHQQI', take(28))
        if kind == 2:
            break
        asked += 1
        waiting.append((cookie, off, length, asked))
        most = max(most, len(waiting))
        with open('most', 'w') as f:
            f.write(str(most))
        continue
    cookie, off, length, number = waiting.pop(dice.randrange(len(waiting)))
    error = 5 if number == int(os.environ.get('FAIL', 0)) else 0
    conn.sendall(struct.pack('>IIQ', 0x67446698, error, cookie) + (b'' if error else raw[off:off + length]))
# The image is in use until this has ended.
conn.close()
time.sleep(1)
open('ended', 'w')
EOP
chmod +x bin/qemu-nbd
python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(int(sys.argv[1])).randbytes(15 << 20))' "$seed" >raw
dd if=/dev/zero of=raw bs=1M seek=9 count=3 conv=notrunc status=none
qemu-img convert -f raw -O qcow2 raw a.qcow2
export RAW=raw SEED=$seed
PATH=$PWD/bin:$PATH
for to in raw vhdx vhd; do
	rm -f most ended
	expect_status 0 convert --force a.qcow2 b.$to
	[ -e ended ] || fail 'the image is still in use'
	[ "$(<most)" -gt 4 ] || fail "$(<most) at a time"
	[ $to = raw ] || "$vhdx" convert --force b.$to b.raw
	cmp b.raw raw
done
rm b.*
for number in 1 7 11; do
	FAIL=$number expect_status 1 convert a.qcow2 b.vhdx
	expect_output '^vhdx: a.qcow2: cannot read: Input/output error'
	[ ! -e b.vhdx ]
done

# What qemu-nbd has written is synced when that has ended, and only then does it get its name.
cat >order.c <<'EOC'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

static void told(const char *what)
{
	char line[64];
	int fd = open(ORDER, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	int n = snprintf(line, sizeof(line), "%s %s\n", program_invocation_short_name, what);

	if (fd < 0 || write(fd, line, n) != n)
		_exit(99);
	close(fd);
}

int fsync(int fd)
{
	int (*next)(int) = dlsym(RTLD_NEXT, "fsync");
	struct stat st;

	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		told("sync");
	return next(fd);
}

int renameat2(int from, const char *old, int to, const char *new, unsigned int flags)
{
	int (*next)(int, const char *, int, const char *, unsigned int) = dlsym(RTLD_NEXT, "renameat2");

	told("name");
	return next(from, old, to, new, flags);
}

static void __attribute__((destructor)) ended(void)
{
	told("end");
}
EOC
cc -shared -fPIC -DORDER="\"$PWD/order\"" -o order.so order.c
PATH=${PATH#"$PWD/bin:"}
LD_PRELOAD=$PWD/order.so "$vhdx" convert --to qcow2 raw c.qcow2
[ "$(tail -n 4 order | tr '\n' ,)" = 'qemu-nbd end,vhdx sync,vhdx name,vhdx end,' ] || fail "$(cat order)"
qemu-img compare -f raw -F qcow2 raw c.qcow2
