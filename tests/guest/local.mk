# Tests under other kernels: user-mode Linux, and Debian's kernel in QEMU. What
# to know is in tests/guest/README; "make check-guest" runs them.
check_PROGRAMS += tests/guest/xstate.so
tests_guest_xstate_so_SOURCES = tests/guest/xstate.c
tests_guest_xstate_so_CFLAGS = -std=gnu11 -O2 -Wall -Wextra -fPIC
tests_guest_xstate_so_LDFLAGS = -shared

# The longest first: two run at once.
GUEST_TESTS = \
	tests/guest/systemd.sh \
	tests/guest/disks-nvme.sh \
	tests/guest/nfs-conformance.sh \
	tests/guest/nfs-hang.sh \
	tests/guest/nfs-life.sh \
	tests/guest/disks-scsi.sh \
	tests/guest/disks-identity.sh \
	tests/guest/harness.sh \
	tests/guest/qemu-monitor.sh \
	tests/guest/grow-ext4.sh
EXTRA_DIST += $(GUEST_TESTS) tests/guest/README tests/guest/kernel \
	tests/guest/lib.sh tests/guest/nfs-server.sh tests/guest/qmp.py \
	tests/guest/run \
	tests/guest/boot/inside.sh tests/guest/boot/places.sh \
	tests/guest/boot/qemu.sh tests/guest/boot/uml.sh \
	tests/guest/disks/found.py tests/guest/disks/life.sh \
	tests/guest/disks/lio tests/guest/disks/nvme

# Debian's kernel, unpacked into the build directory. Tests that want it say
# themselves that it is missing.
guest-kernel:
	-@test `uname -m` != x86_64 || \
		$(srcdir)/tests/guest/kernel tests/guest/unpacked
check-guest: all $(check_PROGRAMS) guest-kernel
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS="$(GUEST_TESTS)"
distclean-local:
	rm -rf tests/guest/unpacked tests/guest/staged
.PHONY: guest-kernel check-guest
