/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VOLFS_FS_SHOW_H
#define VOLFS_FS_SHOW_H

#include "fs/fs.h"

/*
 * What reading a file gives: each function appends the whole text of one row.
 * From memory, never waits. JSON to doc/STATUS.md: keys in that order, only
 * ever added; what changes at each refresh has a fixed width.
 */

/* ---- pieces of JSON (show_json.c) ---- */

/* Each writes ,"key":value (the comma unless the object just began). */
void js_begin(struct buf *b);
void js_end(struct buf *b);              /* with the newline */
void js_key(struct buf *b, const char *key);
void js_text(struct buf *b, const char *key, const char *value); /* NULL: null */
void js_number(struct buf *b, const char *key, int64_t value);
void js_known(struct buf *b, const char *key, int64_t value); /* < 0: null */
void js_bool(struct buf *b, const char *key, bool value);
void js_flag(struct buf *b, const char *key, int value);      /* < 0: null */
void js_time(struct buf *b, const char *key, int64_t unix_s); /* 0: null */
void js_time_fixed(struct buf *b, const char *key, int64_t unix_s);
void js_number_fixed(struct buf *b, const char *key, int64_t value);
void js_mode(struct buf *b, const char *key, unsigned mode);
void js_fault(struct buf *b, const struct fault *f);          /* "error" */
void js_job_view(struct buf *b, const struct job_view *j);    /* "job" */
void js_tags(struct buf *b, const struct tag *tags, uint32_t n);

/* ---- rows ---- */

void show_volume_status(const struct object *o, struct buf *out);
void show_snapshot_status(const struct object *o, struct buf *out);
void show_service_status(const struct object *o, struct buf *out);
void show_job_status(const struct object *o, struct buf *out);
void show_daemon_status(const struct object *o, struct buf *out);

void show_volume_job(const struct object *o, struct buf *out);
void show_volume_jobs(const struct object *o, struct buf *out);
void show_volume_users(const struct object *o, struct buf *out);
void show_volume_tags(const struct object *o, struct buf *out);

void show_daemon_readme(const struct object *o, struct buf *out);
void show_service_readme(const struct object *o, struct buf *out);
void show_volume_readme(const struct object *o, struct buf *out);

/* How many services the tree lists. */
unsigned count_services(struct engine *e);

/* A fault's sentence and a newline; nothing where there is none. */
void show_fault(const struct fault *f, struct buf *out);

/* How data/ is, or will be, mounted: the volume's choice, else configured. */
const char *volume_fstype(const struct object *o);
const char *volume_subpath(const struct object *o);
uid_t volume_data_uid(const struct object *o);
gid_t volume_data_gid(const struct object *o);
mode_t volume_data_mode(const struct object *o);
/* Options in force, comma-separated. */
void volume_options(const struct object *o, struct buf *out);

bool driver_notes(const struct object *o, unsigned notion);
enum volume_kind object_volume_kind(const struct object *o);

#endif
