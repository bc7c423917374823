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
Its parts are in vhdx_disk.py, the cases in vhdx_cases.py and vhdx_logcases.py.
"""
import argparse
import os
import sys

sys.dont_write_bytecode = True      # beside the sources

from vhdx_cases import Cases, bat_cases, good_images, header_cases, metadata_cases, region_cases
# What users of this module change, too.
from vhdx_disk import *
from vhdx_image import *
from vhdx_logcases import log_cases


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
