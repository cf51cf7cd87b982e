# Unit tests: one cmocka program per module, tests/unit/MODULE.c.
#
# To add one: copy a block below and put the module's name in it; name the
# library the module is in: UNIT_LIBS, or $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS).

if HAVE_CMOCKA
UNIT_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_LIBS = libvolfs-base.a $(CMOCKA_LIBS)
UNIT_TESTS =

UNIT_TESTS += tests/unit/err
tests_unit_err_SOURCES = tests/unit/err.c
tests_unit_err_CFLAGS = $(UNIT_CFLAGS)
tests_unit_err_LDADD = $(UNIT_LIBS)

UNIT_TESTS += tests/unit/buf
tests_unit_buf_SOURCES = tests/unit/buf.c
tests_unit_buf_CFLAGS = $(UNIT_CFLAGS)
tests_unit_buf_LDADD = $(UNIT_LIBS) $(JSON_LIBS)

UNIT_TESTS += tests/unit/parse
tests_unit_parse_SOURCES = tests/unit/parse.c
tests_unit_parse_CFLAGS = $(UNIT_CFLAGS)
tests_unit_parse_LDADD = $(UNIT_LIBS)

UNIT_TESTS += tests/unit/escape
tests_unit_escape_SOURCES = tests/unit/escape.c
tests_unit_escape_CFLAGS = $(UNIT_CFLAGS)
tests_unit_escape_LDADD = $(UNIT_LIBS)

UNIT_TESTS += tests/unit/log
tests_unit_log_SOURCES = tests/unit/log.c
tests_unit_log_CFLAGS = $(UNIT_CFLAGS)
tests_unit_log_LDADD = $(UNIT_LIBS)

if FAULT_POINTS
UNIT_TESTS += tests/unit/fault
tests_unit_fault_SOURCES = tests/unit/fault.c
tests_unit_fault_CFLAGS = $(UNIT_CFLAGS)
tests_unit_fault_LDADD = $(UNIT_LIBS)
endif

UNIT_TESTS += tests/unit/volume
tests_unit_volume_SOURCES = tests/unit/volume.c
tests_unit_volume_CFLAGS = $(UNIT_CFLAGS)
tests_unit_volume_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/store
tests_unit_store_SOURCES = tests/unit/store.c tests/unit/store_place.h
tests_unit_store_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_store_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/store_trouble
tests_unit_store_trouble_SOURCES = tests/unit/store_trouble.c \
	tests/unit/store_place.h
tests_unit_store_trouble_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_store_trouble_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/options
tests_unit_options_SOURCES = tests/unit/options.c
tests_unit_options_CFLAGS = $(UNIT_CFLAGS)
tests_unit_options_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

# Loads each of tests/config/*.yml; VOLFS_WRITE_EXPECTED=1 writes what it shows
# to *.expected, to be read before it is committed.
UNIT_TESTS += tests/unit/config
tests_unit_config_SOURCES = tests/unit/config.c
tests_unit_config_CFLAGS = $(UNIT_CFLAGS)
tests_unit_config_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/call
tests_unit_call_SOURCES = tests/unit/call.c
tests_unit_call_CFLAGS = $(UNIT_CFLAGS)
tests_unit_call_LDADD = $(UNIT_LIBS)

# These skip what needs root and loop devices where there are none. They are
# their own helper programs: host_main.h.
UNIT_TESTS += tests/unit/host_helper
tests_unit_host_helper_SOURCES = tests/unit/host_helper.c tests/unit/host_main.h
tests_unit_host_helper_CFLAGS = $(UNIT_CFLAGS)
tests_unit_host_helper_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/host_loop
tests_unit_host_loop_SOURCES = tests/unit/host_loop.c tests/unit/host_main.h
tests_unit_host_loop_CFLAGS = $(UNIT_CFLAGS)
tests_unit_host_loop_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/host_fs
tests_unit_host_fs_SOURCES = tests/unit/host_fs.c tests/unit/host_main.h
tests_unit_host_fs_CFLAGS = $(UNIT_CFLAGS)
tests_unit_host_fs_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/host_freeze
tests_unit_host_freeze_SOURCES = tests/unit/host_freeze.c tests/unit/host_main.h
tests_unit_host_freeze_CFLAGS = $(UNIT_CFLAGS)
tests_unit_host_freeze_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/host_mount
tests_unit_host_mount_SOURCES = tests/unit/host_mount.c tests/unit/host_main.h
tests_unit_host_mount_CFLAGS = $(UNIT_CFLAGS)
tests_unit_host_mount_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/http
tests_unit_http_SOURCES = tests/unit/http.c
tests_unit_http_CFLAGS = $(UNIT_CFLAGS) $(MICROHTTPD_CFLAGS) $(CURL_CFLAGS)
tests_unit_http_LDADD = $(VOLFS_CORE_LIBS) $(MICROHTTPD_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/btrfs_parse
tests_unit_btrfs_parse_SOURCES = tests/unit/btrfs_parse.c
tests_unit_btrfs_parse_CFLAGS = $(UNIT_CFLAGS)
tests_unit_btrfs_parse_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/nfs_parse
tests_unit_nfs_parse_SOURCES = tests/unit/nfs_parse.c
tests_unit_nfs_parse_CFLAGS = $(UNIT_CFLAGS)
tests_unit_nfs_parse_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/nfs
tests_unit_nfs_SOURCES = tests/unit/nfs.c
tests_unit_nfs_CFLAGS = $(UNIT_CFLAGS)
tests_unit_nfs_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/sim_parse
tests_unit_sim_parse_SOURCES = tests/unit/sim_parse.c
tests_unit_sim_parse_CFLAGS = $(UNIT_CFLAGS)
tests_unit_sim_parse_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

# Talks to the real volfs-simcloud, which the build has put two levels up.
UNIT_TESTS += tests/unit/sim
tests_unit_sim_SOURCES = tests/unit/sim.c
tests_unit_sim_CFLAGS = $(UNIT_CFLAGS)
tests_unit_sim_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/engine
tests_unit_engine_SOURCES = tests/unit/engine.c tests/unit/host_main.h
tests_unit_engine_CFLAGS = $(UNIT_CFLAGS)
tests_unit_engine_LDFLAGS = -Wl,--wrap=pool_run
tests_unit_engine_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += tests/unit/local
tests_unit_local_SOURCES = tests/unit/local.c
tests_unit_local_CFLAGS = $(UNIT_CFLAGS)
tests_unit_local_LDADD = $(VOLFS_CORE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif
EXTRA_DIST += tests/config
