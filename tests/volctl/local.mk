# volctl against trees of plain files. One script a subject; they need no root
# and no daemon, run side by side and leave nothing behind.
VOLCTL_TESTS = \
	tests/volctl/completion-bash.sh \
	tests/volctl/completion-zsh.sh \
	tests/volctl/errors.sh \
	tests/volctl/ls.sh \
	tests/volctl/names.sh \
	tests/volctl/progress.sh \
	tests/volctl/rm.sh \
	tests/volctl/status.sh \
	tests/volctl/tree-only.sh \
	tests/volctl/usage.sh \
	tests/volctl/verbs.sh \
	tests/volctl/wait.sh
TESTS += $(VOLCTL_TESTS)
EXTRA_DIST += $(VOLCTL_TESTS) tests/volctl/lib.sh
