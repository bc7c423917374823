# SPDX-License-Identifier: GPL-2.0
"""What is in a VHDX image: headers, tables, log entries, each as the bytes that it is."""

import dataclasses
import functools
import hashlib
import struct
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
def disk_digest(length, block, contents):
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
