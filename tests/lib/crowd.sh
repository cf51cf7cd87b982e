# SPDX-License-Identifier: Apache-2.0
# A crowd for crawlers: a cloud of $1 volumes, $2 local ones mounted, and one
# service that never answers. For tests/tree/crawl-*.

crowd() {
	local i
	config <<END
services:
  cloud: {driver: sim, refresh: 0, volumes: $1, volumeSize: 16M}
  mute: {driver: sim, silent: "*", requestTimeout: 1h}
  local: {driver: local, size: 16M, fstype: ext4}
END
	start
	within 60 has_json "$tree/cloud/.status" .counts.volumes "$1"
	for i in $(seq "$2"); do
		wr "$tree/local/.create/m$i" async
	done >/dev/null
	within 60 has_json "$tree/local/.status" .counts.volumes "$2"
	for i in $(seq "$2"); do
		wr "$tree/local/m$i/mount" async
	done >/dev/null
	within 100 has_json "$tree/local/.status" .counts.mounted "$2"
	within 10 has_json "$tree/local/.status" .counts.jobs_running 0
}

# What must be the same before and after: names, settings, states.
picture() {
	(cd "$tree" && ls -1 cloud local mute && cat local/*/{size,state,mounted,protect,jobs} &&
		cat cloud/sim-00000{1,2,3}*/{size,state,protect} 2>/dev/null
	 ls .volfs/jobs | tail -n 1) | sha256sum
}
