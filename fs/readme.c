/* SPDX-License-Identifier: Apache-2.0 */
/*
 * README files: made from the attribute tables, for the very object they lie
 * beside. Lines that begin with four blanks are commands; each works as typed,
 * in the order given, and a test runs them all.
 */
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/parse.h"
#include "core/provider.h"
#include "fs/show.h"

/* A service that the examples can use: the first one that is fine. */
static struct service *example_service(struct engine *e)
{
	struct service *s[32], *found = NULL;
	unsigned after = 0;
	size_t n;

	while (!found && (n = engine_services(e, after, s,
					      ARRAY_SIZE(s))) > 0) {
		after = service_number(s[n - 1]);
		for (size_t i = 0; i < n; i++) {
			struct service_info info;

			service_info_get(s[i], &info);
			if (!found && info.state != SERVICE_MISCONFIGURED &&
			    info.state != SERVICE_RETIRED)
				found = service_ref(s[i]);
			service_info_done(&info);
			service_unref(s[i]);
		}
	}
	return found;
}

/* "name - help" for each row of a directory that is shown. */
static void list_rows(const struct object *o, unsigned in, struct buf *out)
{
	const struct attr *rows = attr_tables[o->kind]->rows;

	for (const struct attr *a = rows; a->name; a++) {
		if (a->in == in && object_has(o, a))
			buf_printf(out, "%-12s %s\n", a->name, a->help);
	}
}

/* From nothing to data and back: the commands of section "try it". */
static void try_it(const char *service, bool snapshots, struct buf *out)
{
	buf_printf(out,
		"    mkdir %s/example\n"
		"    echo 1 > %s/example/mount\n"
		"    df -h %s/example/data\n", service, service, service);
	if (snapshots)
		buf_printf(out,
			"    mkdir %s/example/snapshots/first\n"
			"    echo 0 > %s/example/snapshots/first/protect\n"
			"    rmdir %s/example/snapshots/first\n",
			service, service, service);
	buf_printf(out,
		"    cat %s/example/status\n"
		"    echo 1 > %s/example/unmount\n"
		"    echo 0 > %s/example/protect\n"
		"    rmdir %s/example\n",
		service, service, service, service);
}

void show_daemon_readme(const struct object *o, struct buf *out)
{
	struct service *svc = example_service(o->fs->engine);
	AUTO(auto_buf) struct buf top_path = BUF_INIT(8192);
	AUTO(auto_buf) struct buf path = BUF_INIT(8192);
	const char *top;

	object_shell_path(o, NULL, &top_path);
	top = buf_str(&top_path);
	buf_printf(out,
		"volfs: storage volumes as directories\n"
		"\n"
		"Each directory here is a storage service; each directory in it is a\n"
		"volume, with its control files, its snapshots and its data. Reading\n"
		"a file says how a thing is and never does anything; writing a line\n"
		"to a control file does it, and the write fails where it fails. What\n"
		"a volume cannot do has no file.\n"
		"\n"
		"What there is:\n"
		"\n"
		"    ls %s\n"
		"    cat %s/.volfs/status\n", top, top);
	if (svc) {
		const struct provider *p = service_provider(svc);

		buf_printf(&path, "%s/%s", top, service_name(svc));
		buf_printf(out,
			"    cat %s/.README\n"
			"\n"
			"The life of a volume: make it, mount it, use it, remove it. A\n"
			"volume that has held data is protected until you say otherwise.\n"
			"\n", buf_str(&path));
		try_it(buf_str(&path), p && p->snapshot, out);
	}
	service_unref(svc);
	buf_puts(out,
		"\n"
		"The same with a readable table and progress:\n"
		"\n");
	/* volctl finds the default place by itself. */
	if (strcmp(top, "/volumes") == 0)
		buf_puts(out, "    volctl ls\n");
	else
		buf_printf(out, "    volctl -t %s ls\n", top);
	buf_puts(out,
		"\n"
		"In .volfs, the daemon itself:\n"
		"\n");
	list_rows(o, DAEMON_DIR, out);
	buf_puts(out, "\nEvery file is explained in volfs-files(7).\n");
}

/* ---- a service ---- */

static void default_line(struct buf *out, const char *word, const char *value)
{
	if (value)
		buf_printf(out, "%-12s %s\n", word, value);
}

static void service_defaults(const struct object *o, struct buf *out)
{
	const struct service_options *c = service_options(o->svc);
	const struct provider *p = service_provider(o->svc);
	static const char begin[] =
		"What a new volume gets where the line does not say:\n\n";
	size_t start = out->len;
	char text[FORMAT_MAX];

	buf_puts(out, begin);
	if (driver_notes(o, NOTION_SIZE))
		default_line(out, "size", format_size(text, c->size_bytes));
	if (driver_notes(o, NOTION_TYPE))
		default_line(out, "type", c->type);
	if (driver_notes(o, NOTION_ZONE))
		default_line(out, "zone", c->zone);
	if (driver_notes(o, NOTION_IOPS) && c->iops)
		buf_printf(out, "%-12s %llu\n", "iops",
			   (unsigned long long)c->iops);
	if (driver_notes(o, NOTION_ENCRYPTED))
		default_line(out, "encrypted", c->encrypted);
	if (p->kind == KIND_BLOCK)
		default_line(out, "fstype", c->fstype ? c->fstype : "ext4");
	for (size_t i = 0; c->tags && c->tags[i]; i++)
		default_line(out, "tag", c->tags[i]);
	/* A driver may have nothing to choose. */
	if (out->len == start + sizeof(begin) - 1)
		buf_puts(out, "nothing that could be chosen\n");
	buf_putc(out, '\n');
}

