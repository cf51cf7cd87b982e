# The drivers, one block each; registry.c has a line for each, too.
libvolfs_core_a_CPPFLAGS = $(AM_CPPFLAGS) \
	-DVOLFS_LIBEXECDIR='"$(libexecdir)"'
libvolfs_core_a_SOURCES += src/providers/registry.c

# local: sparse files on loop devices.
libvolfs_core_a_SOURCES += \
	src/providers/local.c src/providers/local.h \
	src/providers/local_copy.c src/providers/local_facts.c \
	src/providers/local_snapshot.c src/providers/local_space.c \
	src/providers/local_store.c

# sim: the simulated cloud's driver, the one to copy from.
libvolfs_core_a_SOURCES += \
	src/providers/sim.c src/providers/sim.h \
	src/providers/sim_ask.c src/providers/sim_cloud.c \
	src/providers/sim_parse.c

# btrfs: subvolumes.
libvolfs_core_a_SOURCES += \
	src/providers/btrfs.c src/providers/btrfs.h \
	src/providers/btrfs_home.c src/providers/btrfs_list.c \
	src/providers/btrfs_parse.c src/providers/btrfs_sys.c \
	src/providers/btrfs_work.c

# nfs: directories of an NFS share, by helper processes.
libvolfs_core_a_SOURCES += \
	src/providers/nfs.c src/providers/nfs.h \
	src/providers/nfs_copies.c src/providers/nfs_copy.c \
	src/providers/nfs_help.c src/providers/nfs_lock.c \
	src/providers/nfs_parse.c src/providers/nfs_probe.c \
	src/providers/nfs_tree.c src/providers/nfs_volumes.c
