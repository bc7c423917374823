#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Before an emergency shell: says what is missing.

/sbin/vhdx-attach --last
