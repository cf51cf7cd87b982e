#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A mkfs that fails half-way: the mount fails with its sentence, what it left
# is not taken for data, and the next mount works.
. "${srcdir:-.}/tests/lib.sh"
config <<END
services: {local: {driver: local, size: 64M}}
END
# A mkfs that writes a little and dies, while the file "broken" is there.
mkdir bin
cat >bin/mkfs.ext4 <<END
#!/bin/sh
if [ -e $dir/broken ]; then
	for last; do :; done
	printf garbage | dd of="\$last" bs=4096 seek=1 conv=notrunc status=none
	echo "mkfs.ext4: it is broken on purpose" >&2
	exit 1
fi
exec $(command -v mkfs.ext4) "\$@"
END
chmod +x bin/mkfs.ext4
touch broken
export VOLFS_TOOL_PATH=$dir/bin:/usr/sbin:/sbin:/usr/bin:/bin
start
v=$tree/local/db
ok wr "$tree/local/.create/db" 1
fails_with EIO "$v/mount" 1
says "$v/error" "broken on purpose"
is "mounted" 0 "$(cat "$v/mounted")"
rm broken
ok wr "$v/mount" 1
is "data" ext4 "$(findmnt -no FSTYPE "$v/data")"
ok wr "$v/unmount" 1
stop
finish
