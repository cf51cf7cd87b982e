# libvolfs-base: what every program of ours may use.
noinst_LIBRARIES += libvolfs-base.a
libvolfs_base_a_SOURCES = \
	src/base/auto.h \
	src/base/buf.c src/base/buf.h \
	src/base/call.c src/base/call.h \
	src/base/clock.h \
	src/base/err.c src/base/err.h \
	src/base/escape.c src/base/escape.h \
	src/base/fault.c src/base/fault.h \
	src/base/file.c src/base/file.h \
	src/base/log.c src/base/log.h \
	src/base/loop.c src/base/loop.h \
	src/base/parse.c src/base/parse.h

# libvolfs-core: knows volumes and services, knows nothing of FUSE.
noinst_LIBRARIES += libvolfs-core.a
libvolfs_core_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(YAML_CFLAGS) \
	$(UDEV_CFLAGS) $(MOUNT_CFLAGS) $(BLKID_CFLAGS) $(SQLITE_CFLAGS)
libvolfs_core_a_SOURCES =
VOLFS_CORE_LIBS = libvolfs-core.a libvolfs-base.a $(JSON_LIBS) \
	$(YAML_LIBS) $(UDEV_LIBS) $(MOUNT_LIBS) $(BLKID_LIBS) $(SQLITE_LIBS)

include src/core/local.mk
include src/core/host/local.mk
include src/net/local.mk
include src/providers/local.mk
