# What a grep can hold up: rules of the sources, checked with every build.
LINT_TESTS = \
	tests/lint/banned.sh \
	tests/lint/files.sh \
	tests/lint/layers.sh \
	tests/lint/paths.sh \
	tests/lint/scripts.sh \
	tests/lint/sizes.sh
TESTS += $(LINT_TESTS)
EXTRA_DIST += $(LINT_TESTS)
