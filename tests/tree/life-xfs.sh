#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole life of a volume with xfs.
. "${srcdir:-.}/tests/lib.sh"
. "$source_dir/tests/lib/life.sh"
start
life xfs
stop
finish
