# Tests through a real mount, one behaviour a script, each in a cell of its own
# (tests/lib/cell.c). They need root and /dev/fuse.
#
# To add one: write tests/tree/TOPIC-BEHAVIOUR.sh, begin it as the others do,
# and put it into one of the lists: those of "make check" use the sim driver
# alone and belong to every build; the others run by "make check-tree" and
# "make check-crash".

check_PROGRAMS += tests/lib/cell tests/lib/p99 tests/lib/wr
tests_lib_cell_SOURCES = tests/lib/cell.c
tests_lib_cell_LDADD = libvolfs-base.a
tests_lib_p99_SOURCES = tests/lib/p99.c
tests_lib_p99_LDADD = libvolfs-base.a
tests_lib_wr_SOURCES = tests/lib/wr.c
tests_lib_wr_LDADD = libvolfs-base.a

TREE_SIM_TESTS = \
	tests/tree/verb-waits.sh \
	tests/tree/names-and-back.sh \
	tests/tree/remove-meets-create.sh \
	tests/tree/names-taken.sh \
	tests/tree/mount-meets-refusal.sh \
	tests/tree/mount-meets-takers.sh \
	tests/tree/refresh-meets-jobs.sh \
	tests/tree/refresh-periodic.sh \
	tests/tree/sim-attach-limit.sh \
	tests/tree/sim-failures.sh \
	tests/tree/sim-foreign.sh \
	tests/tree/sim-lag.sh \
	tests/tree/sim-life.sh \
	tests/tree/sim-lost.sh \
	tests/tree/sim-many-snapshots.sh \
	tests/tree/sim-no-device.sh \
	tests/tree/sim-outside.sh \
	tests/tree/sim-remains.sh \
	tests/tree/sim-silent.sh \
	tests/tree/sim-tags.sh \
	tests/tree/sim-unreachable.sh \
	tests/tree/signal-background-job.sh \
	tests/tree/signal-interrupt.sh \
	tests/tree/signal-repeated.sh \
	tests/tree/verb-timeout.sh \
	tests/tree/write-forty-names.sh
TESTS += $(TREE_SIM_TESTS)

# The longest first: two run at once.
TREE_TESTS = \
	tests/tree/crawl-tools.sh \
	tests/tree/crawl-removers.sh \
	tests/tree/bench-runs.sh \
	tests/tree/bind-confined.sh \
	tests/tree/btrfs-crowd.sh \
	tests/tree/btrfs-foreign.sh \
	tests/tree/btrfs-life.sh \
	tests/tree/btrfs-quota.sh \
	tests/tree/config-bad.sh \
	tests/tree/config-reload.sh \
	tests/tree/config-readded.sh \
	tests/tree/config-reload-memory.sh \
	tests/tree/config-unknown-key.sh \
	tests/tree/daemon-background.sh \
	tests/tree/daemon-down.sh \
	tests/tree/daemon-notify.sh \
	tests/tree/daemon-place.sh \
	tests/tree/daemon-second.sh \
	tests/tree/daemon-sigkill.sh \
	tests/tree/daemon-sigterm.sh \
	tests/tree/devices-told.sh \
	tests/tree/data-read-only-below.sh \
	tests/tree/disk-full-state.sh \
	tests/tree/disk-full.sh \
	tests/tree/events-grow.sh \
	tests/tree/files-look.sh \
	tests/tree/files-readme-commands.sh \
	tests/tree/files-status-schema.sh \
	tests/tree/files-writable.sh \
	tests/tree/image-deleted.sh \
	tests/tree/image-truncated.sh \
	tests/tree/import-image.sh \
	tests/tree/life-btrfs.sh \
	tests/tree/life-ext4.sh \
	tests/tree/life-xfs.sh \
	tests/tree/limits-descriptors.sh \
	tests/tree/limits-memory.sh \
	tests/tree/limits-one-user.sh \
	tests/tree/log-stalled.sh \
	tests/tree/mkfs-halfway.sh \
	tests/tree/mount-auto.sh \
	tests/tree/mount-busy.sh \
	tests/tree/mount-by-hand.sh \
	tests/tree/mount-renamed.sh \
	tests/tree/mount-subpath.sh \
	tests/tree/mount8-fstab.sh \
	tests/tree/mount8-options.sh \
	tests/tree/mount8-refused.sh \
	tests/tree/mount8-volume.sh \
	tests/tree/names-again.sh \
	tests/tree/names-bytes.sh \
	tests/tree/names-claimed.sh \
	tests/tree/names-limits.sh \
	tests/tree/names-stale.sh \
	tests/tree/owner-delegated.sh \
	tests/tree/owner-modes.sh \
	tests/tree/owner-per-user.sh \
	tests/tree/readme-session.sh \
	tests/tree/session-first-minutes.sh \
	tests/tree/size-values.sh \
	tests/tree/snapshot-gone.sh \
	tests/tree/snapshot-under-writer.sh \
	tests/tree/store-corrupt.sh \
	tests/tree/store-locked.sh \
	tests/tree/store-lost.sh \
	tests/tree/store-newer.sh \
	tests/tree/store-read-only.sh \
	tests/tree/storm-mv.sh \
	tests/tree/storm-names.sh \
	tests/tree/superblock-lost.sh \
	tests/tree/systemd-fstab.sh \
	tests/tree/sysv-script.sh \
	tests/tree/verb-idempotent.sh \
	tests/tree/verb-words.sh \
	tests/tree/volctl-alone.sh \
	tests/tree/volctl-dead.sh \
	tests/tree/write-lines.sh \
	tests/tree/write-programs.sh
