# Tests. Each kind has its own list; add a line for a new kind.
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/volctl/local.mk
include tests/conformance.mk
include tests/tree/local.mk
include tests/lint/local.mk
include tests/crash/local.mk
