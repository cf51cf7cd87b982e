/* SPDX-License-Identifier: Apache-2.0 */
/* Prints volfs-files(7): the attribute tables as a manual page. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "doc/roff.h"
#include "fs/fs.h"

static const char *class_name(const struct attr *a)
{
	switch (a->class) {
	case CLASS_DIR:
	case CLASS_TENANT_DIR:
	case CLASS_NAMES_DIR:
	case CLASS_DATA_DIR:
		return "directory";
	case CLASS_LINK:
		return "symlink";
	case CLASS_VERB:
		return "verb";
	case CLASS_SETTING:
		return a->setting ? "setting" : "value";
	case CLASS_TENANT:
		return "for root and the group";
	case CLASS_STATUS:
		break;
	}
	return "read only";
}

static void put_words(const struct verb *v)
{
	const struct word_spec *w = v ? v->words : NULL;

	if (!w || !w->key)
		return;
	puts(".RS");
	for (; w->key; w++) {
		fputs(".TP\n.B ", stdout);
		roff_put(w->key);
		if (!w->flag)
			printf("=%s", w->type == OPT_CHOICE && w->choices ?
			       "WORD" : options_type_name(w->type));
		putchar('\n');
		roff_put(w->help ? w->help : "");
		if (w->dflt) {
			fputs(" Default: ", stdout);
			roff_put(w->dflt);
			putchar('.');
		}
		putchar('\n');
	}
	puts(".RE");
}

static void put_row(const struct attr_table *t, const struct attr *a)
{
	const struct attr *in = NULL;

	for (const struct attr *d = t->rows; d->name; d++)
		if (a->in && d->index == a->in)
			in = d;
	fputs(".TP\n.BR ", stdout);
	if (in && in->name[0]) {
		roff_put(in->name);
		putchar('/');
	}
	roff_put(a->name[0] ? a->name : a->class == CLASS_VERB ? a->verb : ".");
	printf(" \" (%s)\"\n", class_name(a));
	roff_put(a->help);
	putchar('\n');
	put_words(a->verb ? verb_find(a->verb) : NULL);
}

static void put_table(const struct attr_table *t)
{
	fputs(".SS ", stdout);
	roff_put(t->title);
	fputs("\n.I ", stdout);
	roff_put(t->where);
	fputs("\n", stdout);
	for (const struct attr *a = t->rows; a->name; a++)
		put_row(t, a);
}

int main(void)
{
	puts(".TH VOLFS\\-FILES 7 \"\" volfs\n"
	     ".SH NAME\n"
	     "volfs\\-files \\- the files of the volfs tree\n"
	     ".SH SYNOPSIS\n"
	     ".nf\n"
	     "mkdir /volumes/local/db\n"
	     "echo 1 > /volumes/local/db/mount\n"
	     "cat /volumes/local/db/status\n"
	     "mkdir /volumes/local/db/snapshots/nightly\n"
	     "echo from=db@nightly > /volumes/local/.create/test\n"
	     "echo 20G > /volumes/local/db/size\n"
	     ".fi\n"
	     ".SH DESCRIPTION\n"
	     "A listing is the list of what can be done: a file that a volume\n"
	     "or its driver cannot serve is not there. Reading never acts and\n"
	     "never waits. One write is one whole line, and its errno is the\n"
	     "result; the sentence that goes with it is in the error file\n"
	     "beside it. Reading a verb's file tells the words it takes.\n"
	     "Each line may begin with\n"
	     ".BR async ,\n"
	     ".B dry\\-run\n"
	     "and\n"
	     ".BI timeout= DURATION\\fR.\n"
	     ".SH FILES");
	for (int k = 0; k < OBJECT_KINDS; k++)
		put_table(attr_tables[k]);
	puts(".SH SEE ALSO\n.BR volfsd (8),\n.BR volctl (1)");
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
