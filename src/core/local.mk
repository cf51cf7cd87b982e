
# What a volume is, and what outlives the daemon.
libvolfs_core_a_SOURCES += \
	src/core/store.c src/core/store.h src/core/store_internal.h \
	src/core/store_commit.c src/core/store_db.c src/core/store_file.c \
	src/core/volume.c src/core/volume.h src/core/volume_internal.h \
	src/core/volume_codec.c src/core/volume_local.c

# The configuration: option tables, YAML, the older forms, what is in force.
libvolfs_core_a_SOURCES += \
	src/core/options.c src/core/options.h \
	src/core/config.c src/core/config.h src/core/config_internal.h \
	src/core/config_known.c src/core/config_lookup.c \
	src/core/config_resolve.c src/core/config_rexray.c \
	src/core/config_services.c src/core/config_show.c \
	src/core/config_tables.c src/core/config_unknown.c \
	src/core/config_yaml.c

# What every driver shares.
libvolfs_core_a_SOURCES += src/core/provider.c src/core/provider.h

# The engine.
libvolfs_core_a_SOURCES += \
	src/core/engine.c src/core/engine.h src/core/engine_impl.h \
	src/core/events.c \
	src/core/inventory.c \
	src/core/job.c \
	src/core/job_info.c \
	src/core/job_peers.c \
	src/core/job_store.c \
	src/core/line.c \
	src/core/device_care.c \
	src/core/share_care.c \
	src/core/mount_care.c \
	src/core/name_care.c \
	src/core/mount_place.c \
	src/core/pool.c \
	src/core/refresh.c \
	src/core/retire.c \
	src/core/service.c src/core/service.h \
	src/core/texts.c \
	src/core/update.c \
	src/core/verb.h src/core/verb_impl.h \
	src/core/verb_attach.c \
	src/core/verb_create.c \
	src/core/verb_daemon.c \
	src/core/verb_mount.c \
	src/core/verb_remains.c \
	src/core/verb_remove.c \
	src/core/verb_set.c \
	src/core/verb_snapshot.c \
	src/core/verbs.c \
	src/core/waiter.c
