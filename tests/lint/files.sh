#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The attribute tables: each row has its help, and each file of the tree is
# named in a test through a real mount.
set -u
cd "${srcdir:-.}" || exit 99
failed=0
for f in fs/files_*.c; do
	# A row begins with { "name", and ends with the next one or the table.
	awk -v file="$f" '
		/^\t\{ "/ { if (row && !help) bad(); row = FNR; help = 0; name = $2 }
		/\.help =/ { help = 1 }
		/^\};/ { if (row && !help) bad(); row = 0 }
		function bad() { print file ":" row ": row " name " has no help"; status = 1 }
		END { exit status }' "$f" || failed=1
done
names=$(sed -nE 's/^\t\{ "([A-Za-z.1-]+)", [A-Z_]+,.*/\1/p' fs/files_*.c | sort -u)
[ "$(echo "$names" | wc -l)" -gt 40 ] ||
	{ echo "only these rows are found: $names"; failed=1; }
for name in $names; do
	grep -rqE "(/|\b|[{,])${name//./\\.}\b" tests/tree tests/lib tests/volctl ||
		{ echo "no test names '$name'"; failed=1; }
done
exit $failed
