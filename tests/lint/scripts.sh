#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Scripts parse, can be run, and each test of tests/tree and tests/guest is in
# a list.
set -u
cd "${srcdir:-.}" || exit 99
failed=0
for f in contrib/quickstart .ci/run bench/run tests/run tests/*.sh \
	tests/*/*.sh tests/guest/run tests/guest/kernel tests/guest/boot/*.sh; do
	[ -e "$f" ] || continue
	head -n 1 "$f" | grep -q '^#!' || { bash -n "$f" || failed=1; continue; }
	[ -x "$f" ] || { echo "$f: not executable"; failed=1; }
	case $(head -n 1 "$f") in
	*bash) bash -n "$f" || failed=1 ;;
	*) sh -n "$f" || failed=1 ;;
	esac
done
for f in tests/tree/*.sh tests/lint/*.sh tests/guest/*.sh \
	 tests/guest/boot/*.sh tests/containers/*.sh; do
	grep -qF "$f" tests/tree/local.mk tests/lint/local.mk \
		tests/guest/local.mk tests/containers/local.mk ||
		{ echo "$f: in no list of local.mk"; failed=1; }
done
exit $failed
