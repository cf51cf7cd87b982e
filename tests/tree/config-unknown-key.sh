#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An unknown key is a warning that names the nearest, that service refuses
# creates, the others go on; a broken service has its .error.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services:
  local: {driver: local, szie: 64M}
  fine: {driver: local, size: 64M}
  odd: {driver: lokal}
END
start
fails_with EPERM "$tree/local/.create/db" size=64M
says "$tree/local/.error" "refused until the configuration is mended: "
says "$tree/local/.error" "did you mean 'size'"
says volfsd.log "warn configuration: $dir/config.yml:2: unknown key"
is "how often it says what is no driver" 1 "$(grep -c lokal volfsd.log)"
ok wr "$tree/fine/.create/db" 1
ok ls -l "$tree/odd"
says "$tree/odd/.error" local
is "state" misconfigured "$(json "$tree/odd/.status" .state)"
says "$tree/.volfs/status" szie
says "$tree/.volfs/config" "driver: local"
stop
finish
