# The conformance suite, and one script a driver that runs it. The script
# finds the program as $CONFORMANCE, or below the build directory.
check_PROGRAMS += tests/conformance
tests_conformance_SOURCES = tests/conformance.c tests/conformance.h \
	tests/conformance_failures.c tests/conformance_snapshots.c \
	tests/conformance_volumes.c
tests_conformance_LDADD = $(VOLFS_CORE_LIBS)

CONFORMANCE_TESTS = tests/conformance-local.sh tests/conformance-sim.sh
EXTRA_DIST += $(CONFORMANCE_TESTS)
TESTS += $(CONFORMANCE_TESTS)
