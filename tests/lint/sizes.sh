#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Files and functions that can be held: up to 1000 and 80 lines.
set -u
cd "${srcdir:-.}" || exit 99
failed=0
for f in $(find src fs tools bench tests -name '*.[ch]'); do
	n=$(wc -l <"$f")
	case $f in tests/*) limit=1200 ;; *) limit=1000 ;; esac
	[ "$n" -le $limit ] || { echo "$f: $n lines"; failed=1; }
	awk -v file="$f" 'FNR == 1 { start = 0 } /^\{/ { start = FNR }
		/^\}/ { if (start && FNR - start > 80) {
			print file ":" start ": a function of " FNR - start " lines"
			bad = 1 } start = 0 }
		END { exit bad }' "$f" || failed=1
done
exit $failed
