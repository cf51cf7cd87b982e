#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is a size, and what is not.
. "${srcdir:-.}/tests/lib.sh"
start
c=$tree/local/.create
for bad in 0 -1 10X 1e9 99999P 1.2.3G G '0x10' 10GBB '+5G' 18446744073709551616 nan; do
	fails_with EINVAL "$c/bad" "size=$bad"
	ok gone "$tree/local/bad"
	isnt "the sentence for '$bad'" "" "$(cat "$tree/local/.error")"
done
says "$tree/local/.error" nan
# Rounded up to whole MiB.
n=0
while read -r text bytes; do
	n=$((n + 1))
	ok wr "$c/v$n" "size=$text"
	is "size=$text" "$bytes" "$(cat "$tree/local/v$n/size")"
	is "as a directory's size" "$bytes" "$(stat -c %s "$tree/local/v$n")"
	is "in status" "$bytes" "$(json "$tree/local/v$n/status" .size_bytes)"
done <<END
67108864 67108864
64M 67108864
64MiB 67108864
64MB 65011712
1G 1073741824
1.5G 1610612736
1GB 1000341504
65536K 67108864
END
v=$tree/local/v2
fails_with EINVAL "$v/size" 32M
says "$v/error" "only grow"
fails_with EINVAL "$v/size" 10X
says "$v/error" 10X
is "size after refusals" 67108864 "$(cat "$v/size")"
# What is so already is fine; the canonical form changes nothing.
ok wr "$v/size" 64M
ok wr "$v/size" "$(cat "$v/size")"
ok wr "$v/size" "128M"
is "size" 134217728 "$(cat "$v/size")"
stop
finish
