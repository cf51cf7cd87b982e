# Fuzz targets: one program per parser, tests/fuzz/NAME.c, as fuzz.h says.
# With --enable-fuzzing (and clang) they are linked with libFuzzer; else with
# tests/fuzz/main.c, and then a short run belongs to every "make check".
# Each run begins with the target's fuzz_seeds: what was found once goes there.
#
# To add one: copy a block below and put the new name and library in it.
#
# "make check-fuzz" is short and does much the same each time. To look for more
# (hours are not too long), each target with a directory of its own that
# is kept from run to run:
#
#	configure --enable-fuzzing CC=clang && make && make check TESTS=
#	mkdir -p corpus/nfs
#	tests/fuzz/nfs -max_total_time=3600 -timeout=10 corpus/nfs
#
# (For config, the source's tests/config as a second directory helps.)
# -print_final_stats=1 says how it went, -print_coverage=1 what was not
# reached. A finding is left in crash-* or timeout-*: "tests/fuzz/nfs crash-..."
# shows it again.

FUZZ_TARGETS =
if FUZZING
FUZZ_MAIN = tests/fuzz/seeds.c
FUZZ_LINK = -fsanitize=fuzzer,address,undefined
else
FUZZ_MAIN = tests/fuzz/main.c
FUZZ_LINK =
endif

FUZZ_TARGETS += tests/fuzz/parse
tests_fuzz_parse_SOURCES = tests/fuzz/parse.c tests/fuzz/fuzz.h $(FUZZ_MAIN)
tests_fuzz_parse_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_parse_LDADD = libvolfs-base.a

FUZZ_TARGETS += tests/fuzz/escape
tests_fuzz_escape_SOURCES = tests/fuzz/escape.c tests/fuzz/fuzz.h $(FUZZ_MAIN)
tests_fuzz_escape_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_escape_LDADD = libvolfs-base.a

FUZZ_TARGETS += tests/fuzz/volume
tests_fuzz_volume_SOURCES = tests/fuzz/volume.c tests/fuzz/fuzz.h $(FUZZ_MAIN)
tests_fuzz_volume_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_volume_LDADD = $(VOLFS_CORE_LIBS)

FUZZ_TARGETS += tests/fuzz/config
tests_fuzz_config_SOURCES = tests/fuzz/config.c tests/fuzz/fuzz.h $(FUZZ_MAIN)
tests_fuzz_config_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_config_LDADD = $(VOLFS_CORE_LIBS)

FUZZ_TARGETS += tests/fuzz/sim
tests_fuzz_sim_SOURCES = tests/fuzz/sim.c tests/fuzz/fuzz.h $(FUZZ_MAIN)
tests_fuzz_sim_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_sim_LDADD = $(VOLFS_CORE_LIBS)

FUZZ_TARGETS += tests/fuzz/btrfs
tests_fuzz_btrfs_SOURCES = tests/fuzz/btrfs.c tests/fuzz/fuzz.h $(FUZZ_MAIN)
tests_fuzz_btrfs_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_btrfs_LDADD = $(VOLFS_CORE_LIBS)

FUZZ_TARGETS += tests/fuzz/nfs
tests_fuzz_nfs_SOURCES = tests/fuzz/nfs.c tests/fuzz/fuzz.h $(FUZZ_MAIN)
tests_fuzz_nfs_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_nfs_LDADD = $(VOLFS_CORE_LIBS)

FUZZ_TARGETS += tests/fuzz/line
tests_fuzz_line_SOURCES = tests/fuzz/line.c tests/fuzz/fuzz.h $(FUZZ_MAIN)
tests_fuzz_line_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_line_LDADD = $(VOLFS_CORE_LIBS)

FUZZ_TARGETS += tests/fuzz/http
tests_fuzz_http_SOURCES = tests/fuzz/http.c tests/fuzz/fuzz.h $(FUZZ_MAIN)
tests_fuzz_http_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS)
tests_fuzz_http_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_http_LDADD = $(VOLFS_CORE_LIBS)

FUZZ_TARGETS += tests/fuzz/host
tests_fuzz_host_SOURCES = tests/fuzz/host.c tests/fuzz/fuzz.h $(FUZZ_MAIN)
tests_fuzz_host_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_host_LDADD = $(VOLFS_CORE_LIBS)

FUZZ_TARGETS += tests/fuzz/stored
tests_fuzz_stored_SOURCES = tests/fuzz/stored.c tests/fuzz/fuzz.h $(FUZZ_MAIN)
tests_fuzz_stored_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LINK)
tests_fuzz_stored_LDADD = $(VOLFS_CORE_LIBS)

check_PROGRAMS += $(FUZZ_TARGETS)
EXTRA_DIST += tests/fuzz/main.c tests/fuzz/seeds.c
if !FUZZING
TESTS += $(FUZZ_TARGETS)
endif
