/* SPDX-License-Identifier: Apache-2.0 */

/* The whole way of a configuration: YAML, all forms, what is shown, and that
 * loaded again. */
#include <errno.h>
#include <string.h>

#include "core/config.h"
#include "tests/fuzz/fuzz.h"

const char *const fuzz_seeds[] = {
	"services: {a: {driver: local, path: /x, tags: {a: b}}, b: {driver: sim}}",
	"services:\n  a: &x\n    driver: rbd\n    pools: [a, b]\n  b:\n    <<: *x\n",
	"defaults: {group: '1', refresh: 5m, dirMode: 0750, options: a b,c}",
	"libstorage: {server: {services: {e: {driver: ebs, ebs: {tag: $T}}}}}",
	"rexray: {storageDrivers: [ec2], modules: {m: {aws: {tag: t}}}}",
	"osd: {drivers: {nfs: {server: s}, aws: }}\nlinux: {volume: {x: 1}}",
	"libstorage: {service: dobs}\ndobs: {token: {file: /x}, regoin: a}",
	"volfs: {logLevel: debug, eventsSize: 1M}\nservices: {a: {size: 1}}",
	"libstorage: {server: {services: {a: {driver: sim, libstorage: {"
	"integration: {volume: {operations: {create: {default: {size: 1}}}}"
	"}}}}}}",
	"rexray: {modules: {a: {type: docker, libstorage: {service: x, server: "
	"{services: {q: {driver: sim}}}}}, b: {disabled: true}}}",
	"rexray: {storageDrivers: [ec2], modules: {m: [ec2], n: , o: text}}",
	"rexray: {modules: [a, {b: c}]}",
	NULL,
};

struct fake { char *path; };

static const struct opt_spec local_options[] = {
	{ "path", OPT_PATH, offsetof(struct fake, path), .help = "A path." },
	{ NULL }
};

static const struct opt_spec *driver_options(const char *driver)
{
	return strcmp(driver, "local") ? NULL : local_options;
}

static void check_again(const struct config *c, const struct buf *shown)
{
	struct config_request req = {
		.file = "shown", .text = buf_str(shown),
		.text_len = shown->len, .driver_options = driver_options,
	};
	struct err err = ERR_INIT;
	struct config *again;

	/* What is shown of many services may be too large to be read. */
	if (shown->len > 1000000)
		return;
	again = config_load(&req, &err);
	if (!again)
		fprintf(stderr, "%s\n%s\n", err.text, buf_str(shown));
	FUZZ_CHECK(again);
	FUZZ_CHECK(again->n == c->n);
	for (size_t i = 0; i < c->n; i++) {
		const struct service_config *s = &c->services[i];

		FUZZ_CHECK(config_service(again, s->name));
		if (!s->error && !s->refuse_creates)
			FUZZ_CHECK(config_service_equal(s,
							&again->services[i]));
	}
	config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *const environment[] = { "T=text", "HOME=/root", NULL };
	struct config_request req = {
		.file = "file", .text = (const char *)data, .text_len = size,
		.environ = environment, .driver_options = driver_options,
	};
	struct err err = ERR_INIT;
	struct config *c = config_load(&req, &err);
	struct buf shown = BUF_INIT(16 << 20);

	FUZZ_CHECK((c == NULL) == (err.num != 0));
	if (!c) {
		FUZZ_CHECK(err.text[0]);
		return 0;
	}
	FUZZ_CHECK(c->n > 0);
	config_show(c, &shown);
	FUZZ_CHECK(!buf_failed(&shown));
	check_again(c, &shown);
	buf_done(&shown);
	config_free(c);
	return 0;
}
