# kill -9 of the daemon: at each fault point (matrix.sh), and at any instant
# (storm.sh). "make check-crash" runs them, beside those of tests/tree.
CRASH_TESTS += tests/crash/matrix.sh tests/crash/storm.sh
EXTRA_DIST += tests/crash/case.sh tests/crash/scenarios.sh
