/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/log.h"
#include "core/config.h"
#include "core/provider.h"

/* None of the hostile files takes a second; valgrind takes fifty times that. */
#define SOON_MS 60000

/* Drivers as if they were compiled in; all others are what they are. */
struct fake { char *path, *token; uint64_t latency, volumes; };

static const struct opt_spec local_options[] = {
	{ "path", OPT_PATH, offsetof(struct fake, path),
	  .help = "Directory of the images." },
	{ NULL }
};

static const struct opt_spec sim_options[] = {
	{ "latency", OPT_DURATION, offsetof(struct fake, latency),
	  .dflt = "0", .help = "Each request takes that long." },
	{ "volumes", OPT_U64, offsetof(struct fake, volumes), .dflt = "0",
	  .help = "How many it begins with." },
	{ "token", OPT_SECRET, offsetof(struct fake, token),
	  .help = "What it wants to be shown." },
	{ NULL }
};

static const struct opt_spec strict_options[] = {
	{ "zone", OPT_STR, offsetof(struct fake, path), .required = true,
	  .help = "The zone that is seen." },
	{ NULL }
};

static const struct opt_spec *driver_options(const char *driver)
{
	const struct provider *p = provider_find(driver);

	if (!strcmp(driver, "local"))
		return local_options;
	if (!strcmp(driver, "sim"))
		return sim_options;
	if (!strcmp(driver, "strict"))
		return strict_options;
	return p ? p->options : NULL;
}

static char dir[] = "/tmp/volfs-config-XXXXXX";
static char fixtures[PATH_MAX];
static char secrets_env[PATH_MAX], credentials_env[PATH_MAX];

static char *environment[16] = {
	"HOME=/home/somebody", "REGION=eu-central-1", "NAME=one", NULL
};

