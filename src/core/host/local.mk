# This machine: devices, file systems, mounts, and the helper processes in
# which whatever may sleep uninterruptibly runs.
libvolfs_core_a_SOURCES += \
	src/core/host/commands.h \
	src/core/host/device.c src/core/host/device.h \
	src/core/host/device_match.c src/core/host/device_match.h \
	src/core/host/device_watch.c src/core/host/device_watch.h \
	src/core/host/exec.c \
	src/core/host/filesystem.c src/core/host/filesystem.h \
	src/core/host/freeze.c src/core/host/freeze_guard.c \
	src/core/host/fs_options.c \
	src/core/host/fsck.c \
	src/core/host/helper.c src/core/host/helper.h \
	src/core/host/holders.c \
	src/core/host/loop_commands.c \
	src/core/host/mkfs.c \
	src/core/host/mount.c src/core/host/mount.h \
	src/core/host/mount_commands.c src/core/host/mount_internal.h \
	src/core/host/mount_table.c \
	src/core/host/probe.c \
	src/core/host/share.c src/core/host/share.h
