#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Follows doc/PROVIDERS.md to the letter: the driver in it compiles, is entered
# in the registry as it says, passes the whole conformance suite by the script
# that it gives; and each field of the vtable has its paragraph.
set -u

top=${srcdir:-.}
text=$top/doc/PROVIDERS.md
# cc, compile, link, objects and libs: as everything else is built.
. ./tests/provider-doc.env || exit 99

dir=$(mktemp -d "${TMPDIR:-/tmp}/volfs-provider-doc.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

die() {
	echo "# $*"
	exit 1
}

# blocks LANGUAGE: what stands between such fences, joined by empty lines
blocks() {
	awk -v want="$1" '
	/^ *```/ {
		if (inside) { inside = 0; next }
		inside = 1
		indent = index($0, "`") - 1
		language = substr($0, indent + 4)
		if (language == want && blocks++)
			print ""
		next
	}
	inside && language == want { print substr($0, indent + 1) }
	' "$text"
}

for field in $(sed -n '/^struct provider {/,/^};/p' \
		"$top/src/core/provider.h" | sed -nE \
		-e 's/^\t[a-z].*\(\*([a-z_]+)\)\(.*/\1/p' \
		-e 's/^\t[a-z][a-z_ ]*[ *]([a-z_]+);.*/\1/p'); do
	fields=${fields:-}x
	sed -n '/^## 3\./,/^## 4\./p' "$text" | grep -q "\`\.$field[(\`]" ||
		die "section 3 does not explain the field '$field'"
done
[ "$(expr length "${fields:-}")" -ge 28 ] || die "the vtable is not found"

blocks c >"$dir/folder.c"
blocks sh >"$dir/conformance-folder.sh"
blocks registry >"$dir/lines"
[ "$(grep -c . "$dir/lines")" = 2 ] || die "edit 2 has not two lines"
# The registry with these lines in the place of all others.
awk -v extern="$(sed -n 1p "$dir/lines")" -v row="$(sed -n 2p "$dir/lines")" '
	/^extern const struct provider provider_/ {
		if (!externs++) print extern
		next
	}
	/^\t&provider_/ { if (!rows++) print row; next }
	{ print }' "$top/src/providers/registry.c" >"$dir/registry.c"
grep -q '&provider_local' "$dir/registry.c" && die "registry.c has changed"

for name in folder registry; do
	# shellcheck disable=SC2086
	$cc $compile -Werror -c -o "$dir/$name.o" "$dir/$name.c" ||
		die "$name.c of the text does not compile"
done
# Our registry comes first, so that of the library is left out.
# shellcheck disable=SC2086
$cc $compile $link -o "$dir/conformance" $objects "$dir/folder.o" \
	"$dir/registry.o" $libs || die "it does not link"
"$dir/conformance" local >/dev/null 2>&1
[ $? = 2 ] || die "other drivers are in the program, too"

TMPDIR=$dir CONFORMANCE=$dir/conformance sh "$dir/conformance-folder.sh" \
	>"$dir/tap"
status=$?
cat "$dir/tap"
[ $status = 0 ] || die "the suite failed"
grep -q '^not ok' "$dir/tap" && die "the suite failed and said otherwise"
ran=$(grep '^ok' "$dir/tap" | grep -vc SKIP)
[ "$ran" -ge 28 ] || die "only $ran checks were run"
exit 0
