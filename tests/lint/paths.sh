#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Nothing in the project depends on the machine it was written on: no paths
# that only somebody's own machine has.
set -u
cd "${srcdir:-.}" || exit 99
paths='/(home|Users|w''ork|f''arm|root)/[A-Za-z.]'
grep -rnIE "(^|[^A-Za-z0-9_.-])$paths" --include='*' \
	--exclude-dir=.git --exclude-dir=autom4te.cache --exclude-dir=build \
	--exclude-dir=build-aux --exclude-dir=output --exclude=configure --exclude=aclocal.m4 \
	README bench contrib doc fs src tests tools Makefile.am configure.ac |
	grep -v '^tests/lint/paths.sh:\|/home/somebody' && exit 1
exit 0
