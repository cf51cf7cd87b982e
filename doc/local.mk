dist_man_MANS += doc/volctl.1 doc/volfsd.8 doc/mount.volfs.8 doc/umount.volfs.8
EXTRA_DIST += doc/CONTRACT.md doc/DESIGN.md doc/STATUS.md
EXTRA_DIST += contrib/quickstart contrib/packages .ci/run

# The manual page of the configuration: what is written by hand, then the
# option tables.
noinst_PROGRAMS += conf2doc
conf2doc_SOURCES = doc/conf2doc.c doc/roff.h
conf2doc_LDADD = $(VOLFS_CORE_LIBS)

doc/volfs.conf.5: $(srcdir)/doc/volfs.conf.5.in conf2doc$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) doc && \
	{ sed '/^@KEYS@$$/,$$d' $(srcdir)/doc/volfs.conf.5.in && \
	  ./conf2doc$(EXEEXT) && \
	  sed '1,/^@KEYS@$$/d' $(srcdir)/doc/volfs.conf.5.in; } > $@.new && \
	mv $@.new $@
nodist_man_MANS += doc/volfs.conf.5
EXTRA_DIST += doc/volfs.conf.5.in
CLEANFILES += doc/volfs.conf.5
EXTRA_DIST += doc/PROVIDERS.md doc/OPEN.md doc/CONTAINERS.md
