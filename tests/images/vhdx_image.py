# SPDX-License-Identifier: GPL-2.0
"""A VHDX image as a whole: see mkvhdx.py."""

import dataclasses
import struct

from vhdx_disk import (BAT_REGION, DISK, DISK_ID, DISK_SIZE, Data, FILE_PARAMETERS, FULL, Header, Item, KIB,
                       LOCATOR_TYPE, LOG, LOGICAL_SECTOR, METADATA_REGION, MIB, Metadata, PAGE,
                       PARENT_LOCATOR, PARTIAL, PHYSICAL_SECTOR, REQUIRED, Region, RegionTable, disk_digest,
                       content, guid)


@dataclasses.dataclass
class Block:
    state: int = FULL
    mib: int = None             # None: the next free MiB
    data: bytes = None          # None: whatever the tag gives, if the state has data
    tag: object = None
    raw: int = None             # the whole BAT entry


def full_guid(number):
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
        return disk_digest(min(length, self.size), self.block, tuple(sorted(contents.items())))

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
