#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tags: sorted, replaced whole or edited by + and -; ours are neither shown
# nor writable.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'tags: {team: web}'
start
within 10 has_json "$tree/cloud/.status" .state ok
ok wr "$tree/cloud/.create/db" "size=1G tag=b=2 tag=a=1"
v=$tree/cloud/db
is "tags" "a=1 b=2 team=web" "$(xargs <"$v/tags")"
ok wr "$v/tags" $'+c=3\n-a'
is "tags" "b=2 c=3 team=web" "$(xargs <"$v/tags")"
ok wr "$v/tags" $'z=26\ny=two%20words'
is "tags" "y=two%20words,z=26" "$(paste -sd, "$v/tags")"
fails_with EINVAL "$v/tags" "volfs.blank=1"
fails_with EINVAL "$v/tags" "no-equals-sign"
ok cp "$v/tags" same
ok cp same "$v/tags"
is "tags in status" "two words" "$(json "$v/status" .tags.y)"
is "protect" 0 "$(cat "$v/protect")"
stop
finish