static void write_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static char *read_file(const char *name)
{
	FILE *f = fopen(name, "re");
	char *text = calloc(1, 1 << 20);
	size_t n;

	assert_non_null(text);
	if (!f) {
		free(text);
		return NULL;
	}
	n = fread(text, 1, (1 << 20) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static struct config *load_with(const char *file, char *const *environ_list,
				const char *const *flags, size_t n_flags,
				struct err *err)
{
	struct config_request req = {
		.file = file, .state_dir = "/var/lib/volfs",
		.environ = environ_list, .flags = flags, .n_flags = n_flags,
		.etc_dir = "etc", .driver_options = driver_options,
	};

	*err = (struct err)ERR_INIT;
	return config_load(&req, err);
}

/* The configuration @text, from a file that only we can read. */
static struct config *load_env(const char *text, char *const *environ_list)
{
	struct err err;
	struct config *c;

	write_file("c.yml", text, 0600);
	c = load_with("c.yml", environ_list, NULL, 0, &err);
	if (!c)
		fail_msg("%s", err.text);
	return c;
}

static struct config *load(const char *text)
{
	return load_env(text, environment);
}

static const char *value_of(const struct opt_spec *table,
			    const struct opt_values *values, const char *key,
			    const char **source)
{
	const struct opt_spec *spec = options_find(table, key);
	const struct opt_value *v = options_given(values, spec);

	assert_non_null(spec);
	if (source)
		*source = v ? v->source : "default";
	return v ? v->text : spec->dflt;
}

static const char *driver_value(const struct config *c, const char *service,
				const char *key)
{
	const struct service_config *s = config_service(c, service);

	assert_non_null(s);
	return value_of(s->driver_table, &s->driver_values, key, NULL);
}

static const char *driver_source(const struct config *c, const char *service,
				 const char *key)
{
	const struct service_config *s = config_service(c, service);
	const char *source;

	value_of(s->driver_table, &s->driver_values, key, &source);
	return source;
}

static void assert_has(const char *text, const char *part)
{
	if (!text || !strstr(text, part))
		fail_msg("'%s' is not in '%s'", part, text ? text : "NULL");
}

static void assert_fails(const char *text, const char *sentence)
{
	struct err err;
	struct config *c;

	write_file("c.yml", text, 0600);
	c = load_with("c.yml", environment, NULL, 0, &err);
	assert_null(c);
	assert_has(err.text, sentence);
}

static void test_nothing_is_one_local(void **state)
{
	struct err err;
	struct config *c = load_with(NULL, environment, NULL, 0, &err);
	const struct service_config *s;

	assert_non_null(c);
	assert_int_equal(c->n, 1);
	assert_int_equal(c->n_problems, 0);
	s = config_service(c, "local");
	assert_non_null(s);
	assert_string_equal(s->driver, "local");
	assert_string_equal(driver_value(c, "local", "path"),
			    "/var/lib/volfs/services/local/volumes");
	assert_int_equal(s->core.size_bytes, 16ULL << 30);
	assert_int_equal(s->core.refresh_ms, 60000);
	assert_string_equal(s->core.fstype, "ext4");
	assert_string_equal(s->core.subpath, "/");
	assert_int_equal(s->core.dir_mode, 0755);
	assert_int_equal(s->core.verb_mode, 0644);
	assert_null(s->error);
	config_free(c);
}

static void test_native(void **state)
{
	struct config *c = load(
		"services:\n"
		"  local: {driver: local, path: /srv/volumes, fstype: xfs}\n"
		"  cloud: {driver: sim, latency: 50ms, parallel: 4}\n"
		"defaults: {group: '1', refresh: 90, parallel: 8}\n");
	const struct service_config *s = config_service(c, "cloud");

	assert_int_equal(c->n_problems, 0);
	assert_string_equal(c->services[0].name, "local");
	assert_string_equal(c->services[0].core.fstype, "xfs");
	assert_int_equal(c->services[0].core.parallel, 8);
	assert_int_equal(s->core.parallel, 4);
	assert_int_equal(s->core.refresh_ms, 90000);
	assert_true(s->core.has_group);
	assert_int_equal(s->core.group_gid, 1);
	assert_int_equal(s->core.dir_mode, 0775);
	assert_int_equal(s->core.setting_mode, 0664);
	assert_true(c->core.has_group);
	assert_string_equal(driver_value(c, "cloud", "latency"), "50ms");
	config_free(c);
}

static void test_scopes(void **state)
{
	struct config *c = load(
		"libstorage:\n"
		"  server:\n"
		"    services:\n"
		"      a: {driver: ebs, ebs: {region: one}}\n"
		"      b: {driver: ec2}\n"
		"    ebs: {region: two}\n"
		"ebs: {region: three, maxRetries: 7}\n"
		"aws: {region: four, tag: t}\n");

	assert_string_equal(driver_value(c, "a", "region"), "one");
	assert_string_equal(driver_value(c, "b", "region"), "two");
	assert_string_equal(driver_value(c, "b", "maxRetries"), "7");
	assert_string_equal(driver_value(c, "b", "tag"), "t");
	assert_string_equal(driver_source(c, "b", "tag"), "c.yml:8");
	assert_string_equal(config_service(c, "b")->driver, "ebs");
	/* What REX-Ray's users expect of a volume's directory. */
	assert_string_equal(config_service(c, "a")->core.subpath, "/data");
	assert_int_equal(config_service(c, "a")->core.mode, 0700);
	assert_true(config_service(c, "a")->core.managed_by_tag);
	config_free(c);
}

static void test_environment_and_flags(void **state)
{
	static const char *const flags[] = {
		"--ebsTag=flag", "--servicesCloudVolumes", "7",
		"--defaultsRefresh=2m", "--ebsAccessKey", "AKIA"
	};
	static char *const env[] = {
		"EBS_TAG=env", "EBS_ENDPOINT=env", "AWS_REGION=aws",
		"SIM_LATENCY=1s", "VOLFS_SERVICES_CLOUD_LATENCY=2s",
		"LIBSTORAGE_SERVER_SERVICES_E_EBS_KMSKEYID=k",
		"VOLFS_DEFAULTS_FREEZELIMIT=1s", "VOLFS_LOGLEVEL=debug",
		"LIBSTORAGE_INTEGRATION_VOLUME_OPERATIONS_CREATE_DEFAULT_SIZE=8",
		"AWS_SECRET_KEY=old-secret", NULL
	};
	struct err err;
	struct config *c;

	write_file("c.yml",
		   "libstorage: {server: {services: {e: {driver: ebs}}}}\n"
		   "services: {cloud: {driver: sim}, other: {driver: sim}}\n"
		   "ebs: {tag: file, endpoint: file, region: file}\n", 0644);
	c = load_with("c.yml", env, flags, 6, &err);
	if (!c)
		fail_msg("%s", err.text);
	assert_string_equal(driver_value(c, "e", "tag"), "flag");
	assert_string_equal(driver_source(c, "e", "tag"), "--ebsTag");
	assert_string_equal(driver_value(c, "e", "endpoint"), "env");
	assert_string_equal(driver_source(c, "e", "endpoint"),
			    "environment EBS_ENDPOINT");
	assert_string_equal(driver_value(c, "e", "accessKey"), "AKIA");
	/* aws is asked after ebs, in all three ways. */
	assert_string_equal(driver_value(c, "e", "region"), "file");
	assert_string_equal(driver_value(c, "e", "kmsKeyID"), "k");
	assert_string_equal(driver_value(c, "e", "secretKey"), "old-secret");
	assert_string_equal(driver_value(c, "cloud", "latency"), "2s");
	assert_string_equal(driver_value(c, "cloud", "volumes"), "7");
	assert_string_equal(driver_value(c, "other", "latency"), "1s");
	assert_int_equal(config_service(c, "other")->core.refresh_ms, 120000);
	assert_int_equal(config_service(c, "other")->core.size_bytes,
			 8ULL << 30);
	assert_int_equal(config_service(c, "other")->core.freeze_limit_ms,
			 1000);
	assert_string_equal(c->core.log_level, "debug");
	config_free(c);
}

static void test_old_environment(void **state)
{
	static char *const drivers[] = {
		"REXRAY_STORAGEDRIVERS=ec2 xtremio", "AWS_ACCESS_KEY=old",
		"GOXTREMIO_ENDPOINT=https://xms", "REXRAY_MINVOLSIZE=4",
		"REXRAY_DOCKER_SIZE=10", "REXRAY_LOGLEVEL=fatal", NULL
	};
	static char *const service[] = {
		"LIBSTORAGE_SERVICE=dobs", "DOBS_TOKEN=hush", NULL
	};
	struct err err;
	struct config *c = load_with(NULL, drivers, NULL, 0, &err);

	assert_non_null(c);
	assert_int_equal(c->n, 2);
	assert_string_equal(config_service(c, "ec2")->driver, "ebs");
	assert_string_equal(driver_value(c, "ec2", "accessKey"), "old");
	assert_string_equal(driver_value(c, "xtremio", "endpoint"),
			    "https://xms");
	assert_int_equal(config_service(c, "ec2")->core.min_size_bytes,
			 4ULL << 30);
	assert_int_equal(config_service(c, "ec2")->core.size_bytes,
			 10ULL << 30);
	assert_string_equal(c->core.log_level, "error");
	config_free(c);
	c = load_with(NULL, service, NULL, 0, &err);
	assert_non_null(c);
	assert_int_equal(c->n, 1);
	assert_string_equal(driver_value(c, "dobs", "token"), "hush");
	config_free(c);
}

/* The longer form of libStorage 0.1, and keys of volfs's at any level. */
static void test_old_service_forms(void **state)
{
	struct config *c = load(
		"libstorage:\n"
		"  integration: {volume: {operations: {create: {default: {size: 1}}}}}\n"
		"  server:\n"
		"    integration: {volume: {operations: {create: {default: {size: 2, type: t}}}}}\n"
		"    services:\n"
		"      a:\n"
		"        libstorage: {storage: {driver: vfs}}\n"
		"        integration: {volume: {operations: {create: {default: {size: 3}}}}}\n"
		"      b: {driver: vfs, refresh: 2m, libstorage: {device: {attachTimeout: 9s}}}\n"
		"      c: {driver: vfs, libstorage: {service: x, nonsense: 1}}\n");

	assert_string_equal(config_service(c, "a")->driver, "vfs");
	assert_int_equal(config_service(c, "a")->core.size_bytes, 3ULL << 30);
	assert_string_equal(config_service(c, "a")->core.type, "t");
	assert_int_equal(config_service(c, "b")->core.size_bytes, 2ULL << 30);
	assert_int_equal(config_service(c, "b")->core.refresh_ms, 120000);
	assert_int_equal(config_service(c, "b")->core.device_timeout_ms, 9000);
	assert_null(config_service(c, "b")->refuse_creates);
	assert_has(config_service(c, "c")->refuse_creates,
		   "'libstorage.server.services.c.libstorage.nonsense'");
	config_free(c);
}

static void check_flag(const char *flag, const char *sentence)
{
	struct err err;
	struct config *c;

	write_file("c.yml", "services: {s: {driver: sim}}\n", 0600);
	c = load_with("c.yml", environment, &flag, 1, &err);
	assert_null(c);
	assert_has(err.text, sentence);
	assert_null(strstr(err.text, "hush"));
}

static void test_refused_flags(void **state)
{
	check_flag("--simToken=hush", "--simTokenFile PATH");
	check_flag("--servicesSToken=hush", "command line");
	check_flag("--ebsSecretKey=hush", "command line");
	check_flag("--simLatencx=1s", "unknown option --simLatencx");
	check_flag("--ebsRegoin=1s", "did you mean --ebsRegion?");
	check_flag("--simLatency", "needs a value");
}

static void test_flag_args(void **state)
{
	char *argv[] = { "-f", "--foreground", "--ebsTag", "x", "--ebsTag=x",
			 "--config", "--simLatency" };

	assert_int_equal(config_flag_args(7, argv, 0), 0);
	assert_int_equal(config_flag_args(7, argv, 1), 0);
	assert_int_equal(config_flag_args(7, argv, 2), 2);
	assert_int_equal(config_flag_args(7, argv, 4), 1);
	assert_int_equal(config_flag_args(7, argv, 5), 0);
	assert_int_equal(config_flag_args(7, argv, 6), 1);
}

static void test_secrets(void **state)
{
	static const char text[] = "services: {s: {driver: sim, token: hush}}\n";
	struct err err;
	struct config *c = load(text);
	char *line;

	assert_string_equal(driver_value(c, "s", "token"), "hush");
	assert_null(config_service(c, "s")->error);
	config_free(c);
	write_file("c.yml", text, 0640);
	c = load_with("c.yml", environment, NULL, 0, &err);
	assert_has(config_service(c, "s")->error, "c.yml:1: 'token' is a secret");
	assert_has(config_service(c, "s")->error, "chmod 600 'c.yml'");
	assert_null(driver_value(c, "s", "token"));
	config_free(c);

	write_file("t", "from-file\n", 0600);
	assert_true(asprintf(&line, "services: {s: {driver: sim, token: {file: %s/t}},"
			     " r: {driver: sim, tokenFile: %s/t}}\n", dir,
			     dir) > 0);
	c = load(line);
	assert_string_equal(driver_value(c, "s", "token"), "from-file");
	assert_string_equal(driver_value(c, "r", "token"), "from-file");
	config_free(c);
	write_file("t", "from-file\n", 0604);
	c = load(line);
	assert_has(config_service(c, "s")->error, "chmod 600");
	config_free(c);
	free(line);

	c = load("services: {s: {driver: sim, token: {credential: sim-token}},\n"
		 " t: {driver: sim, token: {credential: ../t}},\n"
		 " u: {driver: sim, token: '***'},\n"
		 " v: {driver: sim, token: pa$hushhush},\n"
		 " w: {driver: sim, token: [hushhush]},\n"
		 " x: {driver: sim, token: {file: /dev/zero}}}\n");
	assert_string_equal(driver_value(c, "s", "token"), "a-credential");
	assert_has(config_service(c, "t")->error, "no name of a credential");
	assert_has(config_service(c, "u")->error, "hidden secret");
	assert_has(config_service(c, "v")->error, "write $$ for a dollar");
	assert_null(strstr(config_service(c, "v")->error, "hushhush"));
	assert_null(strstr(config_service(c, "w")->error, "hushhush"));
	assert_has(config_service(c, "x")->error, "not a plain file");
	config_free(c);
}

/* A URL may have a password in it, which nobody declared a secret. */
static void test_password_in_a_url(void **state)
{
	AUTO(auto_buf) struct buf shown = BUF_INIT(1 << 20);
	struct config *c = load(
		"services:\n"
		"  s: {driver: sim, type: 'http://me:hush:a@b@host/x:y@z'}\n"
		"  t: {driver: sim, type: 'http://host:80/x@y'}\n"
		"  u: {driver: sim, type: 'http://me@host:80'}\n");

	config_show(c, &shown);
	assert_has(buf_str(&shown), "\"http://me:***@host/x:y@z\"");
	assert_has(buf_str(&shown), "\"http://host:80/x@y\"");
	assert_has(buf_str(&shown), "\"http://me@host:80\"");
	assert_null(strstr(buf_str(&shown), "hush"));
	assert_string_equal(config_service(c, "s")->core.type,
			    "http://me:hush:a@b@host/x:y@z");
	config_free(c);
}

/* Every secret is one that the log hides from then on. */
static void test_secrets_in_the_log(void **state)
{
	struct config *c = load(
		"services: {s: {driver: sim, token: hush-in-file}}\n");
	int old = dup(2), fd = open("log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char *text;

	assert_true(old >= 0 && fd >= 0);
	dup2(fd, 2);
	log_error("what was sent: hush-in-file");
	dup2(old, 2);
	close(old);
	close(fd);
	text = read_file("log");
	assert_has(text, "what was sent: ***");
	free(text);
	unlink("log");
	config_free(c);
}

static void test_unknown_keys(void **state)
{
	struct config *c = load(
		"services:\n"
		"  a: {driver: sim, latencey: 1s}\n"
		"  b: {driver: sim, sim: {volume: 3}}\n"
		"  c: {driver: sim}\n"
		"  d: {driver: local}\n"
		"sim: {token: x, latnecy: 3}\n");

	assert_has(config_service(c, "a")->refuse_creates,
		   "c.yml:2: unknown key 'services.a.latencey': did you mean 'latency'?");
	assert_has(config_service(c, "b")->refuse_creates,
		   "unknown key 'services.b.sim.volume': did you mean 'volumes'?");
	assert_has(config_service(c, "c")->refuse_creates, "'sim.latnecy'");
	assert_null(config_service(c, "d")->refuse_creates);
	assert_null(config_service(c, "a")->error);
	assert_int_equal(c->n_problems, 3);
	config_free(c);

	c = load("x-common: &c {latency: 1s}\n"
		 "services: {a: {driver: sim, <<: *c}}\n");
	assert_int_equal(c->n_problems, 0);
	assert_string_equal(driver_value(c, "a", "latency"), "1s");
	config_free(c);

	c = load("serivces: {a: {driver: sim}}\ndefaults: {grup: x}\n");
	assert_int_equal(c->n_problems, 2);
	assert_has(config_service(c, "local")->refuse_creates,
		   "did you mean 'services'?");
	assert_has(c->problems[1], "did you mean 'group'?");
	config_free(c);

	/* Entries of a list have no names. */
	c = load("rexray: {modules: {m: [a], n: , o: {spec: x}}}\n");
	assert_int_equal(c->n_problems, 1);
	assert_has(c->problems[0],
		   "c.yml:1: 'rexray.modules.m' takes a block: {NAME: ...}");
	config_free(c);
	c = load("rexray: {modules: [a, {b: c}]}\n");
	assert_int_equal(c->n_problems, 1);
	assert_has(c->problems[0], "c.yml:1: 'rexray.modules' takes a block");
	config_free(c);
}

static void test_broken_service(void **state)
{
	struct config *c = load(
		"services:\n"
		"  ok: {driver: local}\n"
		"  what: {driver: loco}\n"
		"  later: {driver: rbd}\n"
		"  nameless: {path: /x}\n"
		"  word: yes\n"
		"  type: {driver: sim, latency: [1s]}\n"
		"  range: {driver: local, parallel: 0}\n"
		"  map: {driver: local, refresh: {a: 1}}\n"
		"  needs: {driver: strict}\n"
		"  env: {driver: local, path: $NOSUCH/x}\n"
		"  user: {driver: local, owner: no-such-user-here}\n"
		"  Odd_Name: {driver: local}\n");

	assert_int_equal(c->n, 12);
	assert_null(config_service(c, "ok")->error);
	assert_has(config_service(c, "what")->error, "no driver 'loco'");
	assert_has(config_service(c, "later")->error, "not built");
	assert_false(config_service(c, "later")->driver_built);
	assert_has(config_service(c, "nameless")->error, "names no driver");
	assert_has(config_service(c, "word")->error, "takes a block");
	assert_has(config_service(c, "type")->error,
		   "c.yml:7: 'latency' takes one value (duration), and this is a list");
	assert_has(config_service(c, "range")->error,
		   "c.yml:8: 'parallel' is '0', but must lie between 1 and 1024");
	assert_int_equal(config_service(c, "range")->core.parallel, 16);
	assert_has(config_service(c, "map")->error, "is a mapping");
	assert_has(config_service(c, "needs")->error, "lacks 'zone'");
	assert_has(config_service(c, "env")->error, "$NOSUCH is not set");
	assert_has(config_service(c, "user")->error, "no user");
	assert_null(config_service(c, "odd-name")->error);
	assert_true(c->n_problems >= 11);
	config_free(c);
}

/* A word of volfs and of the driver is for both, unless it is said apart. */
static void test_shared_words(void **state)
{
	struct config *c = load(
		"services:\n"
		"  both: {driver: strict, zone: z}\n"
		"  apart: {driver: strict, zone: new, strict: {zone: seen}}\n"
		"  none: {driver: sim, zone: new, sim: {token: }, token: x}\n");

	assert_string_equal(driver_value(c, "both", "zone"), "z");
	assert_string_equal(config_service(c, "both")->core.zone, "z");
	assert_string_equal(driver_value(c, "apart", "zone"), "seen");
	assert_string_equal(config_service(c, "apart")->core.zone, "new");
	assert_null(driver_value(c, "none", "token"));
	assert_int_equal(c->n_problems, 0);
	config_free(c);
}

static void test_bad_yaml(void **state)
{
	assert_fails("a:\n\tb: 1\n", "c.yml:2: the line is indented with a tab");
	assert_fails("services: {a: {driver: sim}\n", "c.yml:");
	assert_fails("a: 1\nb: 2\nA: 3\n",
		     "c.yml:3: key 'A' is given twice (first on line 1)");
	assert_fails("a: *none\n", "c.yml:1: '*none' names an anchor");
	assert_fails("a: &a [*a]\n", "'*a' names an anchor");
	assert_fails("[1, 2]\n", "c.yml:1: a configuration is");
	assert_fails("just words\n", "a configuration is");
	assert_fails("a: 1\n---\nb: 2\n", "c.yml:2: a second document");
	assert_fails("a: 1\nb: \xff\xfe\n", "c.yml:2: not text in UTF-8");
	assert_fails("a: \"x\\0y\"\n", "NUL byte");
	assert_fails("{[a]: 1}\n", "a key must be a plain word");
	assert_fails("services: [a]\n", "c.yml:1: 'services' takes a block");
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void fails_soon(const char *text, const char *sentence)
{
	int64_t begin = now_ms();

	assert_fails(text, sentence);
	assert_true(now_ms() - begin < SOON_MS);
}

static void loads_soon(const char *text, size_t problems)
{
	int64_t begin = now_ms();
	struct config *c = load(text);

	assert_true(now_ms() - begin < SOON_MS);
	assert_int_equal(c->n_problems, problems);
	assert_non_null(c->services[0].refuse_creates);
	config_free(c);
}

__attribute__((format(printf, 3, 4)))
static int sprintf_at(char *text, size_t at, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text + at, 300, fmt, ap);
	va_end(ap);
	return n;
}

static void test_bombs(void **state)
{
	size_t len = 10 << 20;
	char *big = malloc(len + 1);
	char aliases[4096];
	size_t n = 0, i;

	assert_non_null(big);
	memset(big, '[', len);
	big[len] = '\0';
	fails_soon(big, "more than 1 MiB");
	big[1000000] = '\0';
	fails_soon(big, "nested more than 32 levels");
	for (i = 0; i < 500000; i++)
		memcpy(big + 2 * i, "- ", 2);
	fails_soon(big, "nested more than 32 levels");
	memset(big, 'a', 1000000);
	fails_soon(big, "c.yml:1:");
	for (i = 0; i < 500000; i++)
		memcpy(big + 2 * i, "? ", 2);
	fails_soon(big, "nested more than 32 levels");
	for (i = 0; i + 8 < 1000000; i += 8) {
		char line[16];

		snprintf(line, sizeof(line), "%06zx:\n", i);
		memcpy(big + i, line, 8);
	}
	big[i] = '\0';
	fails_soon(big, "more than 100000 values");
	big[0] = '\0';
	for (i = 0; i < 40000; i++)
		n += (size_t)sprintf_at(big, n, "k%zu: 1\n", i);
	loads_soon(big, 200);
	for (i = 0, n = 0; i < 4000; i++)
		n += (size_t)sprintf_at(big, n, "k%0240zu: 1\n", i);
	loads_soon(big, 200);
	n = (size_t)snprintf(aliases, sizeof(aliases), "a0: &a0 [x]\n");
	for (i = 1; i < 20; i++)
		n += (size_t)snprintf(aliases + n, sizeof(aliases) - n,
				      "a%zu: &a%zu [*a%zu,*a%zu,*a%zu]\n", i, i,
				      i - 1, i - 1, i - 1);
	fails_soon(aliases, "more than 100000 values");
	free(big);
}

/* The largest thing that loads: it must not take long either. */
static void test_many_services(void **state)
{
	size_t room = 1 << 20, n = 0, i;
	char *text = malloc(room);
	struct config *c;
	int64_t begin = now_ms();

	assert_non_null(text);
	n += (size_t)snprintf(text, room, "services:\n");
	for (i = 0; i < 1001; i++)
		n += (size_t)snprintf(text + n, room - n,
				      "  s%zu: {driver: sim, latency: 1s}\n", i);
	c = load(text);
	assert_int_equal(c->n, 1000);
	assert_has(c->problems[0], "more than 1000 services");
	assert_true(now_ms() - begin < SOON_MS);
	config_free(c);
	free(text);
}

static void test_usual_places(void **state)
{
	char *env[] = { NULL, NULL };
	struct err err;
	struct config *c;
	char *home;

	assert_true(asprintf(&home, "HOME=%s", dir) > 0);
	env[0] = home;
	mkdir("etc", 0755);
	mkdir("etc/rexray", 0755);
	mkdir(".rexray", 0755);
	write_file("etc/rexray/config.yml",
		   "libstorage: {service: dobs}\n"
		   "dobs: {region: a, tag: system}\n", 0644);
	write_file(".rexray/config.yml", "dobs: {region: b}\n", 0644);
	c = load_with(NULL, env, NULL, 0, &err);
	assert_non_null(c);
	assert_int_equal(c->n_files, 2);
	assert_string_equal(driver_value(c, "dobs", "region"), "b");
	assert_string_equal(driver_value(c, "dobs", "tag"), "system");
	config_free(c);
	mkdir("etc/volfs", 0755);
	write_file("etc/volfs/config.yml", "# nothing\n", 0644);
	c = load_with(NULL, env, NULL, 0, &err);
	assert_non_null(c);
	assert_int_equal(c->n_files, 1);
	assert_string_equal(c->services[0].name, "local");
	config_free(c);
	unlink("etc/volfs/config.yml");
	assert_int_equal(mkfifo("etc/volfs/config.yml", 0600), 0);
	assert_null(load_with(NULL, env, NULL, 0, &err));
	assert_has(err.text, "not a plain file");
	assert_null(load_with("nowhere.yml", env, NULL, 0, &err));
	assert_int_equal(err.num, ENOENT);
	unlink("etc/volfs/config.yml");
	unlink("etc/rexray/config.yml");
	unlink(".rexray/config.yml");
	free(home);
}

static void test_equal(void **state)
{
	struct config *a = load("services: {s: {driver: sim, latency: 60s}}\n");
	struct config *b = load("# moved\n\nservices: {s: {driver: sim, latency: 1m, refresh: 60s}}\n");
	struct config *c = load("services: {s: {driver: sim, latency: 61s}}\n");
	struct config *d = load("services: {s: {driver: sim, latency: 1m, mode: 0700}}\n");

	assert_true(config_service_equal(&a->services[0], &b->services[0]));
	assert_false(config_service_equal(&a->services[0], &c->services[0]));
	assert_false(config_service_equal(&a->services[0], &d->services[0]));
	config_free(a);
	config_free(b);
	config_free(c);
	config_free(d);
}

/* The text of .volfs/config loads again, to the same. */
static void check_loads_again(const char *name, const struct config *c,
			      const char *shown)
{
	struct config_request req = {
		.file = "shown", .text = shown, .text_len = strlen(shown),
		.environ = NULL, .driver_options = driver_options,
	};
	struct err err = ERR_INIT;
	struct config *again = config_load(&req, &err);
	size_t i;

	if (!again)
		fail_msg("%s: what is shown does not load: %s", name, err.text);
	assert_int_equal(again->n, c->n);
	for (i = 0; i < c->n; i++) {
		const struct service_config *s = &c->services[i];
		const struct service_config *t = config_service(again,
								s->name);
		bool secret = false;
		size_t j;

		assert_non_null(t);
		for (j = 0; j < s->driver_values.n; j++)
			secret |= s->driver_values.v[j].spec->type ==
				  OPT_SECRET;
		if (s->error || s->refuse_creates || secret)
			continue;
		if (!config_service_equal(s, t))
			fail_msg("%s: service '%s' is another one when what is shown is loaded: %s",
				 name, s->name, t->error ? t->error : "");
	}
	config_free(again);
}

static void check_fixture(const char *name)
{
	char path[PATH_MAX], *text, *expected;
	struct buf shown;
	struct err err;
	struct config *c;
	FILE *sink = fopen("/dev/null", "we");

	snprintf(path, sizeof(path), "%.3000s/%.255s", fixtures, name);
	text = read_file(path);
	assert_non_null(text);
	write_file(name, text, 0600);
	c = load_with(name, environment, NULL, 0, &err);
	if (!c)
		fail_msg("%s", err.text);
	buf_init(&shown, 16 << 20);
	config_show(c, &shown);
	assert_false(buf_failed(&shown));
	assert_null(strstr(buf_str(&shown), "not-a-real-secret"));
	snprintf(path + strlen(path) - 4, sizeof(path) - strlen(path) + 4,
		 ".expected");
	if (getenv("VOLFS_WRITE_EXPECTED"))
		write_file(path, buf_str(&shown), 0644);
	expected = read_file(path);
	if (!expected || strcmp(expected, buf_str(&shown))) {
		print_message("%s\n", buf_str(&shown));
		fail_msg("%s shows something else than %s", name, path);
	}
	check_loads_again(name, c, buf_str(&shown));
	assert_int_equal(config_check_print(c, sink), c->n_problems);
	fclose(sink);
	buf_done(&shown);
	config_free(c);
	free(expected);
	free(text);
	unlink(name);
}

static void test_fixtures(void **state)
{
	DIR *d = opendir(fixtures);
	struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		size_t len = strlen(e->d_name);

		if (len < 4 || strcmp(e->d_name + len - 4, ".yml"))
			continue;
		check_fixture(e->d_name);
		n++;
	}
	closedir(d);
	assert_true(n >= 30);
}

static void test_shown_text(void **state)
{
	struct config *c = load(
		"services:\n"
		"  s: {driver: local, path: \"/a b/\\u00e9\\u0085$$x'\\\"\\t\","
		" type: 'null', zone: ' ', tags: {a: \"b: c # d\", '- x': ''},"
		" encryptionKey: \"\\x7f\\u2028\"}\n");
	struct buf shown = BUF_INIT(1 << 20);

	assert_int_equal(c->n_problems, 0);
	config_show(c, &shown);
	check_loads_again("text", c, buf_str(&shown));
	buf_done(&shown);
	config_free(c);
}

static int setup(void **state)
{
	const char *srcdir = getenv("srcdir");
	char here[PATH_MAX];

	if (!getcwd(here, sizeof(here)) || !mkdtemp(dir))
		return -1;
	snprintf(fixtures, sizeof(fixtures), "%.1000s/%.1000s/tests/config",
		 srcdir && *srcdir == '/' ? "" : here, srcdir ? srcdir : ".");
	if (chdir(dir) < 0 || mkdir("credentials", 0700) < 0)
		return -1;
	write_file("token", "a-token\n", 0400);
	write_file("credentials/sim-token", "a-credential", 0400);
	snprintf(secrets_env, sizeof(secrets_env), "SECRETS=%s", dir);
	snprintf(credentials_env, sizeof(credentials_env),
		 "CREDENTIALS_DIRECTORY=%s/credentials", dir);
	environment[3] = secrets_env;
	environment[4] = credentials_env;
	return 0;
}

static int teardown(void **state)
{
	static const char *const files[] = { "c.yml", "t", "token",
					     "credentials/sim-token" };
	static const char *const dirs[] = { "credentials", "etc/volfs",
					    "etc/rexray", "etc", ".rexray" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++)
		unlink(files[i]);
	for (i = 0; i < ARRAY_SIZE(dirs); i++)
		rmdir(dirs[i]);
	return chdir("/") < 0 || rmdir(dir) < 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_one_local),
		cmocka_unit_test(test_native),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_environment_and_flags),
		cmocka_unit_test(test_old_environment),
		cmocka_unit_test(test_old_service_forms),
		cmocka_unit_test(test_refused_flags),
		cmocka_unit_test(test_flag_args),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_password_in_a_url),
		cmocka_unit_test(test_secrets_in_the_log),
		cmocka_unit_test(test_unknown_keys),
		cmocka_unit_test(test_broken_service),
		cmocka_unit_test(test_shared_words),
		cmocka_unit_test(test_bad_yaml),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_many_services),
		cmocka_unit_test(test_usual_places),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_fixtures),
		cmocka_unit_test(test_shown_text),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
