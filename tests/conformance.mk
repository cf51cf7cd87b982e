# The conformance suite, and one script a driver that runs it. The script
# finds the program as $CONFORMANCE, or below the build directory.
check_PROGRAMS += tests/conformance
tests_conformance_SOURCES = tests/conformance.c tests/conformance.h \
	tests/conformance_failures.c tests/conformance_snapshots.c \
	tests/conformance_volumes.c
tests_conformance_LDADD = $(VOLFS_CORE_LIBS)

CONFORMANCE_TESTS = tests/conformance-btrfs.sh tests/conformance-local.sh \
	tests/conformance-nfs.sh tests/conformance-sim.sh
EXTRA_DIST += $(CONFORMANCE_TESTS)
TESTS += $(CONFORMANCE_TESTS)

# The driver that doc/PROVIDERS.md has in its text, by that text alone.
check_DATA = tests/provider-doc.env
tests/provider-doc.env: Makefile
	$(AM_V_GEN)$(MKDIR_P) tests && { \
	echo "cc='$(CC)'"; \
	echo "compile='$(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS)'"; \
	echo "link='$(AM_LDFLAGS) $(LDFLAGS)'"; \
	echo "objects='$(tests_conformance_OBJECTS)'"; \
	echo "libs='$(VOLFS_CORE_LIBS) $(LIBS)'"; } > $@.new && mv $@.new $@
EXTRA_DIST += tests/provider-doc.sh
TESTS += tests/provider-doc.sh
CLEANFILES += tests/provider-doc.env
