#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each failure of a service has its errno and its sentence, with the service's
# own code.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'answerTimeout: 20s'
start
within 10 has_json "$tree/cloud/.status" .state ok
c=$tree/cloud
rule() {
	sim DELETE /admin/rules >/dev/null
	sim POST /admin/rules "$1" >/dev/null
}
ok wr "$c/.create/db" size=1G
rule '{"op":"attach","action":"fail","status":409,"code":"VolumeInUse","message":"it is elsewhere"}'
fails_with EBUSY "$c/db/attach" 1
says "$c/db/error" VolumeInUse
says "$c/db/error" "it is elsewhere"
is "errno in status" EBUSY "$(json "$c/db/status" .error.errno)"
is "code in status" VolumeInUse "$(json "$c/db/status" .error.code)"
rule '{"op":"attach","action":"fail","status":403,"code":"AccessDenied"}'
fails_with EACCES "$c/db/attach" 1
rule '{"op":"attach","action":"garbage"}'
fails_with EPROTO "$c/db/attach" 1
# The listing that fails says that it is one.
rule '{"op":"list","action":"fail","status":403,"code":"AccessDenied","message":"expired"}'
fails_with EACCES "$c/.refresh" 1
says "$c/.error" "list 'cloud': "
says "$c/.error" "expired [AccessDenied]"
is "why" "the last listing failed" "$(json "$c/.status" .stale_reason)"
# Of two that make one name, the later one has one whole sentence.
rule '{"op":"create","action":"delay","ms":1000,"times":1}'
wr "$c/.create/twin" size=1G >/dev/null & first=$!
within 5 has "$c/twin/state" creating
fails_with EEXIST "$c/.create/twin" size=2G
wait "$first"
is "twice" "" "$(grep -o "create 'twin': create" "$c/twin/error")"
says "$c/twin/error" "create 'twin': it is there already"
ok wr "$c/.remove/twin" 1
sim DELETE /admin/rules >/dev/null
ok wr "$c/db/attach" 1
ok wr "$c/db/detach" 1
# A create that ends in error: the volume is there and says so; the same line
# tries again; rmdir dismisses it.
rule '{"op":"create","action":"end-error","times":1,"at_call":1}'
got=$(wr "$c/.create/bad" size=1G) && fail "a create that fails succeeds"
is "state" error "$(cat "$c/bad/state")"
isnt "the sentence" "" "$(cat "$c/bad/error")"
sim DELETE /admin/rules >/dev/null
ok wr "$c/.create/bad" size=1G
is "state" available "$(cat "$c/bad/state")"
# Lost answers: one volume, not two.
rule '{"op":"create","action":"lost","times":2}'
ok wr "$c/.create/lost" size=1G
is "state" available "$(cat "$c/lost/state")"
rule '{"op":"*","action":"throttle","times":3}'
ok wr "$c/.create/throttled" size=1G
sim DELETE /admin/rules >/dev/null
ok wr "$c/.refresh" 1
is "volumes" "bad db lost throttled" "$(ls "$c" | xargs)"
sim_is_clean
stop
finish
