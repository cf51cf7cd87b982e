# Tests. Each kind has its own list; add a line for a new kind.
# Scripts have a rule by their suffix, so that a list which is not in TESTS can
# be run as well: make check-TESTS TESTS=...
TEST_EXTENSIONS = .sh
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/volctl/local.mk
include tests/conformance.mk
include tests/tree/local.mk
include tests/lint/local.mk
include tests/crash/local.mk
include tests/guest/local.mk
include tests/containers/local.mk
