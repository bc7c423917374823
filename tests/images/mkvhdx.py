#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""mkvhdx - write VHDX images, good and bad ones

  mkvhdx.py image FILE [--size BYTES] [--block-size BYTES] [--sector BYTES] [--fixed] [--dirty]
                  write one image with some contents; prints length and sha256 of the raw disk
  mkvhdx.py cases DIR
                  write an image for each malformed case of Documentation/on-disk.md (the cases
                  1 to 92 that concern fixed and dynamic images), and DIR/cases.tsv

cases.tsv has one line per expectation, with eight columns:

  case      number in the list of cases; "D7" is decision 7
  file      image, in DIR
  device    size in bytes of the backing device that holds it; 0: that of the file
  mode      rw or ro; a file without an ro line reacts to ro as to rw
  result    ok, or the errno's name
  fault     name of the fault in kmod/format/vhdx-fault.h, or -
  length    for ok: how many bytes of the disk to compare, else -
  sha256    of these bytes, else -

A file with ".device" in its name reacts in this way on a device of that size only: a file that can
grow is another matter.  Cases that need more than an image (43, 92) are not here.

As a module: Image holds the layout and contents of one image, every part of which can be changed
before it is written.  It only writes: nothing here reads an image, so that it is no second parser.
"""

import argparse
import dataclasses
import functools
import hashlib
import os
import struct
import sys
import uuid

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
TIB = 1 << 40
U32 = (1 << 32) - 1
U64 = (1 << 64) - 1
PAGE = 4096

NOT_PRESENT, UNDEFINED, ZERO, UNMAPPED, FULL, PARTIAL = 0, 1, 2, 3, 6, 7


def guid(text):
    """On-disk form of a GUID in its usual spelling."""
    return uuid.UUID(text).bytes_le


BAT_REGION = guid('2DC27766-F623-4200-9D64-115E9BFD4A08')
METADATA_REGION = guid('8B7CA206-4790-4B9A-B8FE-575F050F886E')
FILE_PARAMETERS = guid('CAA16737-FA36-4D43-B3B6-33F0AA44E76B')
DISK_SIZE = guid('2FA54224-CD1B-4876-B211-5DBED83BF4B8')
DISK_ID = guid('BECA12AB-B2E6-4523-93EF-C309E000C746')
LOGICAL_SECTOR = guid('8141BF1D-A96F-4709-BA47-F233A8FAAB5F')
PHYSICAL_SECTOR = guid('CDA348C7-445D-4471-9CC9-E9885251C556')
PARENT_LOCATOR = guid('A8D35F2D-B30B-454D-ABF7-D3D84834AB0C')
INCOMPLETE = guid('71CC85F0-1B69-4E28-9558-C3BF83AE75D3')
CHS_PARAMETERS = guid('DA02D7BC-3D3A-423C-AC88-2A36AB21479B')
PMEM_LABELS = guid('10E1AE8A-4B7E-4169-A40F-CD70DE928393')
LOCATOR_TYPE = guid('B04AEFB7-D19E-4A81-B789-25B8E9445913')
LOG = guid('4f1bcd2e-9a06-4b2c-8d35-3c1a6e7f9b50')
NULL = bytes(16)

USER, DISK, REQUIRED = 1, 2, 4


# --- CRC-32C -----------------------------------------------------------------

def _crc_table():
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82f63b78 if i & 1 else 0)
        table.append(i)
    return table


_TABLE = _crc_table()


def _apply(matrix, crc):
    result = 0
    for row in matrix:
        if crc & 1:
            result ^= row
        crc >>= 1
    return result


@functools.lru_cache(None)
def _zeros_matrix(log2):
    """What 2^log2 zero bytes do to a CRC, as a matrix over GF(2)."""
    if log2 == 0:
        return [(1 << i) >> 8 ^ _TABLE[(1 << i) & 255] for i in range(32)]
    half = _zeros_matrix(log2 - 1)
    return [_apply(half, row) for row in half]


def crc32c(data):
    """CRC-32C; zeros at the end cost next to nothing."""
    body = bytes(data).rstrip(b'\0')
    crc = U32
    for byte in body:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 255]
    zeros = len(data) - len(body)
    for log2 in range(zeros.bit_length()):
        if zeros >> log2 & 1:
            crc = _apply(_zeros_matrix(log2), crc)
    return crc ^ U32


def seal(data):
    """Put the right checksum at byte 4."""
    data = bytearray(data)
    data[4:8] = bytes(4)
    data[4:8] = struct.pack('<I', crc32c(data))
    return bytes(data)


@functools.lru_cache(None)
def content(tag, size):
    """Contents of a block: some at its start and its end, zeros between."""
    some = min(size, 16 * KIB)
    data = hashlib.shake_128(str(tag).encode()).digest(some)
    if size > 2 * some:
        data += bytes(size - some - PAGE)
        data += hashlib.shake_128(f'{tag} end'.encode()).digest(PAGE)
    return data + bytes(size - len(data))


@functools.lru_cache(None)
def _disk(length, block, contents):
    raw = bytearray(length)
    for number, data in contents:
        off = number * block
        if data and off < length:
            part = data[:length - off]
            raw[off:off + len(part)] = part
    return length, hashlib.sha256(raw).hexdigest()


# --- parts of an image -------------------------------------------------------

@dataclasses.dataclass
class Header:
    sequence: int
    file_guid: bytes = guid('11111111-2222-3333-4444-555555555555')
    data_guid: bytes = guid('66666666-7777-8888-9999-aaaaaaaaaaaa')
    log_guid: bytes = NULL
    log_version: int = 0
    version: int = 1
    log_length: int = MIB
    log_off: int = MIB
    signature: bytes = b'head'
    reserved: bytes = b''
    damage: int = 0             # flips bits of the checksum

    def encode(self):
        data = struct.pack('<4sIQ16s16s16sHHIQ', self.signature, 0, self.sequence, self.file_guid,
                           self.data_guid, self.log_guid, self.log_version, self.version,
                           self.log_length, self.log_off) + self.reserved
        data = bytearray(seal(data.ljust(PAGE, b'\0')))
        data[4] ^= self.damage
        return bytes(data)


@dataclasses.dataclass
class Region:
    guid: bytes
    off: int
    length: int = MIB
    flags: int = 0

    def encode(self):
        return struct.pack('<16sQII', self.guid, self.off, self.length, self.flags)


@dataclasses.dataclass
class RegionTable:
    regions: list
    signature: bytes = b'regi'
    count: int = None
    reserved: int = 0
    damage: int = 0

    def encode(self):
        count = len(self.regions) if self.count is None else self.count
        data = struct.pack('<4sIII', self.signature, 0, count, self.reserved)
        data += b''.join(region.encode() for region in self.regions)
        data = bytearray(seal(data.ljust(64 * KIB, b'\0')))
        data[4] ^= self.damage
        return bytes(data)


@dataclasses.dataclass
class Item:
    guid: bytes
    data: bytes
    flags: int = 0
    off: int = None             # in the region; None: behind the one before
    length: int = None          # None: that of the data
    reserved: int = 0


@dataclasses.dataclass
class Metadata:
    items: list
    signature: bytes = b'metadata'
    count: int = None
    reserved: bytes = bytes(20)

    def encode(self):
        """Pieces of the region: (offset, bytes)."""
        count = len(self.items) if self.count is None else self.count
        table = struct.pack('<8sHH20s', self.signature, 0, count, self.reserved)
        pieces = []
        free = 64 * KIB
        for item in self.items:
            length = len(item.data) if item.length is None else item.length
            off = item.off
            if off is None:
                off = free if length else 0
                free += length
            table += struct.pack('<16sIIII', item.guid, off, length, item.flags, item.reserved)
            if item.data:
                pieces.append((off, item.data))
        return [(0, table)] + pieces

    def item(self, which):
        return next(item for item in self.items if item.guid == which)


@dataclasses.dataclass
class Data:
    """Data descriptor with its sector."""
    off: int
    data: bytes
    sequence: int = None
    signature: bytes = b'desc'
    sector_signature: bytes = b'data'
    high: int = None
    low: int = None

    def descriptor(self, sequence):
        if self.sequence is not None:
            sequence = self.sequence
        return struct.pack('<4s4s8sQQ', self.signature, self.data[4092:], self.data[:8],
                           self.off & U64, sequence)

    def sector(self, sequence):
        high = sequence >> 32 if self.high is None else self.high
        low = sequence & U32 if self.low is None else self.low
        return struct.pack('<4sI4084sI', self.sector_signature, high, self.data[8:4092], low)


@dataclasses.dataclass
class Zero:
    """Zero descriptor."""
    off: int
    length: int
    sequence: int = None

    def descriptor(self, sequence):
        if self.sequence is not None:
            sequence = self.sequence
        return struct.pack('<4sIQQQ', b'zero', 0, self.length & U64, self.off & U64, sequence)


@dataclasses.dataclass
class Entry:
    """Log entry; None stands for what is right."""
    sequence: int
    changes: list
    off: int = None             # in the log; None: behind the one before
    tail: int = None            # None: the entry itself
    log_guid: bytes = LOG
    length: int = None
    count: int = None
    reserved: int = 0
    flushed: int = None
    last: int = None
    signature: bytes = b'loge'
    damage: int = 0
    torn: int = 0               # sectors at the end that are missing

    def encode(self, off, image_bytes):
        count = len(self.changes) if self.count is None else self.count
        descriptors = b''.join(c.descriptor(self.sequence) for c in self.changes)
        sectors = (64 + len(descriptors) + PAGE - 1) // PAGE
        body = descriptors.ljust(sectors * PAGE - 64, b'\0')
        body += b''.join(c.sector(self.sequence) for c in self.changes if isinstance(c, Data))
        length = 64 + len(body) if self.length is None else self.length
        flushed = image_bytes if self.flushed is None else self.flushed
        last = image_bytes if self.last is None else self.last
        head = struct.pack('<4sIIIQII16sQQ', self.signature, 0, length,
                           off if self.tail is None else self.tail, self.sequence, count,
                           self.reserved, self.log_guid, flushed, last)
        data = bytearray(seal(head + body))
        data[4] ^= self.damage
        return bytes(data[:len(data) - self.torn * PAGE])


@dataclasses.dataclass
class Block:
    state: int = FULL
    mib: int = None             # None: the next free MiB
    data: bytes = None          # None: whatever the tag gives, if the state has data
    tag: object = None
    raw: int = None             # the whole BAT entry


def _full_guid(number):
    return struct.pack('<IHH8s', number, 0x1234, 0x4567, b'unknown!')


class Image:
    """Everything about one image; change what you like, then write()."""

    def __init__(self, size=8 * MIB, block=MIB, sector=512, physical=4096, fixed=False,
                 blocks=None, log=MIB, log_length=MIB, meta=2 * MIB, meta_length=MIB,
                 bat=3 * MIB, bat_length=None, data=None, file_bytes=None):
        self.size = size
        self.block = block
        self.sector = sector
        entries = self.bat_index(max(0, (size + block - 1) // block - 1)) + 1
        if bat_length is None:
            bat_length = (entries * 8 + MIB - 1) // MIB * MIB
        self.bat = bat
        self.meta_off = meta
        self.log_off = log
        self.log_length = log_length
        ends = [log + log_length, meta + meta_length, bat + bat_length]
        self.next_mib = (max(ends) if data is None else data) // MIB
        self.file_bytes = file_bytes        # None: to the end of the last object
        self.creator = 'mkvhdx'.encode('utf-16-le')
        self.ident = b'vhdxfile'
        self.headers = [Header(1, log_off=log, log_length=log_length),
                        Header(2, log_off=log, log_length=log_length)]
        regions = [Region(METADATA_REGION, meta, meta_length, 1),
                   Region(BAT_REGION, bat, bat_length, 1)]
        self.tables = [RegionTable(regions), RegionTable(regions)]
        self.metadata = Metadata([
            Item(FILE_PARAMETERS, struct.pack('<II', block, int(fixed)), REQUIRED),
            Item(DISK_SIZE, struct.pack('<Q', size), REQUIRED | DISK),
            Item(DISK_ID, guid('bbbbbbbb-cccc-dddd-eeee-ffffffffffff'), REQUIRED | DISK),
            Item(LOGICAL_SECTOR, struct.pack('<I', sector), REQUIRED | DISK),
            Item(PHYSICAL_SECTOR, struct.pack('<I', physical), REQUIRED | DISK)])
        self.blocks = dict(blocks or {})
        self.bitmaps = {}                   # chunk: raw entry
        self.padding = {}                   # BAT index: raw entry
        self.log_entries = []
        self.after = {}                     # block: contents once the log is replayed
        self.patches = []                   # (offset, bytes), last of all
        self.ends = ends

    # Layout

    def bat_index(self, block):
        return block + block // ((self.sector << 23) // self.block or 1)

    def both_headers(self, **changes):
        self.headers = [dataclasses.replace(h, **changes) for h in self.headers]

    def both_tables(self, regions, **changes):
        self.tables = [dataclasses.replace(t, regions=regions, **changes) for t in self.tables]

    def region(self, which):
        return next(r for r in self.tables[0].regions if r.guid == which)

    def add_region(self, region):
        self.both_tables(self.tables[0].regions + [region])
        self.ends.append(region.off + region.length)
        self.next_mib = max(self.next_mib, (region.off + region.length) // MIB)

    def take(self, count):
        """The next free MiB, in numbers of them."""
        mib = self.next_mib
        self.next_mib += count
        return mib

    def place_blocks(self):
        for number, block in self.blocks.items():
            if block.mib is None:
                block.mib = 0
                if block.state in (FULL, PARTIAL):
                    block.mib = self.take(self.block // MIB)
            if block.state in (FULL, PARTIAL) and block.data is None:
                # The rest of a larger block stays a hole.
                block.data = content(block.tag or number, min(self.block, MIB))

    def end(self):
        if self.file_bytes is not None:
            return self.file_bytes
        self.place_blocks()
        ends = [MIB] + [end for end in self.ends if end < 1 << 44]
        ends += [block.mib * MIB + self.block for block in self.blocks.values()
                 if block.state in (FULL, PARTIAL) and 0 < block.mib < 1 << 24]
        return max(ends + [self.next_mib * MIB])

    # BAT

    def bat_raw(self, block):
        if block.raw is not None:
            return block.raw
        return block.mib << 20 | block.state

    def bat_entries(self):
        self.place_blocks()
        entries = {self.bat_index(n): self.bat_raw(b) for n, b in self.blocks.items()}
        per_chunk = (self.sector << 23) // self.block + 1
        entries.update({c * per_chunk + per_chunk - 1: raw for c, raw in self.bitmaps.items()})
        entries.update(self.padding)
        return entries

    def bat_sector(self, number=0, **blocks):
        """One 4 KiB sector of the BAT with some blocks changed: b3=Block(...)"""
        entries = self.bat_entries()
        for name, block in blocks.items():
            entries[self.bat_index(int(name[1:]))] = self.bat_raw(block)
        return b''.join(struct.pack('<Q', entries.get(number * 512 + i, 0)) for i in range(512))

    def bat_change(self, **blocks):
        """Log change that puts these entries into the first BAT sector."""
        return Data(self.bat, self.bat_sector(0, **blocks))

    def dirty(self, *entries, **header):
        """Give the image a log to replay."""
        self.log_entries = list(entries)
        self.both_headers(log_guid=LOG, **header)

    # Contents

    def disk(self, length):
        """Length and sha256 of the start of the raw disk, once the log is replayed."""
        self.place_blocks()
        contents = {n: b.data for n, b in self.blocks.items() if b.state == FULL}
        contents.update(self.after)
        return _disk(min(length, self.size), self.block, tuple(sorted(contents.items())))

    # Writing

    def pieces(self):
        """Everything to write: (offset, bytes)."""
        self.place_blocks()
        yield 0, self.ident + self.creator
        for slot in range(2):
            yield (64 + 64 * slot) * KIB, self.headers[slot].encode()
            yield (192 + 64 * slot) * KIB, self.tables[slot].encode()
        for off, data in self.metadata.encode():
            yield self.meta_off + off, data
        for index, raw in self.bat_entries().items():
            yield self.bat + index * 8, struct.pack('<Q', raw)
        for block in self.blocks.values():
            if block.data and block.mib and block.mib < 1 << 24:
                yield block.mib * MIB, block.data
        off = 0
        for entry in self.log_entries:
            off = off if entry.off is None else entry.off
            data = entry.encode(off, self.end())
            for i in range(0, len(data), PAGE):
                yield self.log_off + (off + i) % self.log_length, data[i:i + PAGE]
            off = (off + len(data) + entry.torn * PAGE) % self.log_length
        yield from self.patches

    def write(self, path):
        end = self.end()
        with open(path, 'wb') as file:
            for off, data in self.pieces():
                # Sparse: pages of zeros are left out, and what lies past the end.
                for i in range(0, len(data), PAGE):
                    part = data[i:i + PAGE]
                    if part.strip(b'\0') and off + i < end:
                        file.seek(off + i)
                        file.write(part[:end - off - i])
            file.truncate(end)


# --- the cases ---------------------------------------------------------------

def default_image(**layout):
    """8 blocks of 1 MiB, three of them present, out of order, and a free MiB at the end."""
    image = Image(**layout)
    image.blocks = {3: Block(), 0: Block(), 7: Block()}
    image.place_blocks()
    image.next_mib += 1
    return image


def locator(pairs, kind=LOCATOR_TYPE, count=None, entries=None):
    """A parent locator; entries: what to say of each pair instead of what is right."""
    start = 20 + 12 * len(pairs)
    head = struct.pack('<16sHH', kind, 0, len(pairs) if count is None else count)
    strings = b''
    for number, pair in enumerate(pairs):
        key, value = (text.encode('utf-16-le') for text in pair)
        off = start + len(strings)
        entry = (off, off + len(key), len(key), len(value))
        head += struct.pack('<IIHH', *(entries or {}).get(number, entry))
        strings += key + value
    return head + strings


def differencing_image(pairs, **more):
    image = default_image()
    image.metadata.item(FILE_PARAMETERS).data = struct.pack('<II', MIB, 2)
    image.metadata.items.append(Item(PARENT_LOCATOR, locator(pairs, **more), REQUIRED))
    return image


class Cases:
    """Collects images and what is expected of them."""

    def __init__(self, directory):
        self.directory = directory
        self.lines = []
        self.names = set()

    def add(self, case, name, image, rw='ok', ro=None, device=0, compare=4 * MIB):
        """@rw, @ro: "ok", or a fault of kmod/format/vhdx-fault.h with its errno: "EINVAL NAME"."""
        number = f'{case:03d}' if isinstance(case, int) else str(case)
        file = f'{number}-{name}.vhdx'
        assert file not in self.names, file
        self.names.add(file)
        image.write(os.path.join(self.directory, file))
        for mode, expected in (('rw', rw), ('ro', ro)):
            if not expected:
                continue
            result, fault = expected.split() if expected != 'ok' else ('ok', '-')
            length, sha = '-', '-'
            if expected == 'ok':
                length, sha = image.disk(compare)
            self.lines.append((case, file, device, mode, result, fault, length, sha))

    def refuse(self, case, name, image, fault, errno='EINVAL', device=0):
        self.add(case, name, image, f'{errno} {fault}', device=device)

    def ok(self, case, name, image, **more):
        self.add(case, name, image, **more)

    def write(self):
        with open(os.path.join(self.directory, 'cases.tsv'), 'w', encoding='ascii') as file:
            for line in self.lines:
                print(*line, sep='\t', file=file)


def good_images(cases):
    """Layouts that must work, as case 0.  All leave room for a write to block 0."""
    cases.ok(0, 'plain', default_image(), compare=8 * MIB)
    cases.ok(0, 'fixed', Image(fixed=True, blocks={i: Block() for i in range(8)}), compare=8 * MIB)
    cases.ok(0, 'fixed-with-holes', default_image(fixed=True), compare=8 * MIB)
    cases.ok(0, 'sector-4096', default_image(sector=4096), compare=8 * MIB)
    cases.ok(0, 'physical-512', default_image(physical=512), compare=8 * MIB)
    cases.ok(0, 'empty', Image(file_bytes=8 * MIB), compare=8 * MIB)
    image = Image(size=300 * MIB, block=256 * MIB, blocks={1: Block(), 0: Block()})
    cases.ok(0, 'block-256M', image, compare=8 * MIB)
    image = Image(size=7 * MIB + 512 * 5, blocks={7: Block(), 0: Block()})
    cases.ok(0, 'odd-size', image, compare=8 * MIB)
    cases.ok(0, 'one-page', Image(size=PAGE, blocks={0: Block()}), compare=8 * MIB)
    # Any order: blocks first, then BAT, metadata, log at the end.
    image = Image(log=20 * MIB, log_length=3 * MIB, meta=17 * MIB, bat=12 * MIB, data=MIB)
    image.blocks = {5: Block(), 1: Block(), 0: Block(mib=13), 6: Block(mib=23), 2: Block(mib=19)}
    image.file_bytes = 24 * MIB
    cases.ok(0, 'any-order', image, compare=8 * MIB)
    # All states that read as zeros.
    image = default_image()
    image.blocks.update({1: Block(UNDEFINED), 2: Block(ZERO), 4: Block(UNMAPPED)})
    cases.ok(0, 'all-states', image, compare=8 * MIB)
    # Three chunks, the blocks around their ends.
    image = Image(size=9 * GIB, blocks={0: Block(), 4095: Block(), 4096: Block(), 8192: Block()})
    cases.ok(0, 'three-chunks', image, compare=8 * MIB)
    # Header 1 is current.
    image = default_image()
    image.headers[0].sequence = 9
    image.headers[1].log_off = 77
    cases.ok(0, 'first-header-is-current', image, compare=8 * MIB)
    image = default_image()
    image.file_bytes = image.end() + 4096
    cases.ok(0, 'device-ends-within-a-mib', image, compare=8 * MIB)


def header_cases(cases):
    """1 to 15."""
    for size in (4 * KIB, 64 * KIB, MIB - 512):
        image = default_image()
        image.file_bytes = size
        cases.refuse(1, f'size-{size}', image, 'TOO_SHORT')
    for name, ident in (('case', b'VHDXFILE'), ('zero', bytes(8)), ('vhd', b'conectix'),
                        ('one-bit', b'vhdxfild')):
        image = default_image()
        image.ident = ident
        cases.refuse(2, name, image, 'NOT_VHDX')
    for slot in range(2):
        for name, change in (('signature', {'signature': b'daeh'}), ('checksum', {'damage': 1})):
            # The damaged one is newer, and points nowhere.
            image = default_image()
            image.headers[slot] = dataclasses.replace(image.headers[slot], sequence=99, log_off=5,
                                                      version=9, **change)
            cases.ok(3, f'header{slot + 1}-{name}', image)
    image = default_image()
    image.both_headers(damage=1)
    cases.refuse(4, 'checksums', image, 'NO_HEADER')
    image = default_image()
    image.headers[0].signature = bytes(4)
    image.headers[1].damage = 0x80
    cases.refuse(4, 'signature-and-checksum', image, 'NO_HEADER')
    image = default_image()
    image.both_headers(sequence=7)
    cases.ok(5, 'identical', image)
    image = default_image()
    image.both_headers(sequence=7)
    image.headers[1].file_guid = guid('11111111-2222-3333-4444-555555555556')
    cases.refuse(5, 'different', image, 'HEADER_TIE')
    image = default_image()
    image.headers[1].sequence = U64
    cases.add(6, 'sequence-max', image, 'EINVAL HEADER_SEQ_MAX', 'ok')
    for version in (0, 2, 0x100):
        image = default_image()
        image.headers[1].version = version
        cases.refuse(7, f'version-{version}', image, 'VERSION', 'EOPNOTSUPP')
    image = default_image()
    image.headers[0].version = 2
    cases.ok(7, 'version-of-the-older-header', image)
    image = default_image()
    image.headers[1].log_version = 1
    cases.ok(8, 'log-version-clean', image)
    image = default_image()
    image.dirty(Entry(1, []), log_version=1)
    cases.refuse(8, 'log-version-dirty', image, 'LOG_VERSION', 'EOPNOTSUPP')
    log_place_cases(cases)
    image = default_image()
    image.headers[1].reserved = bytes(range(1, 200))
    cases.ok(14, 'reserved', image)
    for name, creator in (('unterminated', b'\x41\0' * 256), ('garbage', b'\xff' * 512)):
        image = default_image()
        image.creator = creator
        cases.ok(15, name, image)


def log_place_cases(cases):
    """9 to 13."""
    for name, change in (('offset', {'log_off': MIB + 4096}),
                         ('length', {'log_length': MIB + 4096}),
                         ('length-4096', {'log_length': 4096}), ('offset-0', {'log_off': 0}),
                         ('offset-in-header-area', {'log_off': 512 * KIB})):
        image = default_image()
        image.both_headers(**change)
        cases.refuse(9, name, image, 'LOG_ALIGN')
    for name, change in (('overflow', {'log_off': (1 << 64) - MIB, 'log_length': 2 * MIB}),
                         ('overflow-to-0', {'log_off': (1 << 64) - MIB}),
                         ('behind', {'log_off': 64 * MIB}), ('at-end', {'log_off': 8 * MIB}),
                         ('past-end', {'log_off': 7 * MIB, 'log_length': 2 * MIB})):
        image = default_image()
        image.both_headers(**change)
        cases.refuse(10, name, image, 'LOG_RANGE')
    image = default_image()
    image.both_headers(log_length=0, log_guid=LOG)
    cases.refuse(11, 'dirty-without-a-log', image, 'LOG_NONE_DIRTY')
    image = Image(log=16 * MIB, log_length=GIB, data=4 * MIB)
    cases.ok(12, '1G', image)
    image = Image(log=16 * MIB, log_length=GIB + MIB, data=4 * MIB)
    cases.refuse(12, '1G-and-more', image, 'LOG_HUGE', 'EFBIG')
    image = Image(log=16 * MIB, log_length=4 * GIB - MIB, data=4 * MIB)
    cases.refuse(12, '4G', image, 'LOG_HUGE', 'EFBIG')
    for name, off in (('at-0', 0), ('at-1M', MIB), ('inside-the-bat', 9 * MIB), ('unaligned', 5)):
        image = default_image(bat=8 * MIB, bat_length=2 * MIB, data=4 * MIB)
        image.both_headers(log_length=0, log_off=off)
        cases.add(13, name, image, 'EOPNOTSUPP LOG_NONE', 'ok')


def region_cases(cases):
    """16 to 25, 27; decision 9."""
    bad = (('signature', {'signature': b'iger'}), ('checksum', {'damage': 1}))
    for slot in range(2):
        for name, change in bad:
            image = default_image()
            # What it says is not to be believed.
            image.tables[slot] = RegionTable([Region(BAT_REGION, 4 * MIB)], **change)
            cases.ok(16, f'table{slot + 1}-{name}', image)
    for name, change in bad:
        image = default_image()
        image.both_tables(image.tables[0].regions, **change)
        cases.refuse(16, f'both-{name}', image, 'NO_REGION_TABLE')
    image = default_image()
    image.tables[1] = RegionTable([Region(METADATA_REGION, 2 * MIB, MIB, 1),
                                   Region(BAT_REGION, 7 * MIB, MIB, 1)])
    cases.ok(17, 'different', image)
    for count in (2048, U32):
        image = default_image()
        image.both_tables(image.tables[0].regions, count=count)
        cases.refuse(18, f'count-{count}', image, 'REGION_COUNT')
    image = default_image()
    image.tables[0].count = 2048
    image.tables[0] = dataclasses.replace(image.tables[0])
    image.tables[1] = RegionTable(image.tables[1].regions)
    cases.refuse('D9', 'no-falling-back', image, 'REGION_COUNT')
    image = default_image()
    for i in range(2045):
        image.add_region(Region(_full_guid(i), (16 + i) * MIB))
    cases.ok(18, 'count-2047', image)
    for name, which in (('bat', BAT_REGION), ('unknown', _full_guid(1))):
        image = default_image()
        image.add_region(Region(_full_guid(1), 16 * MIB))
        image.add_region(Region(which, 17 * MIB))
        cases.refuse(19, name, image, 'REGION_TWICE')
    for name, which, fault in (('bat', BAT_REGION, 'NO_BAT'),
                               ('metadata', METADATA_REGION, 'NO_METADATA')):
        image = default_image()
        image.both_tables([r for r in image.tables[0].regions if r.guid != which])
        cases.refuse(20, name, image, fault)
    image = default_image()
    image.both_tables([])
    cases.refuse(20, 'empty-table', image, 'NO_BAT')
    image = default_image()
    image.add_region(Region(_full_guid(1), 16 * MIB, MIB, 1))
    cases.refuse(21, 'required', image, 'REGION_UNKNOWN', 'EOPNOTSUPP')
    image = default_image()
    image.add_region(Region(_full_guid(1), 16 * MIB, 3 * MIB))
    cases.ok(21, 'optional', image)
    region_place_cases(cases)
    image = default_image()
    image.both_tables(image.tables[0].regions, reserved=1)
    cases.refuse(25, 'header', image, 'REGION_RESERVED')
    for flags in (2, 3, 0x80000000):
        image = default_image()
        image.add_region(Region(_full_guid(1), 16 * MIB, MIB, flags))
        cases.refuse(25, f'flags-{flags}', image, 'REGION_RESERVED')
    image = Image(meta=16 * MIB, meta_length=128 * MIB, data=4 * MIB)
    cases.ok(27, '128M', image)
    image = Image(meta=16 * MIB, meta_length=129 * MIB, data=4 * MIB)
    cases.refuse(27, '129M', image, 'META_HUGE')
    image = default_image()
    for table in image.tables:
        table.regions = [dataclasses.replace(r, flags=0) for r in table.regions]
    cases.ok('D8', 'regions-not-required', image)


def region_place_cases(cases):
    """22 to 24: an unknown optional region in all kinds of places."""
    for name, off, length, fault in (
            ('offset', 16 * MIB + 4096, MIB, 'ALIGN'), ('length', 16 * MIB, MIB + 4096, 'ALIGN'),
            ('length-0', 16 * MIB, 0, 'ALIGN'), ('offset-0', 0, MIB, 'ALIGN'),
            ('in-header-area', 512 * KIB, MIB, 'ALIGN')):
        image = default_image()
        image.both_tables(image.tables[0].regions + [Region(_full_guid(1), off, length)])
        cases.refuse(22, name, image, f'REGION_{fault}')
    for name, off, length in (('overflow', (1 << 64) - MIB, 2 * MIB),
                              ('overflow-to-0', (1 << 64) - MIB, MIB), ('at-end', 8 * MIB, MIB),
                              ('past-end', 7 * MIB, 2 * MIB), ('far', 1 << 60, MIB)):
        image = default_image()
        image.both_tables(image.tables[0].regions + [Region(_full_guid(1), off, length)])
        cases.refuse(23, name, image, 'REGION_RANGE')
    for name, off, length in (('log', MIB, MIB), ('metadata', 2 * MIB, MIB), ('bat', 3 * MIB, MIB),
                              ('all', MIB, 6 * MIB)):
        image = default_image()
        image.both_tables(image.tables[0].regions + [Region(_full_guid(1), off, length)])
        cases.refuse(24, name, image, 'REGION_OVERLAP')
    image = default_image()
    image.add_region(Region(_full_guid(1), 16 * MIB, 4 * MIB))
    image.add_region(Region(_full_guid(2), 19 * MIB, 4 * MIB))
    cases.refuse(24, 'partly', image, 'REGION_OVERLAP')
    image = default_image(meta=3 * MIB, bat=3 * MIB)
    cases.refuse(24, 'bat-is-metadata', image, 'REGION_OVERLAP')


def metadata_cases(cases):
    """26, 28 to 44."""
    image = default_image()
    image.metadata.signature = b'atadatem'
    cases.refuse(26, 'signature', image, 'META_SIGNATURE')
    for count in (2048, 65535):
        image = default_image()
        image.metadata.count = count
        cases.refuse(26, f'count-{count}', image, 'META_COUNT')
    unknown = _full_guid(1)
    other = _full_guid(2)
    data = b'something'

    def variant(case, name, items, fault=None, errno='EINVAL', **layout):
        image = default_image(**layout)
        image.metadata.items += items
        if fault:
            cases.refuse(case, name, image, fault, errno)
        else:
            cases.ok(case, name, image)

    variant(26, 'count-2047', [Item(_full_guid(i), b'x') for i in range(2042)])
    for off in (0, 32, 64 * KIB - 1):
        variant(28, f'offset-{off}', [Item(unknown, b'', 0, off, 9)], 'META_LOW')
    for name, off, length in (('wraps', U32 - 15, 32), ('wraps-to-0', U32 - 15, 16),
                              ('at-end', MIB, 1), ('past-end', MIB - 1, 2)):
        variant(29, name, [Item(unknown, b'', 0, off, length)], 'META_RANGE')
    variant(29, 'to-the-end', [Item(unknown, data, 0, MIB - len(data))])
    variant(30, 'partly', [Item(unknown, b'', 0, 96 * KIB, 100),
                           Item(other, b'', 0, 96 * KIB + 99, 100)], 'META_OVERLAP')
    variant(30, 'inside', [Item(unknown, b'', 0, 96 * KIB, 100),
                           Item(other, b'', USER, 96 * KIB + 50, 1)], 'META_OVERLAP')
    image = default_image()
    image.metadata.item(PHYSICAL_SECTOR).off = 64 * KIB + 32
    cases.refuse(30, 'known-items', image, 'META_OVERLAP')
    variant(31, 'empty-with-offset', [Item(unknown, b'', 0, 96 * KIB, 0)], 'META_EMPTY')
    variant(31, 'empty', [Item(unknown, b'')])
    variant(31, 'too-long', [Item(unknown, b'', 0, MIB, MIB + 1)], 'META_LONG', meta=8 * MIB,
            meta_length=4 * MIB)
    variant(31, 'longest', [Item(unknown, data, 0, MIB, MIB)], meta=8 * MIB, meta_length=4 * MIB)
    variant(32, 'unknown', [Item(unknown, data), Item(unknown, data)], 'META_TWICE')
    variant(32, 'user', [Item(unknown, data, USER), Item(unknown, data, USER)], 'META_TWICE')
    variant(32, 'user-and-system', [Item(unknown, data), Item(unknown, data, USER)])
    variant(32, 'known', [Item(DISK_SIZE, struct.pack('<Q', MIB), REQUIRED | DISK)], 'META_TWICE')
    users = [Item(_full_guid(i), b'x', USER) for i in range(1025)]
    variant(33, 'users-1024', users[:1024])
    variant(33, 'users-1025', users, 'META_USER_COUNT')
    variant(33, 'required', [Item(unknown, data, USER | REQUIRED)], 'META_USER_REQUIRED')
    known_item_cases(cases)
    variant(37, 'required', [Item(unknown, data, REQUIRED)], 'META_UNKNOWN', 'EOPNOTSUPP')
    variant(37, 'incomplete', [Item(INCOMPLETE, b'', REQUIRED)], 'INCOMPLETE', 'EOPNOTSUPP')
    variant(37, 'incomplete-optional', [Item(INCOMPLETE, b'')], 'INCOMPLETE', 'EOPNOTSUPP')
    for name, which in (('chs', CHS_PARAMETERS), ('pmem', PMEM_LABELS)):
        for flags in (0, REQUIRED, REQUIRED | DISK):
            variant(37, f'{name}-{flags}', [Item(which, data, flags)])
        variant(37, f'{name}-empty', [Item(which, b'', REQUIRED)])
        variant(37, f'{name}-user', [Item(which, data, USER | REQUIRED)], 'META_USER_REQUIRED')
    value_cases(cases)
    variant(44, 'locator-without-parent', [Item(PARENT_LOCATOR, data, REQUIRED)])
    image = default_image()
    image.metadata.item(FILE_PARAMETERS).data = struct.pack('<II', MIB, 2)
    cases.refuse(44, 'parent-without-locator', image, 'NO_LOCATOR')
    locator_cases(cases)


def locator_cases(cases):
    """45 to 49: the image is refused for having a parent, whatever it says of it."""
    linkage = ('parent_linkage', '{83ed0ec3-24c8-49a6-a959-5e4bd1288791}')
    path = ('relative_path', '.\\parent.vhdx')
    for case, name, pairs, more in (
            (45, 'count-0', [linkage], {'count': 0}), (45, 'count-257', [linkage], {'count': 257}),
            (46, 'behind', [linkage, path], {'entries': {1: (900, 80, 4, 4)}}),
            (46, 'odd', [linkage, path], {'entries': {1: (80, 80, 3, 4)}}),
            (47, 'type', [linkage, path], {'kind': _full_guid(1)}),
            (48, 'twice', [linkage, path, path], {}), (48, 'no-linkage', [path], {}),
            (49, 'linkage2', [path, linkage, ('parent_linkage2', '{' + str(uuid.UUID(int=0)) + '}')], {})):
        cases.refuse(case, f'locator-{name}', differencing_image(pairs, **more), 'HAS_PARENT')


def known_item_cases(cases):
    """34 to 36, 38; decision 8."""
    names = (('file-parameters', FILE_PARAMETERS), ('disk-size', DISK_SIZE), ('disk-id', DISK_ID),
             ('logical-sector', LOGICAL_SECTOR), ('physical-sector', PHYSICAL_SECTOR))
    for name, which in names:
        image = default_image()
        image.metadata.item(which).flags = USER
        cases.refuse(34, name, image, 'META_MISSING')
        image = default_image()
        image.metadata.items.remove(image.metadata.item(which))
        cases.refuse(35, name, image, 'META_MISSING')
        for change in (-1, 1):
            image = default_image()
            item = image.metadata.item(which)
            item.off, item.length = 128 * KIB, len(item.data) + change
            cases.refuse(36, f'{name}-{item.length}', image, 'META_LENGTH')
        image = default_image()
        image.metadata.item(which).flags ^= DISK
        cases.ok(38, name, image)
    image = default_image()
    for item in image.metadata.items:
        item.flags &= ~REQUIRED
    cases.ok('D8', 'items-not-required', image)
    image = default_image()
    for item in image.metadata.items:
        item.flags |= 0xfffffff8
        item.reserved = U32
    image.metadata.reserved = b'\xff' * 20
    cases.ok('D8', 'reserved-bits-of-items', image)


def value_cases(cases):
    """39 to 42; decision 11."""
    def value(case, name, which, data, fault=None, errno='EINVAL'):
        image = default_image()
        image.metadata.item(which).data = data
        if fault:
            cases.refuse(case, name, image, fault, errno)
        else:
            cases.ok(case, name, image)

    for size in (0, 512, 512 * KIB, MIB + 1, 3 * MIB, 512 * MIB, 1 << 31, U32):
        value(39, str(size), FILE_PARAMETERS, struct.pack('<II', size, 0), 'BLOCK_SIZE')
    for size in (0, 1, 513, 1024, 2048, 8192, U32):
        value(40, f'logical-{size}', LOGICAL_SECTOR, struct.pack('<I', size), 'LOGICAL_SIZE')
        value(40, f'physical-{size}', PHYSICAL_SECTOR, struct.pack('<I', size), 'PHYSICAL_SIZE')
    cases.ok('D11', 'physical-below-logical', default_image(sector=4096, physical=512))
    for size, fault, errno in ((0, 'DISK_SIZE', 'EINVAL'), (8 * MIB - 1, 'DISK_SIZE', 'EINVAL'),
                               (8 * MIB - 511, 'DISK_SIZE', 'EINVAL'),
                               (64 * TIB + 512, 'DISK_HUGE', 'EFBIG'),
                               (1 << 63, 'DISK_HUGE', 'EFBIG'), (U64 - 511, 'DISK_HUGE', 'EFBIG')):
        value(41, str(size), DISK_SIZE, struct.pack('<Q', size), fault, errno)
    image = default_image(sector=4096, size=8 * MIB - 512)
    cases.refuse(41, 'multiple-of-512-only', image, 'DISK_SIZE')
    image = Image(size=64 * TIB, block=256 * MIB, blocks={0: Block(), 2**18 - 1: Block()})
    cases.ok(41, '64T', image)
    for bit in (2, 3, 31):
        value(42, f'bit-{bit}', FILE_PARAMETERS, struct.pack('<II', MIB, 1 << bit),
              'PARAM_RESERVED')


def bat_cases(cases):
    """52 to 67."""
    # 131072 entries to a MiB, 31 of them sector bitmaps'.
    image = Image(size=(131072 - 31) * MIB, bat_length=MIB, blocks={0: Block(), 131040: Block()})
    cases.ok(52, 'just-fits', image)
    image = Image(size=(131072 - 31) * MIB + 512, bat_length=MIB, blocks={0: Block()})
    cases.refuse(52, 'one-short', image, 'BAT_SHORT')
    image = Image(size=64 * TIB, bat_length=MIB, blocks={0: Block()})
    cases.refuse(53, '64T-in-1M', image, 'BAT_SHORT')

    def entry(case, name, number, block, rw='ok', ro=None, image=None):
        image = image or default_image()
        image.blocks[number] = block
        cases.add(case, name, image, rw, ro)

    for bit in (3, 11, 19):
        entry(54, f'bit-{bit}-full', 0, Block(raw=4 << 20 | 6 | 1 << bit), 'EINVAL BAT_RESERVED')
        entry(54, f'bit-{bit}-absent', 1, Block(0, raw=1 << bit), 'EINVAL BAT_RESERVED')
    image = Image(size=5 * GIB, blocks={0: Block()})
    image.bitmaps[0] = 8
    cases.refuse(54, 'bitmap', image, 'BAT_RESERVED')
    for state in (4, 5):
        entry(55, f'state-{state}', 1, Block(state, 0), 'EINVAL BAT_STATE')
        entry(55, f'state-{state}-offset', 1, Block(state, 7), 'EINVAL BAT_STATE')
    entry(56, 'full-offset-0', 1, Block(FULL, 0), 'EINVAL BAT_OFFSET')
    for mib in ((1 << 44) - 1, 1 << 43, 1 << 28):
        entry(57, f'mib-{mib}', 1, Block(FULL, mib), 'EINVAL BAT_RANGE')
    for mib in (8, 9, 4096):
        image = default_image()
        image.file_bytes = image.end()
        entry(58, f'mib-{mib}', 1, Block(FULL, mib), 'EINVAL BAT_RANGE', image=image)
    cut_cases(cases)
    overlap_cases(cases, entry)
    entry(62, 'partial', 1, Block(PARTIAL, 7), 'EINVAL BAT_PARTIAL')
    entry(62, 'partial-offset-0', 1, Block(PARTIAL, 0), 'EINVAL BAT_PARTIAL')
    for state in range(1, 8):
        image = Image(size=5 * GIB, blocks={0: Block(), 4096: Block()})
        image.next_mib += 1
        image.bitmaps[0] = 6 << 20 | state
        if state == 6:
            cases.add(64, f'state-{state}', image, 'EINVAL BITMAP_PRESENT', 'ok')
        else:
            cases.ok(64, f'state-{state}', image)
    # Where a block is, in a region, behind the end: it keeps no space, but is what it is.
    for name, mib in (('in-block', 4), ('in-bat', 3), ('behind', 1 << 20), ('far', (1 << 44) - 1),
                      ('offset-0', 0)):
        image = Image(size=5 * GIB, blocks={0: Block(), 4096: Block()})
        image.bitmaps[0] = mib << 20 | 6
        cases.add(64, f'present-{name}', image, 'EINVAL BITMAP_PRESENT', 'ok')
        image = Image(size=5 * GIB, blocks={0: Block(), 4096: Block()})
        image.next_mib += 1
        image.bitmaps[0] = mib << 20 | 2
        cases.ok(64, f'zero-{name}', image)
    image = Image(size=5 * GIB, blocks={0: Block(), 4096: Block()})
    image.bitmaps[0] = 3 << 20
    cases.ok(64, 'state-0-offset', image)
    for state in (NOT_PRESENT, ZERO):
        for mib in (1, 4, 7, 1 << 20, (1 << 44) - 1):
            entry(65, f'state-{state}-mib-{mib}', 1, Block(state, mib))
    for state in (UNDEFINED, UNMAPPED):
        entry(66, f'state-{state}-good', 1, Block(state, 7))
        for name, mib in (('in-block', 4), ('in-log', 1), ('at-end', 8), ('far', 1 << 20),
                          ('overflow', (1 << 44) - 1)):
            entry(66, f'state-{state}-{name}', 5, Block(state, mib), 'EINVAL BAT_ANCHOR', 'ok')
        # The anchor comes before the block in the BAT.
        entry(66, f'state-{state}-before-block', 1, Block(state, 4), 'EINVAL BAT_ANCHOR', 'ok')
        entry(66, f'state-{state}-two', 1, Block(state, 7), 'EINVAL BAT_ANCHOR', 'ok',
              image=with_block(6, Block(state, 7)))
    image = default_image()
    image.padding = {8: U64, 9: 4, 600: 4 << 20 | 6, 131071: U64}
    cases.ok(67, 'garbage', image)


def with_block(number, block):
    image = default_image()
    image.blocks[number] = block
    return image


def cut_cases(cases):
    """58, 59; decision 2: blocks that the end of the device cuts."""
    image = Image(blocks={2: Block(), 5: Block()})
    image.file_bytes = image.end() - 512
    cases.refuse(58, 'cut', image, 'BAT_RANGE')
    for name, size, cut, rw, ro in (
            ('half', 7 * MIB + 512 * KIB, 512 * KIB, 'EINVAL BAT_CUT', 'ok'),
            ('some', 7 * MIB + 512 * KIB, 512, 'EINVAL BAT_CUT', 'ok'),
            ('too-much', 7 * MIB + 512 * KIB, 512 * KIB + 512, 'EINVAL BAT_RANGE', None),
            ('full-block', 8 * MIB, 512, 'EINVAL BAT_RANGE', None)):
        image = Image(size=size, blocks={2: Block(), 7: Block()})
        image.file_bytes = image.end() - cut
        cases.add(59, name, image, rw, ro, compare=8 * MIB)


def overlap_cases(cases, entry):
    """60, 61."""
    for name, mib in (('log', 1), ('metadata', 2), ('bat', 3)):
        entry(60, name, 1, Block(FULL, mib, b''), 'EINVAL BAT_OVERLAP')
    image = default_image()
    image.add_region(Region(_full_guid(1), 16 * MIB))
    entry(60, 'unknown-region', 1, Block(FULL, 16), 'EINVAL BAT_OVERLAP', image=image)
    image = Image(block=2 * MIB, log=16 * MIB, meta=2 * MIB, bat=8 * MIB, data=4 * MIB)
    for name, mib in (('metadata', 1), ('bat', 7), ('log', 15)):
        entry(60, f'partly-{name}', 1, Block(FULL, mib), 'EINVAL BAT_OVERLAP', image=image)
        del image.blocks[1]
    entry(61, 'same', 1, Block(FULL, 4), 'EINVAL BAT_OVERLAP')
    for name, mib in (('lower', 5), ('upper', 7)):
        image = Image(block=2 * MIB)
        image.blocks = {0: Block(FULL, 6), 3: Block(FULL, mib)}
        cases.refuse(61, f'partly-{name}', image, 'BAT_OVERLAP')
    # Far apart in the BAT, across chunks.
    image = Image(size=9 * GIB, blocks={1: Block(FULL, 7), 8200: Block(FULL, 7)})
    cases.refuse(61, 'other-chunk', image, 'BAT_OVERLAP')


def log_cases(cases):
    """69 to 91."""
    new = content('from the log', MIB)

    def base(**layout):
        """Block 1 is in the log only, at the free MiB."""
        image = default_image(**layout)
        mib = image.next_mib - 1
        image.patches.append((mib * MIB, new))
        image.good = image.bat_change(b1=Block(FULL, mib))
        image.after[1] = new
        return image

    image = base()
    image.dirty(Entry(1, [image.good]))
    image.both_headers(log_guid=NULL)
    del image.after[1]
    cases.ok(69, 'clean-with-entries', image)
    for name, entries in (('empty', []), ('torn', [Entry(1, [image.good], torn=1)]),
                          ('foreign', [Entry(1, [image.good], log_guid=_full_guid(1))])):
        image = base()
        image.dirty(*entries)
        cases.refuse(70, name, image, 'LOG_LOST')
    good_log_cases(cases, base)
    bad_entry_cases(cases, base)
    sequence_cases(cases, base)
    hostile_replay_cases(cases, base)
    end_cases(cases, base)


def good_log_cases(cases, base):
    """71, and logs of all shapes."""
    image = base()
    image.dirty(Entry(1, [image.good]))
    cases.ok(71, 'one-entry', image)
    image = base()
    image.dirty(Entry(5, [], off=0), Entry(6, [image.good], tail=0), Entry(7, [], tail=0))
    cases.ok(71, 'three-entries', image)
    image = base()
    image.dirty(Entry(5, [image.good], off=MIB - PAGE))
    cases.ok(71, 'entry-wraps', image)
    image = base()
    image.dirty(Entry(5, [], off=MIB - 2 * PAGE), Entry(6, [], tail=MIB - 2 * PAGE),
                Entry(7, [image.good], tail=MIB - PAGE))
    cases.ok(71, 'sequence-wraps', image)
    # What lies before the head's Tail is applied already, and has been undone since.
    image = base()
    image.dirty(Entry(5, [image.bat_change(b0=Block(FULL, 99))], off=8 * PAGE),
                Entry(6, [image.good], tail=8 * PAGE), Entry(7, [], tail=10 * PAGE))
    cases.ok(71, 'tail-moved-on', image)
    # The later entry wins; zeros, too.
    image = base()
    image.dirty(Entry(1, [image.bat_change(b0=Block(FULL, 99))]),
                Entry(2, [Zero(image.bat, 8 * PAGE), image.good], tail=0))
    cases.ok(71, 'later-wins', image)
    # More than one descriptor sector: 126 and 128.
    for count in (126, 127, 200):
        image = base(log_length=2 * MIB, meta=8 * MIB, bat=9 * MIB, data=4 * MIB)
        changes = [Data(image.bat + (i + 1) * PAGE, content(i, PAGE)) for i in range(count - 1)]
        image.dirty(Entry(1, changes + [image.good], off=MIB))
        cases.ok(71, f'descriptors-{count}', image)
    # Payload does not belong into the log, but nothing forbids it.
    image = base()
    page = content('page', PAGE)
    old = image.blocks[0]
    image.dirty(Entry(1, [image.good, Zero(old.mib * MIB, 64 * KIB),
                          Data(old.mib * MIB + 8 * PAGE, page)]))
    image.after[0] = bytes(8 * PAGE) + page + bytes(7 * PAGE) + old.data[64 * KIB:]
    cases.ok(71, 'payload', image)
    # The log mends what is broken in place.
    image = base()
    table = image.tables[0].encode()
    pages = [image.good]
    for slot in range(2):
        pages += [Data((192 + 64 * slot) * KIB + i * PAGE, table[i * PAGE:(i + 1) * PAGE])
                  for i in range(16)]
    image.both_tables([], damage=1)
    image.dirty(Entry(1, pages))
    cases.ok(71, 'region-tables', image)
    image = base()
    image.dirty(Entry(1, [image.good]))
    image.headers[0].log_guid = NULL
    cases.ok(71, 'other-header-clean', image)
    # Entry of the log's own length, and a sequence that fills the log.
    image = base()
    pages = [Data(image.bat + (i + 1) * PAGE, content(i, PAGE)) for i in range(253)]
    image.dirty(Entry(1, pages + [image.good], off=5 * PAGE))
    cases.ok('D7', 'entry-of-the-log-length', image)
    image = base()
    image.dirty(*[Entry(i + 1, [image.good] if i == 100 else [], tail=0) for i in range(255)])
    cases.ok(73, 'sequence-fills-the-log', image)
    image = base()
    image.dirty(Entry(1, [image.good, Zero(image.bat, 0), Zero(1 << 62, 0)]))
    cases.ok('D7', 'zero-length', image)
    image = base()
    image.file_bytes = image.end() + 4 * MIB
    image.dirty(Entry(1, [image.good, Data(image.file_bytes - PAGE, content(1, PAGE))],
                      last=8 * MIB))
    cases.ok('D7', 'target-past-last-offset', image)


def bad_entry_cases(cases, base):
    """72 to 85: an older entry with what counts, and behind it one that is none."""
    def variant(case, name, changes=None, **fields):
        image = base()
        bad = image.bat_change(b0=Block(FULL, 99)) if changes is None else None
        changes = [bad] if changes is None else changes(image)
        image.dirty(Entry(1, [image.good], off=0), Entry(2, changes, tail=0, **fields))
        cases.ok(case, name, image)

    def wrong(**fields):
        return lambda image: [dataclasses.replace(image.bat_change(b0=Block(FULL, 99)), **fields)]

    for length in (0, 512, 2048, 2 * PAGE + 512, 2 * MIB, U32 - 4095, U32):
        variant(72, f'length-{length}', length=length)
    variant(73, 'longer-than-the-log', length=MIB + PAGE)
    for count in (126 + 128, (2 * PAGE - 64) // 32 + 1, 1 << 27, (1 << 27) + 1, U32):
        variant(74, f'count-{count}', count=count)
    variant(75, 'length-short', length=PAGE)
    variant(75, 'length-long', length=3 * PAGE)
    variant(75, 'count-0', count=0)
    variant(75, 'count-2', count=2)
    image = base()
    image.dirty(Entry(1, [image.good], off=0),
                Entry(2, [image.bat_change(b0=Block(FULL, 99))], tail=MIB))
    cases.ok(76, 'tail-is-log-length', image)
    image = base()
    image.dirty(Entry(1, [image.good], off=0),
                Entry(2, [image.bat_change(b0=Block(FULL, 99))], tail=512))
    cases.ok(76, 'tail-unaligned', image)
    variant(78, 'reserved', reserved=1)
    variant(80, 'foreign', log_guid=_full_guid(1))
    variant(81, 'checksum', damage=1)
    variant(81, 'signature', signature=b'LOGE')
    variant(81, 'torn', torn=1)
    variant(81, 'descriptor-signature', wrong(signature=b'DESC'))
    variant(81, 'descriptor-sequence', wrong(sequence=1))
    variant(81, 'data-signature', wrong(sector_signature=b'atad'))
    variant(81, 'data-high', wrong(high=1))
    variant(81, 'data-low', wrong(low=1))
    variant(81, 'zero-sequence', lambda i: [Zero(i.bat, PAGE, sequence=3)])
    for off in (0, 64 * KIB, 128 * KIB, 192 * KIB - PAGE):
        variant(82, f'data-{off}', wrong(off=off))
        variant(82, f'zero-{off}', lambda i, off=off: [Zero(off, PAGE)])
    for off in (MIB, MIB + PAGE, 2 * MIB - PAGE):
        variant(83, f'data-{off}', wrong(off=off))
    variant(83, 'zero-over-all', lambda i: [Zero(192 * KIB, 7 * MIB)])
    variant(83, 'zero-into', lambda i: [Zero(MIB - PAGE, 2 * PAGE)])
    variant(84, 'data-overflow', wrong(off=(1 << 64) - PAGE))
    variant(84, 'zero-overflow', lambda i: [Zero(i.bat, (1 << 64) - PAGE)])
    variant(84, 'zero-overflow-to-0', lambda i: [Zero((1 << 64) - 8 * PAGE, 8 * PAGE)])
    for name, changes in (('data', wrong(off=3 * MIB + 512)),
                          ('zero', lambda i: [Zero(i.bat + 512, PAGE)]),
                          ('zero-length', lambda i: [Zero(i.bat, PAGE + 512)])):
        variant(85, name, changes)


def sequence_cases(cases, base):
    """76 to 79; decision 5."""
    for name, tail in (('before', 0), ('behind', 8 * PAGE), ('far', MIB - PAGE)):
        image = base()
        image.dirty(Entry(1, [image.good], off=4 * PAGE, tail=tail))
        cases.refuse(76, f'tail-{name}', image, 'LOG_LOST')
    image = base()
    image.dirty(Entry(1, [image.good], off=4 * PAGE), Entry(2, [], tail=5 * PAGE))
    cases.refuse(77, 'tail-off-boundary', image, 'LOG_LOST')

    def hostile(image):
        return image.bat_change(b0=Block(FULL, 99))

    for name, number in (('gap', 9), ('repeat', 7), ('falls', 6), ('zero', 0)):
        image = base()
        image.dirty(Entry(7, [image.good], off=0), Entry(number, [hostile(image)], tail=0))
        cases.ok(78, name, image)
    image = base()
    image.dirty(Entry(U64 - 1, [], off=0), Entry(U64, [image.good], tail=0),
                Entry(0, [hostile(image)], tail=0), Entry(1, [hostile(image)], tail=0))
    cases.ok(79, 'no-wrap', image)
    # The newer sequence lost its start.
    image = base()
    image.dirty(Entry(9, [image.good], off=0), Entry(90, [hostile(image)], off=16 * PAGE,
                                                     tail=12 * PAGE))
    cases.ok('D5', 'older-beside-newer', image)
    # The other way round, both valid: the newer one counts.
    image = base()
    image.dirty(Entry(90, [image.good], off=0), Entry(9, [hostile(image)], off=16 * PAGE))
    cases.ok('D5', 'two-valid', image)


def hostile_replay_cases(cases, base):
    """84, 86, 90, 91."""
    end = default_image().end()
    for name, change in (('data', Data(end, bytes(PAGE))), ('zero', Zero(end - PAGE, 2 * PAGE)),
                         ('far', Data(1 << 47, bytes(PAGE))), ('zero-far', Zero(1 << 47, PAGE))):
        image = base()
        image.dirty(Entry(1, [image.good, change]))
        cases.refuse(84, f'{name}.device', image, 'LOG_TARGET')
    for name, change in (('data', Data(1 << 62, bytes(PAGE))), ('zero', Zero(MIB * 2, 1 << 62))):
        image = base()
        image.dirty(Entry(1, [image.good, change]))
        cases.refuse(90 if name == 'zero' else 84, f'{name}-beyond-all', image, 'LOG_TARGET')
    image = base()
    image.file_bytes = GIB
    old = image.blocks[3]
    image.dirty(Entry(1, [image.good, Zero(old.mib * MIB, MIB), Zero(16 * MIB, GIB - 16 * MIB)]))
    image.after[3] = bytes(MIB)
    cases.ok(90, 'zero-1G', image)

    image = base()
    bad = seal(RegionTable([Region(BAT_REGION, 1 << 50)]).encode())
    image.dirty(Entry(1, [Data(192 * KIB, bad[:PAGE])]))
    cases.refuse(86, 'region-table', image, 'REGION_RANGE')
    image = base()
    image.dirty(Entry(1, [Zero(192 * KIB, 128 * KIB)]))
    cases.refuse(86, 'no-region-tables', image, 'NO_REGION_TABLE')
    image = base()
    image.dirty(Entry(1, [Zero(image.meta_off, PAGE)]))
    cases.refuse(86, 'metadata-table', image, 'META_SIGNATURE')
    image = base()
    image.dirty(Entry(1, [Zero(image.meta_off + 64 * KIB, PAGE)]))
    cases.refuse(86, 'metadata-items', image, 'BLOCK_SIZE')
    image = base()
    image.dirty(Entry(1, [image.bat_change(b5=Block(FULL, 4))]))
    cases.refuse(86, 'bat-overlap', image, 'BAT_OVERLAP')
    image = base()
    image.dirty(Entry(1, [image.bat_change(b5=Block(FULL, 4000))]))
    cases.refuse(86, 'bat-range', image, 'BAT_RANGE')

    image = base(log=16 * MIB, log_length=16 * MIB, data=4 * MIB)
    for sector in range(8, 4096):
        fake = Entry(7, [], length=16 * MIB - PAGE, count=(sector * 31) % 4096)
        image.patches.append((16 * MIB + sector * PAGE, fake.encode(sector * PAGE, 0)[:64]))
    image.dirty(Entry(3, [image.good], off=0))
    cases.ok(91, 'many-fakes', image)


def end_cases(cases, base):
    """87 to 89; decisions 3 and 6."""
    end = default_image().end()
    for name, flushed in (('one-more', end + 1), ('far', 1 << 50), ('max', U64)):
        image = base()
        image.dirty(Entry(1, [image.good], flushed=flushed))
        cases.refuse(87, name, image, 'FILE_CUT')
    image = base()
    image.dirty(Entry(1, [], flushed=U64), Entry(2, [image.good], tail=0))
    cases.ok('D6', 'flushed-of-an-older-entry', image)
    image = base()
    image.dirty(Entry(1, [], last=U64), Entry(2, [image.good], tail=0))
    cases.ok('D6', 'last-of-an-older-entry', image)
    for name, last in (('more', end + MIB), ('far', 1 << 47)):
        image = base()
        image.dirty(Entry(1, [image.good], last=last))
        cases.add(88, f'{name}.device', image, 'ENOSPC LOG_GROWS', 'ok')
    image = base()
    image.dirty(Entry(1, [image.good], last=end + MIB))
    cases.ok(88, 'there-is-room', image, device=end + MIB)
    # Decision 3: something that is in use lies past the end.
    image = default_image()
    image.dirty(Entry(1, [image.bat_change(b1=Block(FULL, end // MIB))], last=end + MIB))
    cases.add('D3', 'block-past-the-end.device', image, 'ENOSPC LOG_GROWS', 'EINVAL BAT_RANGE')
    for name, last in (('2^48', 1 << 48), ('max', U64)):
        image = base()
        image.dirty(Entry(1, [image.good], last=last))
        cases.refuse(88, f'absurd-{name}', image, 'LOG_ABSURD', 'EFBIG')
    image = base()
    image.dirty(Entry(1, [image.good], flushed=end - 12345, last=end - 12345))
    cases.ok(89, 'unaligned', image)


def write_cases(directory):
    os.makedirs(directory, exist_ok=True)
    cases = Cases(directory)
    good_images(cases)
    header_cases(cases)
    region_cases(cases)
    metadata_cases(cases)
    bat_cases(cases)
    log_cases(cases)
    cases.write()


def write_image(args):
    image = Image(args.size, args.block_size, args.sector, fixed=args.fixed)
    count = (args.size + args.block_size - 1) // args.block_size
    chosen = range(count) if args.fixed else sorted({0, count // 2, count - 1}, reverse=True)
    image.blocks = {i: Block() for i in chosen}
    image.place_blocks()
    if args.dirty:
        late = image.blocks.pop(chosen[-1])
        image.patches.append((late.mib * MIB, late.data))
        number = image.bat_index(chosen[-1]) // 512
        change = Data(image.bat + number * PAGE,
                      image.bat_sector(number, **{f'b{chosen[-1]}': late}))
        image.dirty(Entry(1, [change]))
        image.after[chosen[-1]] = late.data
    image.write(args.file)
    print(*image.disk(args.size))


def main():
    parser = argparse.ArgumentParser(description='Write VHDX images, good and bad ones.')
    commands = parser.add_subparsers(dest='command', required=True)
    command = commands.add_parser('cases', help='an image for each malformed case')
    command.add_argument('directory')
    command = commands.add_parser('image', help='one image with some contents')
    command.add_argument('file')
    command.add_argument('--size', type=int, default=64 * MIB)
    command.add_argument('--block-size', type=int, default=MIB)
    command.add_argument('--sector', type=int, default=512, choices=(512, 4096))
    command.add_argument('--fixed', action='store_true')
    command.add_argument('--dirty', action='store_true')
    args = parser.parse_args()
    if args.command == 'cases':
        write_cases(args.directory)
    else:
        write_image(args)


if __name__ == '__main__':
    sys.exit(main())
