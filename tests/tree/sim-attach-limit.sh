#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Quotas, the attach limit and a device that never appears have their errnos.
. "${srcdir:-.}/tests/lib.sh"
sim_config 'attachLimit: 1' 'quotaVolumes: 3' 'deviceTimeout: 1s'
start
within 10 has_json "$tree/cloud/.status" .state ok
for v in a b c; do ok wr "$tree/cloud/.create/$v" size=64M; done
fails_with EDQUOT "$tree/cloud/.create/d" size=64M
ok wr "$tree/cloud/a/attach" 1
fails_with EMFILE "$tree/cloud/b/attach" 1
says "$tree/cloud/b/error" limit
ok wr "$tree/cloud/a/detach" 1
ok wr "$tree/cloud/b/attach" 1
fails_with EINVAL "$tree/cloud/.create/e" "size=64M type=fsat"
says "$tree/cloud/.error" fast
stop
finish
