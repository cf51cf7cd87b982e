# volfsd: the file system; names no driver.
noinst_LIBRARIES += libvolfs-fs.a
libvolfs_fs_a_CFLAGS = $(AM_CFLAGS) $(FUSE_CFLAGS)
libvolfs_fs_a_SOURCES = \
	fs/files_job.c \
	fs/files_root.c \
	fs/files_service.c \
	fs/files_snapshot.c \
	fs/files_volume.c \
	fs/fs.c fs/fs.h \
	fs/fuse_dir.c \
	fs/fuse_names.c \
	fs/fuse_ops.c \
	fs/fuse_reply.h \
	fs/fuse_write.c \
	fs/index.h \
	fs/mount_options.c fs/mount_options.h \
	fs/names.c \
	fs/node.c fs/node.h \
	fs/opens.c fs/opens.h \
	fs/pending.c \
	fs/publish.c fs/publish.h \
	fs/readme.c \
	fs/session.c fs/session.h \
	fs/show.h \
	fs/show_json.c \
	fs/show_service.c \
	fs/show_volume.c

VOLFS_FS_LIBS = libvolfs-fs.a $(VOLFS_CORE_LIBS) $(FUSE_LIBS)

sbin_PROGRAMS += volfsd
volfsd_CFLAGS = $(AM_CFLAGS) $(FUSE_CFLAGS)
volfsd_SOURCES = fs/main.c fs/start.c fs/start.h
volfsd_LDADD = $(VOLFS_FS_LIBS)

# The manual page of the tree's files, from the attribute tables.
noinst_PROGRAMS += files2doc
files2doc_CFLAGS = $(AM_CFLAGS) $(FUSE_CFLAGS)
files2doc_SOURCES = tools/files2doc.c doc/roff.h
files2doc_LDADD = $(VOLFS_FS_LIBS)

doc/volfs-files.7: files2doc$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) doc && ./files2doc$(EXEEXT) > $@.new && \
		mv $@.new $@
nodist_man_MANS = doc/volfs-files.7
CLEANFILES += doc/volfs-files.7

# The file system over a small engine of lists, to be mounted in tests.
if HAVE_CMOCKA
FS_TESTS =
check_PROGRAMS += tests/fs_fake
tests_fs_fake_CFLAGS = $(AM_CFLAGS) $(FUSE_CFLAGS)
tests_fs_fake_SOURCES = tests/fs_fake.c tests/unit/fake_engine.c \
	tests/unit/fake_engine.h
tests_fs_fake_LDADD = $(VOLFS_FS_LIBS)

FS_TESTS += tests/unit/node
tests_unit_node_SOURCES = tests/unit/node.c tests/unit/fake_engine.c \
	tests/unit/fake_engine.h
tests_unit_node_CFLAGS = $(AM_CFLAGS) $(FUSE_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_node_LDADD = $(VOLFS_FS_LIBS) $(CMOCKA_LIBS)

FS_TESTS += tests/unit/show
tests_unit_show_SOURCES = tests/unit/show.c tests/unit/fake_engine.c \
	tests/unit/fake_engine.h
tests_unit_show_CFLAGS = $(AM_CFLAGS) $(FUSE_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_show_LDADD = $(VOLFS_FS_LIBS) $(CMOCKA_LIBS)

FS_TESTS += tests/unit/files
tests_unit_files_SOURCES = tests/unit/files.c tests/unit/fake_engine.c \
	tests/unit/fake_engine.h
tests_unit_files_CFLAGS = $(AM_CFLAGS) $(FUSE_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_files_LDADD = $(VOLFS_FS_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += $(FS_TESTS)
TESTS += $(FS_TESTS) tests/fs_coherence.sh
EXTRA_DIST += tests/fs_coherence.sh
endif
