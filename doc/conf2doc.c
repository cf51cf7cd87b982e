/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the reference part of volfs.conf(5): every option table as troff. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/config.h"
#include "core/provider.h"
#include "doc/roff.h"

/* "ebsAccessKey" is EBS_ACCESS_KEY in the environment. */
static void put_environment(const char *prefix, const char *key)
{
	for (; *prefix; prefix++)
		putchar(toupper((unsigned char)*prefix));
	putchar('_');
	for (; *key; key++)
		putchar(toupper((unsigned char)*key));
}

static void put_default(const struct opt_spec *o)
{
	const char *at;

	if (!o->dflt)
		return;
	fputs(", default ", stdout);
	if (!*o->dflt)
		fputs("empty", stdout);
	for (at = o->dflt; *at; at++)
		/* A list holds one item a line. */
		if (*at == '\n')
			fputs(", ", stdout);
		else
			putchar(*at);
}

static void table(const struct opt_spec *o, const char *driver)
{
	for (; o->key; o++) {
		printf(".TP\n.BI %s \" %s", o->key,
		       options_type_name(o->type));
		put_default(o);
		puts("\"");
		roff_put(o->help ? o->help : "");
		putchar('\n');
		for (int i = 0; o->choices && o->choices[i]; i++)
			printf("%s\\fB%s\\fR%s", i ? ", " : "One of ",
			       o->choices[i], o->choices[i + 1] ? "" : ".\n");
		if (driver) {
			fputs("Environment: \\fB", stdout);
			put_environment(driver, o->key);
			puts("\\fR.");
		}
	}
}

int main(void)
{
	puts(".SH KEYS OF A SERVICE");
	table(service_option_table, NULL);
	puts(".SH KEYS OF THE DAEMON\nBelow \\fBvolfs:\\fR.");
	table(core_option_table, NULL);
	for (size_t i = 0; providers[i]; i++) {
		printf(".SH DRIVER %s\n", providers[i]->name);
		roff_put(providers[i]->title);
		putchar('\n');
		table(providers[i]->options, providers[i]->name);
	}
	return 0;
}
