# Completion of names from the tree.
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = contrib/completion/_volctl
EXTRA_DIST += contrib/completion/volctl.bash

# bash looks for a file that is called as the command is.
install-data-hook: install-volctl-completion
uninstall-hook: uninstall-volctl-completion
install-volctl-completion:
	$(MKDIR_P) $(DESTDIR)$(bashcompletiondir)
	$(INSTALL_DATA) $(srcdir)/contrib/completion/volctl.bash \
		$(DESTDIR)$(bashcompletiondir)/volctl
uninstall-volctl-completion:
	rm -f $(DESTDIR)$(bashcompletiondir)/volctl
.PHONY: install-volctl-completion uninstall-volctl-completion