void show_service_readme(const struct object *o, struct buf *out)
{
	const struct provider *p = service_provider(o->svc);
	AUTO(auto_buf) struct buf path = BUF_INIT(8192);
	const char *top;

	object_shell_path(o, NULL, &path);
	top = buf_str(&path);
	buf_printf(out, "%s: %s\n\n", service_name(o->svc),
		   p ? p->title : "its driver is not known here");
	if (!p) {
		buf_printf(out, "Why it does not work:\n\n    cat %s/.error\n",
			   top);
		return;
	}
	service_defaults(o, out);
	buf_printf(out,
		"A listing shows the volumes:\n"
		"\n"
		"    ls -l %s\n"
		"    cat %s/.status\n"
		"    echo 1 > %s/.refresh\n"
		"\n"
		"mkdir, rmdir and mv answer at once; the state file says how it goes\n"
		"on. A line written to .create/NAME or .remove/NAME waits for the\n"
		"verdict; reading such a file says which words the line takes:\n"
		"\n"
		"    cat %s/.create/example\n"
		"    echo 1 > %s/.create/example\n"
		"    cat %s/example/README\n"
		"    echo absent=ok > %s/.remove/example\n"
		"\n", top, top, top, top, top, top, top);
	list_rows(o, SERVICE_DIR, out);
}

/* ---- a volume ---- */

static bool row_has(const struct object *o, unsigned index)
{
	return object_has(o, attr_by_index(OBJECT_VOLUME, index));
}

static bool row_is_writable(const struct object *o, unsigned index)
{
	struct object row = *o;

	row.row = attr_by_index(OBJECT_VOLUME, index);
	return object_has(o, row.row) && object_is_writable(&row);
}

static void readme_reading(const struct object *o, const char *top,
			   struct buf *out)
{
	buf_printf(out,
		"How it is:\n"
		"\n"
		"    cat %s/status\n"
		"    cat %s/state\n"
		"    cat %s/jobs\n"
		"\n", top, top, top);
}

static void readme_settings(const struct object *o, const char *top,
			    struct buf *out)
{
	const struct volume_facts *f = &o->vol->f;

	if (!f->managed) {
		buf_puts(out,
			 "volfs did not make this volume: its settings, its name and its\n"
			 "removal are open after it has been taken over by .import.\n\n");
		return;
	}
	buf_puts(out, "Settings (these lines write what is already so):\n\n");
	if (row_is_writable(o, VOLUME_SIZE) && f->size_bytes)
		buf_printf(out, "    echo %llu > %s/size\n",
			   (unsigned long long)f->size_bytes, top);
	if (row_is_writable(o, VOLUME_TYPE) && f->type)
		buf_printf(out, "    echo %s > %s/type\n", f->type, top);
	if (row_is_writable(o, VOLUME_IOPS) && f->iops >= 0)
		buf_printf(out, "    echo %lld > %s/iops\n",
			   (long long)f->iops, top);
	if (row_is_writable(o, VOLUME_TAGS))
		/* cat refuses to read what it writes to. */
		buf_printf(out, "    echo \"$(cat %s/tags)\" > %s/tags\n",
			   top, top);
	buf_printf(out, "    echo %d > %s/protect\n\n",
		   volume_is_protected(o->vol), top);
}

/* A volume that is in use is not taken from its users by a README. */
static void readme_use(const struct object *o, const char *top,
		       struct buf *out)
{
	buf_puts(out, "Its data, in data/ while it is mounted:\n\n");
	if (volume_is_mounted(o->vol)) {
		buf_printf(out, "    ls %s/data\n    cat %s/users\n\n", top,
			   top);
		return;
	}
	buf_printf(out,
		"    echo 1 > %s/mount\n"
		"    ls %s/data\n"
		"    cat %s/users\n"
		"    echo 1 > %s/unmount\n"
		"\n", top, top, top, top);
}

static void readme_snapshots(const struct object *o, const char *top,
			     struct buf *out)
{
	if (!row_has(o, VOLUME_SNAPSHOTS))
		return;
	buf_printf(out,
		"Snapshots:\n"
		"\n"
		"    mkdir %s/snapshots/example\n"
		"    cat %s/snapshots/example/status\n"
		"    echo 0 > %s/snapshots/example/protect\n"
		"    rmdir %s/snapshots/example\n"
		"\n", top, top, top, top);
}

void show_volume_readme(const struct object *o, struct buf *out)
{
	AUTO(auto_buf) struct buf path = BUF_INIT(8192);
	const char *top;

	object_shell_path(o, NULL, &path);
	top = buf_str(&path);
	buf_printf(out, "%s/%s\n\n", service_name(o->svc), o->vol->name);
	readme_reading(o, top, out);
	readme_settings(o, top, out);
	readme_use(o, top, out);
	readme_snapshots(o, top, out);
	if (o->vol->f.managed)
		buf_puts(out,
			"It is removed by rmdir, once its protect file says 0 and it is\n"
			"neither mounted nor attached nor has snapshots.\n\n");
	list_rows(o, VOLUME_DIR, out);
}
