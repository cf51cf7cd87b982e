# Tests with podman and dockerd, which run in the test's cell: lib.sh says how.
# They need root, /dev/fuse, both engines and control groups, and run by "make
# check-containers".

check_PROGRAMS += tests/containers/handle
tests_containers_handle_SOURCES = tests/containers/handle.c
tests_containers_handle_CPPFLAGS = $(AM_CPPFLAGS) $(FUSE_CFLAGS)
tests_containers_handle_LDADD = libvolfs-base.a

# The longest first: two run at once.
CONTAINER_TESTS = \
	tests/containers/volume.sh \
	tests/containers/restart.sh \
	tests/containers/service.sh \
	tests/containers/tree.sh \
	tests/containers/doc.sh \
	tests/containers/data.sh \
	tests/containers/held.sh \
	tests/containers/killed.sh \
	tests/containers/names.sh \
	tests/containers/userns.sh
EXTRA_DIST += $(CONTAINER_TESTS) tests/containers/lib.sh \
	tests/containers/confined.sh tests/containers/attack.sh

check-containers: all $(check_PROGRAMS)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS="$(CONTAINER_TESTS)"
.PHONY: check-containers
