#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# volctl is a client of the tree and nothing else: its sources include only
# the base library, and it is linked to no library of the daemon.
. "${srcdir:-.}/tests/volctl/lib.sh"
what="the sources of volctl"
grep -h '^#include "' "$source_dir"/tools/volctl* | sort -u |
	grep -v -e '"base/' -e '"tools/volctl.h"' >"$dir/out"
silent out
grep -lE '\b(socket|connect|dlopen|ioctl|syscall|system|popen|exec[vl]p?e?) *\(' \
	"$source_dir"/tools/volctl*.c | grep -v volctl_progress >"$dir/out"
silent out
what="the libraries of volctl"
if command -v ldd >/dev/null; then
	ldd "$volctl" | awk '{ print $1 }' | sed 's,.*/,,' |
		grep -v -e '^linux-vdso' -e '^ld-linux' -e '^libc\.so' \
		-e '^libjson-c' -e '^libasan' -e '^libubsan' -e '^libm\.so' \
		-e '^libgcc_s' -e '^libstdc++' -e '^libdl' -e '^librt' \
		-e '^libpthread' >"$dir/out"
	silent out
fi
finish
