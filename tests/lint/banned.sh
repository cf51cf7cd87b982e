#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Calls that are not used here, and words that say something is unfinished.
set -u
cd "${srcdir:-.}" || exit 99
failed=0
sources=$(find src fs tools bench -name '*.[ch]' | sort)
# Comments and strings may speak of them.
code() {
	sed -E 's@"([^"\\]|\\.)*"@""@g; s@//.*@@; s@/\*.*\*/@@; /^[ \t]*\*/d; s@/\*.*@@' "$1"
}
for f in $sources; do
	hits=$(code "$f" | grep -nE '\b(atoi|atol|atoll|atof|strcpy|strcat|sprintf|vsprintf|strtok|strtok_r|system|popen|gets|tmpnam|mktemp|strdupa|alloca|rand)[ ]?\(')
	[ -z "$hits" ] || { echo "$f: $hits"; failed=1; }
	case $f in src/base/parse.c) ;; *)
		hits=$(code "$f" | grep -nE '\b(strto(l|ll|ul|ull|d|f|imax|umax)|sscanf)[ ]?\(')
		[ -z "$hits" ] || { echo "$f: $hits"; failed=1; } ;;
	esac
done
# shellcheck disable=SC2086
grep -nE '\b(TODO|FIXME|XXX|HACK|not implemented|unimplemented)\b' $sources &&
	failed=1
# Each begins with its licence.
for f in $sources $(find tests -name '*.[ch]'); do
	head -n 1 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
		{ echo "$f: no SPDX line"; failed=1; }
done
exit $failed