# Measured, so alone.
TREE_ALONE_TESTS = \
	tests/tree/read-never-slowed.sh

# kill -9 at every step; with --enable-fault-points.
CRASH_TESTS = \
	tests/tree/crash-freeze.sh

EXTRA_DIST += $(TREE_SIM_TESTS) $(TREE_TESTS) $(TREE_ALONE_TESTS) \
	$(CRASH_TESTS) tests/lib.sh tests/lib/btrfs.sh tests/lib/crowd.sh \
	tests/lib/mount8.sh \
	tests/lib/life.sh tests/run

check-tree: all $(check_PROGRAMS)
	@status=0; \
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS="$(TREE_TESTS)" \
		|| status=1; \
	$(MAKE) $(AM_MAKEFLAGS) -j1 check-TESTS TESTS="$(TREE_ALONE_TESTS)" \
		|| status=1; \
	exit $$status

check-crash: all $(check_PROGRAMS)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS="$(CRASH_TESTS)"

# The units, the fuzz targets' short runs and the daemon's way through the sim
# driver, in a build that was configured with --enable-sanitizers.
check-sanitizers: all $(check_PROGRAMS)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS \
		TESTS="$(UNIT_TESTS) $(FUZZ_TARGETS) $(FS_TESTS) $(TREE_SIM_TESTS)"

# Units under valgrind, those that need no devices; then the daemon itself, in
# tests of its way through the sim driver: lib.sh counts what valgrind says.
VALGRIND_TESTS = tests/unit/err tests/unit/buf tests/unit/parse \
	tests/unit/escape tests/unit/volume tests/unit/options tests/unit/log \
	tests/unit/call tests/unit/http tests/unit/sim_parse \
	tests/unit/config tests/unit/store_trouble tests/unit/show \
	tests/unit/files tests/unit/node
VALGRIND_TREE_TESTS = tests/tree/sim-life.sh tests/tree/sim-lost.sh \
	tests/tree/write-forty-names.sh
check-valgrind: all $(check_PROGRAMS)
	@status=0; \
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS="$(VALGRIND_TESTS)" \
		LOG_COMPILER="valgrind -q --error-exitcode=1 \
		--leak-check=full --errors-for-leak-kinds=definite" \
		|| status=1; \
	VOLFSD_UNDER="valgrind --child-silent-after-fork=yes \
		--leak-check=full --errors-for-leak-kinds=definite" \
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS="$(VALGRIND_TREE_TESTS)" \
		|| status=1; \
	exit $$status

# Data races, in a build that was configured with --enable-sanitizers=thread.
THREAD_TESTS = tests/unit/call tests/unit/engine \
	tests/tree/sim-life.sh tests/tree/sim-failures.sh \
	tests/tree/config-reload.sh tests/tree/write-forty-names.sh
check-threads: all $(check_PROGRAMS)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS="$(THREAD_TESTS)"

# In a build that was configured with --enable-fuzzing: the seeds, then changes
# of them, as good as the same ones each time. Without -use_cmp=0 these depend
# on json-c's hashes, which begin by chance, and without -reload=0 on the clock.
# The time is for slow machines. tests/fuzz/local.mk says how to look longer.
FUZZ_RUNS = 20000
FUZZ_SECONDS = 12
check-fuzz: $(check_PROGRAMS)
	@for target in $(FUZZ_TARGETS); do \
		echo "$$target"; \
		rm -rf fuzz-corpus && mkdir fuzz-corpus || exit 1; \
		./$$target -seed=1 -runs=$(FUZZ_RUNS) -reload=0 -use_cmp=0 \
			-timeout=20 -max_total_time=$(FUZZ_SECONDS) \
			-artifact_prefix=./ fuzz-corpus || exit 1; \
	done; \
	rm -rf fuzz-corpus

.PHONY: check-tree check-crash check-sanitizers check-valgrind check-threads \
	check-fuzz

# distcheck: nothing may be skipped there, whatever kind of test it is.
# What is installed outside of the prefix goes into it here.
DISTCHECK_CONFIGURE_FLAGS = --enable-werror --enable-fault-points \
	--with-systemdsystemunitdir='$${prefix}/lib/systemd/system' \
	--with-systemdsystemgeneratordir='$${prefix}/lib/systemd/system-generators' \
	--with-tmpfilesdir='$${prefix}/lib/tmpfiles.d' \
	--with-udevrulesdir='$${prefix}/lib/udev/rules.d' \
	--with-initscriptdir='$${prefix}/etc/init.d' \
	--with-mounthelperdir='$${prefix}/helpers'
installcheck-local:
	@case $(abs_builddir) in \
	*/_build/sub) \
		skipped=`grep -l '^:test-result: SKIP' $(TEST_LOGS:.log=.trs) \
			2>/dev/null`; \
		test -z "$$skipped" || { echo "skipped: $$skipped"; exit 1; } ;; \
	esac
	$(DESTDIR)$(sbindir)/volfsd --version
	$(DESTDIR)$(sbindir)/mount.volfs --version
	$(DESTDIR)$(sbindir)/umount.volfs --version
	test -z "$(mounthelperdir)" || \
		test -L $(DESTDIR)$(mounthelperdir)/mount.volfs || \
		test $(mounthelperdir) -ef $(sbindir)
	$(DESTDIR)$(bindir)/volctl --version
