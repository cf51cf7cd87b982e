#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An idle daemon asks its services again and again, as "refresh" says: nothing
# else has to happen for it.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'refresh: 200ms'
start
within 10 has_json "$tree/cloud/.status" .stale false
for i in 1 2 3; do
	seen=$(json "$tree/cloud/.status" .observed_at)
	within 10 sh -c "! grep -q '$seen' '$tree/cloud/.status'"
done
# So what happens behind our back is seen.
sim POST /v1/volumes '{"name":"new","size_bytes":1073741824}' >/dev/null
within 10 test -d "$tree/cloud/new"
stop
finish
