#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Recursive deletes (rm -rf, find -delete, rmtree, Go's RemoveAll) remove no
# volume that ever held data.
TEST_TIMEOUT=600
. "${srcdir:-.}/tests/lib.sh"
need python3 go
. "$source_dir/tests/lib/crowd.sh"
crowd 300 3
for i in 1 2 3; do echo kept >"$tree/local/m$i/data/file"; done
ok wr "$tree/local/m3/unmount" 1
ok mkdir "$tree/local/m3/snapshots/one"
within 20 has "$tree/local/m3/snapshots/one/state" available
# Blank volumes may go.
ok wr "$tree/local/.create/blank" 1
cat >rm.go <<'END'
package main

import "os"

func main() {
	for _, path := range os.Args[1:] {
		if os.RemoveAll(path) == nil {
			os.Exit(3)
		}
	}
}
END
# What lies below a mounted data/ is files like any others: kept out of it.
for v in m1 m2; do ok wr "$tree/local/$v/unmount" 1; done
names=$(ls "$tree/cloud" | sha256sum)
there() {
	is "volumes of the cloud after $1" "$names" "$(ls "$tree/cloud" | sha256sum)"
	is "volumes left after $1" "m1 m2 m3" "$(ls "$tree/local" | grep -v blank | xargs)"
	is "snapshots after $1" one "$(ls "$tree/local/m3/snapshots")"
}
timeout 60 rm -rf "$tree/cloud" "$tree/local" 2>/dev/null
there "rm -rf"
timeout 60 find "$tree/cloud" "$tree/local" -delete 2>/dev/null
there "find -delete"
timeout 60 python3 -c 'import shutil, sys
for p in sys.argv[1:]: shutil.rmtree(p, ignore_errors=True)' "$tree/cloud" "$tree/local"
there "rmtree"
export HOME=$dir GOCACHE=$dir/go GOTOOLCHAIN=local GOFLAGS=-mod=mod
ok timeout 200 go build -o removeall rm.go
ok timeout 60 ./removeall "$tree/cloud" "$tree/local"
there "RemoveAll"
ok wr "$tree/local/m1/mount" 1
is "the data" kept "$(cat "$tree/local/m1/data/file")"
is "remove requests" null "$(sim GET /admin/counts | jq '.by_op.remove')"
stop
finish
