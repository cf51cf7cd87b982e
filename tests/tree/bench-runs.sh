#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The bench runs: every figure but fio's, at next to no size. No time is
# judged.
TEST_TIMEOUT=600
. "${srcdir:-.}/tests/lib.sh"
need python3
for program in bench/bare bench/probe; do
	[ -x "$build/$program" ] || skip "no '$build/$program': make check builds it"
done
figures="startup memory stat ls creates verbs crawl"
! command -v fio >/dev/null || figures="$figures data"
out=$dir/output
# The cell is there already: what bench/run does inside its own.
ok python3 -B "$source_dir/bench/bench.py" --tiny --output "$out" $figures
# Each group has rows, with numbers, and the table has them all.
for group in start-up memory stat status "ls -l" creates verbs crawlers; do
	n=$(jq --arg g "$group" '[.rows[] | select(.group == $g and .value > 0)] |
		length' "$out/results.json")
	[ "$n" -gt 0 ] || fail "no figures of '$group'"
	grep -q "^${group^^}\$" "$out/results.txt" ||
		fail "the table has no '$group'"
done
is "rows of results.tsv" "$(jq '.rows | length + 1' "$out/results.json")" \
	"$(wc -l <"$out/results.tsv")"
is "ratios that are not numbers" 0 "$(jq '[.rows[] |
	select(.other != null and (.ratio | type) != "number")] | length' \
	"$out/results.json")"
fails_name=$(python3 -B "$source_dir/bench/bench.py" --output "$out" nothing 2>&1)
case $fails_name in
*"'nothing' is no figure: "*) ;;
*) fail "an unknown figure is refused with '$fails_name'" ;;
esac
finish
