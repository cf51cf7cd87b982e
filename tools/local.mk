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
