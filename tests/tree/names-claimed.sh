#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A name belongs to one volume, whoever asks for it at the same time: an mv in
# progress, a creation, another mv; and where a store says otherwise, the
# volume in use keeps it.
. "${srcdir:-.}/tests/lib.sh"
need python3
sim_config 'answerWithin: 10s' 'latency: 300ms' 'parallel: 8'
start
within 10 has_json "$tree/cloud/.status" .state ok
c=$tree/cloud
ok wr "$c/.create/a" size=16M
wr --rename "$c/a" "$c/b" >mv.out &
mv=$!
within 5 has_json "$c/.status" .counts.jobs_running 1
fails_with EEXIST "$c/.create/b" size=16M
wait $mv
is "the mv" OK "$(cat mv.out)"
is "volumes" b "$(ls "$c" | xargs)"

# Everybody wants one name.
for i in 1 2 3 4; do
	ok wr "$c/.create/v$i" size=16M
done
crowd=()
for i in 1 2 3 4; do
	wr --rename "$c/v$i" "$c/same" >"mv$i.out" & crowd+=($!)
	wr "$c/.create/same" "size=16M" >"create$i.out" & crowd+=($!)
done
for p in "${crowd[@]}"; do wait "$p"; done
within 20 has_json "$c/.status" '.counts | .jobs_running + .jobs_waiting' 0
ok wr "$c/.refresh" 1
names=$(sim GET '/v1/volumes?limit=1000' | jq -r '.volumes[].name' | sort | xargs)
is "the cloud's names in the tree" "$names" "$(ls "$c" | xargs)"
is "names that are there twice" "" "$(ls "$c" | sort | uniq -d)"
is "volumes and ids" "$(ls "$c" | wc -l)" "$(ls "$c/.by-id" | wc -l)"

# ---- a store with one name twice ----

ok wr "$c/b/mount" 1
echo mine >"$c/b/data/whose"
b=$(cat "$c/b/id")
stop
python3 - "$state/volfs.db" <<'END'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for key, value in db.execute("SELECT key, value FROM kv WHERE bucket = 'volume'").fetchall():
    name, rest = bytes(value).split(b"\0", 1)
    if name == b"same":
        db.execute("UPDATE kv SET value = ? WHERE bucket = 'volume' AND key = ?",
                   (b"b\0" + rest, key))
db.commit()
END
start
is "names that are there twice" "" "$(ls "$c" | sort | uniq -d)"
is "the one in use" "$b" "$(cat "$c/b/id")"
within 10 has "$c/b/mounted" 1
is "its data" mine "$(cat "$c/b/data/whose")"
is "volumes and ids" "$(ls "$c" | wc -l)" "$(ls "$c/.by-id" | wc -l)"
ok wr "$c/b/unmount" 1
sim_is_clean
stop
finish
