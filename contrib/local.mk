# Completion of names from the tree.
bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = contrib/completion/_volctl
EXTRA_DIST += contrib/completion/volctl.bash

# What systemd, udev and init find in places of their own; configure knows
# where, and --with-...=no leaves each out.
edit_paths = $(AM_V_GEN)$(MKDIR_P) $(@D) && \
	sed -e 's|[@]sbindir@|$(sbindir)|g' -e 's|[@]bindir@|$(bindir)|g'
contrib/systemd/volfs.service: $(srcdir)/contrib/systemd/volfs.service.in Makefile
	$(edit_paths) $(srcdir)/contrib/systemd/volfs.service.in >$@.new && \
		mv $@.new $@
contrib/sysv/volfs: $(srcdir)/contrib/sysv/volfs.in Makefile
	$(edit_paths) $(srcdir)/contrib/sysv/volfs.in >$@.new && \
		chmod +x $@.new && mv $@.new $@
noinst_DATA = contrib/systemd/volfs.service
noinst_SCRIPTS = contrib/sysv/volfs
CLEANFILES += contrib/systemd/volfs.service contrib/sysv/volfs
EXTRA_DIST += contrib/systemd/volfs.service.in contrib/systemd/mounts.conf \
	contrib/systemd/tmpfiles.conf contrib/sysv/volfs.in contrib/udev.rules

# Files that are to be called as what reads them wants it.
install-data-hook: install-volctl-completion install-places
uninstall-hook: uninstall-volctl-completion uninstall-places
install-volctl-completion:
	$(MKDIR_P) $(DESTDIR)$(bashcompletiondir)
	$(INSTALL_DATA) $(srcdir)/contrib/completion/volctl.bash \
		$(DESTDIR)$(bashcompletiondir)/volctl
uninstall-volctl-completion:
	rm -f $(DESTDIR)$(bashcompletiondir)/volctl

# The mounts that systemd makes units of, by the beginning of their names.
mount_units = volumes-.mount.d run-volfs-.mount.d
install-places:
if WITH_UNIT
	$(MKDIR_P) $(DESTDIR)$(systemdsystemunitdir)
	$(INSTALL_DATA) contrib/systemd/volfs.service \
		$(DESTDIR)$(systemdsystemunitdir)
	for d in $(mount_units); do \
		$(MKDIR_P) $(DESTDIR)$(systemdsystemunitdir)/$$d && \
		$(INSTALL_DATA) $(srcdir)/contrib/systemd/mounts.conf \
			$(DESTDIR)$(systemdsystemunitdir)/$$d/50-volfs.conf \
			|| exit 1; \
	done
endif
if WITH_GENERATOR
	$(MKDIR_P) $(DESTDIR)$(systemdsystemgeneratordir)
	$(INSTALL_PROGRAM) volfs-fstab-generator \
		$(DESTDIR)$(systemdsystemgeneratordir)
endif
if WITH_TMPFILES
	$(MKDIR_P) $(DESTDIR)$(tmpfilesdir)
	$(INSTALL_DATA) $(srcdir)/contrib/systemd/tmpfiles.conf \
		$(DESTDIR)$(tmpfilesdir)/volfs.conf
endif
if WITH_UDEV_RULES
	$(MKDIR_P) $(DESTDIR)$(udevrulesdir)
	$(INSTALL_DATA) $(srcdir)/contrib/udev.rules \
		$(DESTDIR)$(udevrulesdir)/60-volfs.rules
endif
if WITH_INITSCRIPT
	$(MKDIR_P) $(DESTDIR)$(initscriptdir)
	$(INSTALL_SCRIPT) contrib/sysv/volfs $(DESTDIR)$(initscriptdir)
endif
uninstall-places:
if WITH_UNIT
	rm -f $(DESTDIR)$(systemdsystemunitdir)/volfs.service
	for d in $(mount_units); do \
		rm -f $(DESTDIR)$(systemdsystemunitdir)/$$d/50-volfs.conf; \
		rmdir $(DESTDIR)$(systemdsystemunitdir)/$$d 2>/dev/null; \
	done; true
endif
if WITH_GENERATOR
	rm -f $(DESTDIR)$(systemdsystemgeneratordir)/volfs-fstab-generator
endif
if WITH_TMPFILES
	rm -f $(DESTDIR)$(tmpfilesdir)/volfs.conf
endif
if WITH_UDEV_RULES
	rm -f $(DESTDIR)$(udevrulesdir)/60-volfs.rules
endif
if WITH_INITSCRIPT
	rm -f $(DESTDIR)$(initscriptdir)/volfs
endif

# mount(8) finds its helper by name in /sbin. On a system where that is a link
# to the directory of the program itself there is nothing to be linked: also
# when it is installed for a package (DESTDIR), by what this machine has.
install-exec-hook:
	ln -sf mount.volfs $(DESTDIR)$(sbindir)/umount.volfs
	@if test -n "$(mounthelperdir)" && \
	   ! test "$(mounthelperdir)" -ef "$(sbindir)" && \
	   test "$(mounthelperdir)" != "$(sbindir)"; then \
		echo "links to mount.volfs in $(DESTDIR)$(mounthelperdir)" && \
		$(MKDIR_P) $(DESTDIR)$(mounthelperdir) && \
		for n in mount.volfs umount.volfs; do \
			ln -sf $(sbindir)/mount.volfs \
				$(DESTDIR)$(mounthelperdir)/$$n || exit 1; \
		done; \
	fi
uninstall-places: uninstall-helpers
uninstall-helpers:
	rm -f $(DESTDIR)$(sbindir)/umount.volfs
	@if test -n "$(mounthelperdir)" && \
	   ! test "$(mounthelperdir)" -ef "$(sbindir)" && \
	   test "$(mounthelperdir)" != "$(sbindir)"; then \
		for n in mount.volfs umount.volfs; do \
			rm -f $(DESTDIR)$(mounthelperdir)/$$n; \
		done; \
	fi
.PHONY: install-volctl-completion uninstall-volctl-completion \
	install-places uninstall-places uninstall-helpers
