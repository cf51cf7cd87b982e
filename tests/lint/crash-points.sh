#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each fault point of the sources has a crash test that kills there.
set -u
cd "${srcdir:-.}" || exit 99
failed=0
patterns=$(sed -n '/^crash_at/,$p' tests/tree/crash-*.sh | grep -oE "'[a-z.*-]+'" | tr -d "'")
for p in $(grep -rhoE 'FAULT_POINT\("[^"]*"\)' src fs | sed 's/.*("//; s/").*//' | sort -u); do
	found=
	set -f
	for pattern in $patterns; do
		# shellcheck disable=SC2254
		case $p in $pattern) found=1 ;; esac
	done
	set +f
	[ -n "$found" ] || { echo "no crash test kills at '$p'"; failed=1; }
done
exit $failed
