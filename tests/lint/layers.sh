#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who may include whom. A driver does not know that it is behind a file system,
# and the file system cannot name a service.
set -u
cd "${srcdir:-.}" || exit 99
failed=0

# may DIRECTORY PATTERN...: what files there may include of ours, and of the
# libraries named here
libraries='fuse|curl/|json-c/|openssl/|yaml|libudev|libmount/|blkid/|sqlite3|microhttpd'
check() { # check WHAT FILES ALLOWED
	local what=$1 allowed=$3 f line name
	while IFS=: read -r f line name; do
		[ -n "$f" ] || continue
		[[ $name =~ ^($allowed) ]] && continue
		echo "$f:$line: $what may not include $name"
		failed=1
	done < <(eval "grep -nE '^[ \t]*#[ \t]*include [<\"]((src|fs|tools|bench|tests|base|net|core|providers)/|$libraries)' /dev/null $2" |
		sed -E 's/^([^:]*:[0-9]+):.*[<"]([^>"]*)[>"].*/\1:\2/')
}
check "src/base" "src/base/*.[ch]" 'base/'
check "src/net" "src/net/*.[ch]" 'base/|net/|curl/|json-c/|openssl/'
check "src/core" "src/core/*.[ch]" 'base/|net/|core/|yaml|sqlite3|json-c/'
check "src/core/host" "src/core/host/*.[ch]" 'base/|core/host/|json-c/|libudev|libmount/|blkid/'
check "fs" "fs/*.[ch]" 'base/|core/|fs/|fuse'
check "bench" "bench/*.[ch]" 'base/|fuse'
check "tools" "tools/*.[ch]" 'base/|tools/|json-c/|sqlite3|microhttpd|fs/node.h|fs/fs.h|libmount/'
# Those for mount(8) and for what systemd makes of fstab need its table.
grep -ln '<libmount/' tools/*.[ch] |
	grep -vx 'tools/mount_[a-z]*\.c\|tools/fstab_generator\.c' |
	sed 's|$| (libmount is for the mount helpers)|' | grep . && failed=1

# A driver: itself, what a driver is, and its own library.
for f in src/providers/*.[ch]; do
	own=$(basename "$f" | sed 's/[_.].*//')
	[ "$own" = registry ] && continue
	check "the driver '$own'" "$f" \
		"base/|net/|core/provider.h|core/options.h|core/volume.h|core/host/device.h|core/host/helper.h|core/host/share.h|providers/$own|json-c/"
	grep -nE '\b(getenv|pthread_create|printf|puts|putenv|setenv|setlocale)[ ]?\(' "$f" |
		sed "s|^|$f:|; s|\$| (not in a driver)|" | grep . && failed=1
done
# The file system names no driver.
names=$(sed -nE 's/.*&provider_([a-z0-9_]+).*/\1/p' src/providers/registry.c | paste -sd'|')
[ -n "$names" ] || { echo "no drivers found in registry.c"; failed=1; }
grep -nE "provider_($names)\b|\"($names)\"" fs/*.[ch] | grep -v '^fs/.*://' &&
	{ echo "fs names a driver"; failed=1; }
exit $failed
