#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""mkvhd - write VHD images, good and bad ones

  mkvhd.py cases [--thin] DIR
                  write an image for each malformed case of Documentation/on-disk.md that is about
                  VHD (93 to 119, as far as one image shows them), and DIR/cases.tsv; with
                  --thin next to nothing is in the blocks, as seeds for fuzzers

cases.tsv is that of mkvhdx.py; the names of faults are in kmod/format/vhd-fault.h.  Blocks that are
not present, and sectors whose bit is not set, count as zeros, also in a differencing image.

As a module: Image holds the layout and contents of one image, every part of which can be changed
before it is written.  It only writes: nothing here reads an image.
"""

import argparse
import dataclasses
import hashlib
import os
import struct
import sys

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
SECTOR = 512
U32 = (1 << 32) - 1
U64 = (1 << 64) - 1
FIXED, DYNAMIC, DIFFERENCING = 2, 3, 4
CHS_MAX = (65535, 16, 255)


def checksum(data):
    """Ones' complement of the sum of the bytes, those of the checksum being zero."""
    return ~sum(data) & U32


THIN = False


def content(tag, size):
    """Bytes that no other tag has."""
    return hashlib.shake_128(str(tag).encode()).digest(min(size, 64) if THIN else size).ljust(size, b'\0')


@dataclasses.dataclass
class Footer:
    current: int
    type: int = DYNAMIC
    cookie: bytes = b'conectix'
    features: int = 2
    version: int = 0x10000
    data_offset: int = 512
    timestamp: int = 0x2a000000
    app: bytes = b'win '
    app_version: int = 0xa0000
    os: bytes = b'Wi2k'
    original: int = None
    chs: tuple = (60, 4, 17)
    id: bytes = bytes(range(16))
    saved: int = 0
    reserved: bytes = b''
    damage: int = 0             # flips bits of the checksum

    def encode(self):
        original = self.current if self.original is None else self.original
        head = struct.pack('>8sIIQI4sI4sQQHBBI', self.cookie, self.features, self.version,
                           self.data_offset & U64, self.timestamp, self.app, self.app_version,
                           self.os, original, self.current, *self.chs, self.type)
        rest = (self.id + bytes([self.saved]) + self.reserved).ljust(444, b'\0')
        return head + struct.pack('>I', checksum(head + rest) ^ self.damage) + rest


@dataclasses.dataclass
class Locator:
    code: bytes
    data: bytes
    space: int = 512
    length: int = None
    off: int = None             # None: behind the BAT

    def encode(self):
        length = len(self.data) if self.length is None else self.length
        return struct.pack('>4sIIIQ', self.code, self.space, length, 0, self.off & U64)


@dataclasses.dataclass
class Header:
    entries: int
    block: int
    cookie: bytes = b'cxsparse'
    table: int = 1536
    version: int = 0x10000
    parent_id: bytes = bytes(16)
    parent_time: int = 0
    parent_name: bytes = b''
    locators: list = dataclasses.field(default_factory=list)
    damage: int = 0

    def encode(self):
        head = struct.pack('>8sQQIII', self.cookie, U64, self.table & U64, self.version,
                           self.entries, self.block)
        rest = struct.pack('>16sII512s', self.parent_id, self.parent_time, 0, self.parent_name)
        rest += b''.join(locator.encode() for locator in self.locators)
        rest = rest.ljust(1024 - 40, b'\0')
        return head + struct.pack('>I', checksum(head + rest) ^ self.damage) + rest


@dataclasses.dataclass
class Block:
    data: bytes = None          # None: whatever its number gives
    bits: list = None           # ranges of sectors that are there; None: all
    sector: int = None          # where; None: the next free place
    stale: bytes = b''          # what the file holds under clear bits


