#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every byte value in a name: what stands for itself, what is %XX, and that only
# the canonical form is taken.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 16M}}
END
start
s=$tree/local
for i in $(seq 1 255); do
	printf -v hex '%02X' "$i"
	printf -v byte "\\x$hex"
	case $byte in
	[A-Za-z0-9_-]|.) raw=OK escaped=EINVAL ;;
	/) raw= escaped=OK ;;
	%) raw=EINVAL escaped=OK ;;
	*) raw=EINVAL escaped=OK ;;
	esac
	# A raw byte, between two letters.
	[ -z "$raw" ] || is "mkdir of byte $hex" "$raw" "$(wr --mkdir "$s/a${byte}b$hex")"
	is "mkdir of %$hex" "$escaped" "$(wr --mkdir "$s/x%${hex}y")"
	lower=${hex,,}
	[ "$lower" = "$hex" ] || fails_with EINVAL --mkdir "$s/x%${lower}z"
done
is "a byte 0" EINVAL "$(wr --mkdir "$s/x%00y")"
# A volume is listed under the name it was made with.
ok test -d "$s/x%20y"
ok sh -c "ls '$s' | grep -qx 'x%FFy'"
is "its name in status" 'x%20y' "$(json "$s/x%20y/status" .name)"
# The sentence names the right form.
fails_with EINVAL --mkdir "$s/two words"
says "$s/.error" "two%20words"
fails_with EINVAL "$s/.create/two words" 1
stop
finish
