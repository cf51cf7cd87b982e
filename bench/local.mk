# What the daemon costs, as ratios: bench/README.md.
check_PROGRAMS += bench/bare bench/probe
bench_bare_CFLAGS = $(AM_CFLAGS) $(FUSE_CFLAGS)
bench_bare_SOURCES = bench/bare.c
bench_bare_LDADD = libvolfs-base.a $(FUSE_LIBS)
bench_probe_SOURCES = bench/probe.c
bench_probe_LDADD = libvolfs-base.a

BENCH = bench/bench.py bench/kit.py bench/plot.py bench/table.py \
	bench/figures_data.py bench/figures_life.py bench/figures_tree.py
EXTRA_DIST += bench/run bench/README.md $(BENCH)

# BENCH_FLAGS="--quick" or names of figures.
BENCH_FLAGS =
bench: all bench/bare$(EXEEXT) bench/probe$(EXEEXT) tests/lib/cell$(EXEEXT)
	VOLFS_BUILD=$(abs_builddir) $(srcdir)/bench/run $(BENCH_FLAGS)
.PHONY: bench
