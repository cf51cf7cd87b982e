# volctl: a client of the tree; links nothing of the daemon.
bin_PROGRAMS += volctl
volctl_SOURCES = \
	tools/volctl.c tools/volctl.h \
	tools/volctl_error.c \
	tools/volctl_events.c \
	tools/volctl_help.c \
	tools/volctl_life.c \
	tools/volctl_list.c \
	tools/volctl_progress.c \
	tools/volctl_show.c \
	tools/volctl_status.c \
	tools/volctl_tree.c \
	tools/volctl_verb.c \
	tools/volctl_wait.c
volctl_LDADD = libvolfs-base.a $(JSON_LIBS)

# mount.volfs, which is umount.volfs too: for mount(8). It shares with volctl
# how the tree is read and written, and needs libmount for the note of a mount.
sbin_PROGRAMS += mount.volfs
mount_volfs_CFLAGS = $(AM_CFLAGS) $(MOUNT_CFLAGS)
mount_volfs_CPPFLAGS = $(AM_CPPFLAGS) -DVOLFS_SBINDIR='"$(sbindir)"' \
	-DVOLFS_BINDIR='"$(bindir)"'
mount_volfs_SOURCES = \
	tools/mount_volfs.c tools/mount_volfs.h \
	tools/mount_notes.c \
	tools/mount_place.c \
	tools/mount_tree.c \
	tools/volctl.h \
	tools/volctl_error.c \
	tools/volctl_show.c \
	tools/volctl_tree.c
mount_volfs_LDADD = libvolfs-base.a $(MOUNT_LIBS) $(JSON_LIBS)

# What a line of fstab does not tell systemd. Built always, so that it is
# tested; installed where systemd is.
noinst_PROGRAMS += volfs-fstab-generator
volfs_fstab_generator_CFLAGS = $(AM_CFLAGS) $(MOUNT_CFLAGS)
volfs_fstab_generator_SOURCES = tools/fstab_generator.c
volfs_fstab_generator_LDADD = libvolfs-base.a $(MOUNT_LIBS)

# volfs-simcloud: the simulated cloud behind the sim driver.
libexec_PROGRAMS += volfs-simcloud
volfs_simcloud_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS) $(MICROHTTPD_CFLAGS)
volfs_simcloud_SOURCES = \
	tools/simcloud.c tools/simcloud.h \
	tools/simcloud_admin.c \
	tools/simcloud_attach.c \
	tools/simcloud_disk.c \
	tools/simcloud_plug.c \
	tools/simcloud_server.c \
	tools/simcloud_snapshot.c \
	tools/simcloud_store.c \
	tools/simcloud_volume.c
volfs_simcloud_LDADD = libvolfs-base.a $(SQLITE_LIBS) $(MICROHTTPD_LIBS) \
	$(JSON_LIBS)