class Image:
    """Everything about one image; change what you like, then write()."""

    def __init__(self, size=7 * 64 * KIB - 5 * SECTOR, block=64 * KIB, type=DYNAMIC, blocks=None):
        self.size = size
        self.block = block
        fixed = type == FIXED
        self.footer = Footer(size, type, data_offset=U64 if fixed else 512)
        self.copy = None            # None: as the footer; b'' or bytes: these
        self.tail = None            # the same, at the end
        self.header = Header((size + block - 1) // block, block)
        self.blocks = {} if fixed or type == DIFFERENCING else {
            4: Block(), 0: Block(bits=[(0, 1), (3, 8), (9, 64), (65, 128)]), 6: Block()}
        if blocks is not None:
            self.blocks = blocks
        self.raw = {}               # block: its BAT entry
        self.padding = b''
        self.batmap = None          # bytes
        self.batmap_damage = 0
        self.gap = 0                # bytes between the blocks and the footer
        self.file_bytes = None
        self.begin = None
        self.patches = []           # (offset, bytes), last of all

    def bitmap_bytes(self):
        return max(SECTOR, self.block // 4096)

    def first(self):
        """Where the blocks begin, in sectors; stays what it was the first time."""
        if self.begin is not None:
            return self.begin
        end = self.header.table + (self.header.entries * 4 + SECTOR - 1) // SECTOR * SECTOR
        for locator in self.header.locators:
            if locator.off is None:
                locator.off = end
                end += (len(locator.data) + SECTOR - 1) // SECTOR * SECTOR
        if self.batmap is not None:
            end += SECTOR + len(self.batmap)
        self.begin = end // SECTOR
        return self.begin

    def bitmap(self, block):
        bits = bytearray(self.bitmap_bytes())
        for first, end in [(0, self.block // SECTOR)] if block.bits is None else block.bits:
            for sector in range(first, end):
                bits[sector // 8] |= 0x80 >> sector % 8
        return bytes(bits)

    def block_pieces(self, block):
        """(offset, bytes) of one block."""
        off = block.sector * SECTOR
        body = bytearray(block.stale.ljust(self.block, b'\0'))
        for first, end in [(0, self.block // SECTOR)] if block.bits is None else block.bits:
            body[first * SECTOR:end * SECTOR] = block.data[first * SECTOR:end * SECTOR]
        return [(off, self.bitmap(block)), (off + self.bitmap_bytes(), bytes(body))]

    def place(self):
        """Gives all blocks their places and contents; where the last one ends, in bytes."""
        total = (self.bitmap_bytes() + self.block) // SECTOR
        free = self.first()
        for number, block in self.blocks.items():
            if block.data is None:
                block.data = content(number, self.block)
            if block.sector is None:
                block.sector = free
            free = max(free, block.sector + total)
        return free * SECTOR

    def batmap_pieces(self):
        off = self.header.table + (self.header.entries * 4 + SECTOR - 1) // SECTOR * SECTOR
        head = struct.pack('>8sQIII', b'tdbatmap', off + SECTOR, len(self.batmap) // SECTOR, 0x10002,
                           checksum(self.batmap) ^ self.batmap_damage)
        return [(off, head.ljust(SECTOR, b'\0')), (off + SECTOR, self.batmap)]

    def pieces(self):
        footer = self.footer.encode()
        if self.footer.type == FIXED:
            body = self.blocks.get(0, Block(content('fixed', self.size))).data
            pieces = [(0, body)]
            end = max(len(body), self.size if self.size < 1 << 40 else 0)
        else:
            end = self.place() + self.gap
            pieces = [(0, footer if self.copy is None else self.copy)]
            if self.footer.data_offset < 1 << 40:
                pieces.append((self.footer.data_offset, self.header.encode()))
            raw = {number: block.sector for number, block in self.blocks.items()}
            raw.update(self.raw)
            # What is absurd is not written in full.
            entries = self.header.entries if self.header.entries < 1 << 21 else 128
            table = bytearray(b'\xff' * (entries * 4))
            for number, sector in raw.items():
                if number * 4 < len(table):
                    struct.pack_into('>I', table, number * 4, sector)
            if self.header.table < 1 << 40:
                pieces.append((self.header.table, bytes(table) + self.padding))
            pieces += [(locator.off, locator.data) for locator in self.header.locators
                       if locator.off < 1 << 40]
            if self.batmap is not None:
                pieces += self.batmap_pieces()
            for block in self.blocks.values():
                pieces += self.block_pieces(block)
        pieces.append((end, footer if self.tail is None else self.tail))
        return pieces + self.patches

    def write(self, path):
        with open(path, 'wb') as file:
            for off, data in self.pieces():
                file.seek(off)
                file.write(data)
            if self.file_bytes is not None:
                file.truncate(self.file_bytes)
        return os.path.getsize(path)

    def disk(self, size=None):
        """What the disk reads as: length and sha256."""
        size = self.size if size is None else size
        raw = bytearray(size)
        if self.footer.type == FIXED:
            raw[:] = self.blocks.get(0, Block(content('fixed', self.size))).data[:size]
        else:
            self.place()
            for number, block in self.blocks.items():
                for first, end in [(0, self.block // SECTOR)] if block.bits is None else block.bits:
                    at = number * self.block + first * SECTOR
                    part = block.data[first * SECTOR:end * SECTOR][:max(0, size - at)]
                    raw[at:at + len(part)] = part
        return size, hashlib.sha256(raw).hexdigest()


class Cases:
    def __init__(self, directory):
        self.directory = directory
        self.lines = []

    def add(self, number, name, image, rw, ro=None, size=None):
        """rw, ro: 'ok', or errno and fault; ro is like rw unless it is given."""
        file = f'{number if isinstance(number, str) else "%03d" % number}-{name}.vhd'
        image.write(os.path.join(self.directory, file))
        for mode, result in (('rw', rw), ('ro', ro)):
            if result is None:
                continue
            error, _, fault = result.partition(' ')
            length, sha = image.disk(size) if result == 'ok' and image.size <= 64 * MIB else ('-', '-')
            self.lines.append((str(number).zfill(3), file, '0', mode, error, fault or '-',
                               str(length), sha))

    def ok(self, number, name, image, **more):
        self.add(number, name, image, 'ok', **more)

    def refuse(self, number, name, image, fault, error='EINVAL'):
        self.add(number, name, image, f'{error} {fault}')

    def write(self):
        with open(os.path.join(self.directory, 'cases.tsv'), 'w', encoding='ascii') as file:
            for line in self.lines:
                file.write('\t'.join(line) + '\n')


def changed(**changes):
    """An image whose footer is changed."""
    image = Image()
    image.footer = dataclasses.replace(image.footer, **changes)
    return image


def fixed(size=100 * KIB, **changes):
    image = Image(size, type=FIXED)
    image.footer = dataclasses.replace(image.footer, **changes)
    return image


def headed(**changes):
    """An image whose header is changed."""
    image = Image()
    image.header = dataclasses.replace(image.header, **changes)
    return image


def good_images(cases):
    cases.ok(0, 'dynamic', Image())
    cases.ok(0, 'fixed', fixed())
    cases.ok(0, 'empty', Image(blocks={}))
    cases.ok(0, '2M', Image(5 * MIB, 2 * MIB, blocks={1: Block(), 2: Block()}))
    cases.ok(0, '512K', Image(5 * MIB, 512 * KIB, blocks={1: Block(bits=[(7, 9), (1000, 1024)])}))
    cases.ok(0, '4K', Image(64 * KIB, 4 * KIB, blocks={3: Block(), 15: Block(), 1: Block(bits=[(2, 5)])}))
    cases.ok(0, '16M', Image(20 * MIB, 16 * MIB, blocks={1: Block(content('16M', 4 * MIB).ljust(16 * MIB, b'\0'))}))
    image = Image()
    image.gap = 12345 * SECTOR
    cases.ok(0, 'gap', image)
    image = changed(app=b'tap\0')
    image.batmap = bytes([0x0a]).ljust(SECTOR, b'\0')
    cases.ok(0, 'batmap', image)
    image = Image(type=DIFFERENCING, blocks={2: Block(bits=[(1, 9)])})
    image.header.locators = [Locator(b'W2ku', 'C:\\p.vhd'.encode('utf-16-le')),
                             Locator(b'W2ru', '.\\p.vhd'.encode('utf-16-le'))]
    cases.ok(0, 'child', image)


def footer_cases(cases):
    """93 to 102, 116, 117, 119."""
    image = Image()
    image.tail = Footer(image.size, damage=1).encode()
    cases.ok(93, 'tail-damaged', image)
    image = Image()
    image.tail = b''
    cases.ok(93, 'tail-missing', image)
    image = fixed(100 * KIB)
    image.blocks = {0: Block(Image().footer.encode() + content('guest', 100 * KIB - SECTOR))}
    cases.ok(94, 'footer-inside', image)
    image = Image(type=FIXED)
    image.patches = [(0, image.footer.encode())]
    image.tail = b''
    cases.refuse(95, 'copy-of-fixed', image, 'VHD_FIXED_CUT')
    image = changed(damage=1)
    cases.refuse(96, 'both-damaged', image, 'VHD_NO_FOOTER')
    image = Image()
    image.copy = b'conectix'.ljust(SECTOR, b'\0')
    image.tail = b''
    cases.refuse(96, 'raw-disk', image, 'VHD_NO_FOOTER')
    image = Image()
    image.copy = dataclasses.replace(image.footer, current=64 * KIB).encode()
    cases.ok(96, 'differ', image)
    image = Image()
    image.copy = bytes(SECTOR)
    cases.ok(96, 'copy-missing', image)
    image = Image()
    image.tail = b''
    image.file_bytes = 300
    cases.refuse(96, 'too-short', image, 'VHD_NO_FOOTER')
    for name, image in (('dynamic', Image()), ('fixed', fixed())):
        image.tail = image.footer.encode()[:-1]
        cases.add(97, f'short-{name}', image, 'EOPNOTSUPP VHD_SHORT', 'ok')
    cases.refuse(98, 'version-2', changed(version=0x20000), 'VHD_VERSION', 'EOPNOTSUPP')
    cases.ok(98, 'version-1.7', changed(version=0x10007))
    for kind in (0, 1, 5, 6, 7, U32):
        cases.refuse(98, f'type-{kind}', changed(type=kind), 'VHD_TYPE')
    image = fixed()
    image.footer.current += SECTOR
    cases.refuse(99, 'fixed-cut', image, 'VHD_DISK_CUT')
    image = fixed()
    image.footer.current += 77
    cases.ok('D12', 'odd-size', image)
    image = fixed(app=b'vpc ', chs=(2, 2, 17))
    image.footer.current += SECTOR
    cases.refuse(99, 'fixed-cut-chs', image, 'VHD_DISK_CUT')
    cases.refuse(99, 'no-size', changed(current=0), 'VHD_SIZE')


def size_cases(cases):
    """100 to 102, and decision 12."""
    size = Image().size
    chs = (12, 4, 17)
    for app in (b'vpc ', b'qemu'):
        name = app.decode().strip()
        cases.ok(100, f'{name}-smaller', changed(app=app, chs=chs), size=12 * 4 * 17 * SECTOR)
        cases.ok(100, f'{name}-larger', changed(app=app, chs=(1000, 16, 63)), size=size)
        cases.ok(100, f'{name}-largest', changed(app=app, chs=CHS_MAX), size=size)
    for app in (b'win ', b'qem2', b'd2v ', b'tap\0', b'CTXS', b'wa\0\0', b'vs  ', bytes(4)):
        cases.ok(100, f'current-{app.hex()}', changed(app=app, chs=chs), size=size)
    for chs in ((0, 4, 17), (12, 0, 17), (12, 4, 0)):
        cases.ok(101, 'chs-%d-%d-%d' % chs, changed(app=b'vpc ', chs=chs), size=size)
        cases.refuse(101, 'nothing-%d-%d-%d' % chs, changed(app=b'vpc ', chs=chs, current=0), 'VHD_SIZE')
    cases.ok(101, 'chs-only', changed(app=b'vpc ', chs=(12, 4, 17), current=0), size=12 * 4 * 17 * SECTOR)
    most = 0xff000000 * SECTOR
    image = Image(most, 2 * MIB, blocks={})
    cases.ok(102, 'largest', image)
    for name, more in (('more', SECTOR), ('far', 1 << 50), ('max', U64 - most)):
        image = Image(most, 2 * MIB, blocks={})
        image.header.entries = 7
        image.footer.current = most + more
        cases.refuse(102, name, image, 'VHD_HUGE', 'EFBIG')
    cases.ok(116, 'saved', changed(saved=1))
    cases.ok(117, 'features', changed(features=0))
    cases.ok(117, 'reserved', changed(reserved=b'\1' + bytes(400) + b'\1'))
    cases.refuse(119, 'poison', changed(cookie=b'v_poison'), 'VHD_POISON', 'EBUSY')
    image = changed()
    image.tail = dataclasses.replace(image.footer, cookie=b'v_poison').encode()
    cases.refuse(119, 'poison-tail', image, 'VHD_POISON', 'EBUSY')


def header_cases(cases):
    """103 to 107."""
    for name, off in (('none', U64), ('unaligned', 513), ('copy', 0), ('far', 1 << 50)):
        image = changed(data_offset=off)
        if off > 1 << 40:
            image.patches = [(0, image.footer.encode())]
        cases.refuse(103, name, image, 'VHD_HEADER_OFFSET')
    image = changed()
    image.footer.data_offset = image.place() - SECTOR
    cases.refuse(103, 'cut', image, 'VHD_HEADER_OFFSET')
    cases.refuse(104, 'cookie', headed(cookie=b'cxsparsf'), 'VHD_HEADER')
    cases.refuse(104, 'checksum', headed(damage=0x100), 'VHD_HEADER')
    cases.refuse(104, 'version', headed(version=0x20000), 'VHD_HEADER_VERSION', 'EOPNOTSUPP')
    for block in (0, 1, 256, 512, 2048, 96 * KIB, 512 * MIB, 1 << 31):
        cases.refuse(105, f'block-{block}', headed(block=block), 'VHD_BLOCK_SIZE')
    image = Image(0xff000000 * SECTOR, 2 * MIB, blocks={})
    image.header.block = 4 * KIB
    image.header.entries = 7
    cases.refuse(105, 'too-many', image, 'VHD_BLOCK_COUNT', 'EFBIG')
    cases.refuse(106, 'few', headed(entries=6), 'VHD_TABLE_SHORT')
    cases.refuse(106, 'none', headed(entries=0), 'VHD_TABLE_SHORT')
    cases.ok(106, 'more', headed(entries=700))
    for name, entries in (('huge', U32), ('far', 1 << 24)):
        image = Image()
        image.place()
        image.header.entries = entries
        cases.refuse(106, name, image, 'VHD_TABLE_RANGE')
    for name, off, fault in (('unaligned', 1537, 'OFFSET'), ('copy', 0, 'OFFSET'), ('header', 1024, 'OFFSET'),
                             ('over-header', 512, 'OFFSET'), ('far', 1 << 50, 'RANGE'),
                             ('max', U64 - 511, 'RANGE')):
        image = Image()
        image.place()
        image.header.table = off
        pieces = image.pieces()
        # The header again, over a BAT that is written into it.
        image.patches = [pieces[0], pieces[1]]
        cases.refuse(107, name, image, f'VHD_TABLE_{fault}')


def bat_cases(cases):
    """108 to 114."""
    for number, name, sector in ((111, 'zero', 0), (108, 'header', 1), (108, 'bat', 3)):
        image = Image()
        image.raw = {5: sector}
        cases.refuse(number, name, image, 'VHD_BAT_TABLES')
    image = Image(type=DIFFERENCING, blocks={})
    image.header.locators = [Locator(b'W2ku', 'C:\\p.vhd'.encode('utf-16-le'))]
    image.blocks = {2: Block(sector=image.first() - 1)}
    image.patches = [(0, image.footer.encode())]
    cases.refuse(108, 'locator', image, 'VHD_BAT_TABLES')
    image = changed(app=b'tap\0')
    image.batmap = bytes(SECTOR)
    image.raw = {5: image.first() - 1}
    cases.refuse(108, 'batmap', image, 'VHD_BAT_TABLES')
    total = 129
    end = Image().place() // SECTOR
    for name, sector in (('one-more', end - total + 1), ('end', end), ('far', U32 - 1)):
        image = Image(blocks={0: Block()})
        image.gap = (end * SECTOR) - image.place()
        image.raw = {5: sector}
        cases.refuse(109, name, image, 'VHD_BAT_RANGE')
    image = Image()
    image.blocks[6].data = content(6, 64 * KIB - SECTOR) + bytes(SECTOR)
    image.tail = b''
    cases.ok(109, 'over-lost-footer', image)
    first = Image().first()
    for name, sector in (('same', first), ('one-before', first + total - 1), ('one-behind', first + 1),
                         ('between', first + total - 50)):
        image = Image()
        image.raw = {5: sector}
        cases.refuse(110, name, image, 'VHD_BAT_OVERLAP')
    image = Image()
    image.padding = bytes(512 - 28)
    cases.ok(112, 'padding', image)
    image = Image()
    image.blocks[0].stale = content('stale', 64 * KIB)
    cases.ok(113, 'stale', image)
    image = Image(type=DIFFERENCING, blocks={2: Block()})
    path = 'C:\\p.vhd'.encode('utf-16-le')
    image.header.locators = [Locator(b'W2ku', path, off=1 << 50), Locator(b'W2ru', path, length=513),
                             Locator(b'MacX', path, space=513), Locator(b'W2ku', path, off=U64)]
    cases.ok(114, 'unusable', image)
    # Case 118 has no sign of its own: the rest of the blocks is elsewhere.
    image = Image()
    image.place()
    image.file_bytes = image.first() * SECTOR + 70 * KIB
    cases.refuse(118, 'first-part', image, 'VHD_BAT_RANGE')


def write_cases(directory):
    os.makedirs(directory, exist_ok=True)
    cases = Cases(directory)
    good_images(cases)
    footer_cases(cases)
    size_cases(cases)
    header_cases(cases)
    bat_cases(cases)
    cases.write()


def main():
    parser = argparse.ArgumentParser(description='Write VHD images, good and bad ones.')
    commands = parser.add_subparsers(dest='command', required=True)
    command = commands.add_parser('cases', help='an image for each malformed case')
    command.add_argument('--thin', action='store_true')
    command.add_argument('directory')
    args = parser.parse_args()
    global THIN
    THIN = args.thin
    write_cases(args.directory)


if __name__ == '__main__':
    sys.exit(main())
