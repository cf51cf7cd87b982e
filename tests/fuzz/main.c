/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs a fuzz target without libFuzzer:
 *
 *	TARGET                          20000 pseudo-random inputs, seed 1
 *	TARGET --random N SEED          N of them, others for another SEED
 *	TARGET FILE...                  the files; combines with --random
 *
 * Half of the random inputs are good ones with a few bytes changed: the
 * target's fuzz_seeds. When a target dies, the input is printed in hex.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/parse.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 4096
#define INPUT_MOST_S 60 /* one that takes longer does not end */
#define FILE_MAX (16 * 1024 * 1024)
#define PAGE (64 * 1024) /* the largest that a kernel has */

static uint8_t input[INPUT_MAX];
static size_t input_len;
static const uint8_t *running;
static size_t running_len;
static uint64_t state;

/* xorshift64*: the same numbers on every machine. */
static uint64_t random_next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
}

static size_t random_below(size_t n)
{
	return (size_t)(random_next() >> 33) % n;
}

static uint8_t random_byte(void)
{
	static const char likely[] =
		"0123456789.+-=%:/\\\"'{}[],# \t\n\0KMGTPBiabcdefABCDEFsmhdTZ";

	if (random_below(2))
		return (uint8_t)likely[random_below(sizeof(likely) - 1)];
	return (uint8_t)random_next();
}

static void input_random(void)
{
	/* Short ones find more, long ones find what overflows. */
	input_len = random_below(random_below(16) ? 24 : INPUT_MAX);
	for (size_t i = 0; i < input_len; i++)
		input[i] = random_byte();
}

/* Changes, takes out, or puts in one byte. */
static void input_change(void)
{
	size_t at = random_below(input_len + 1);

	switch (random_below(4)) {
	case 0:
		if (at == input_len)
			return;
		memmove(input + at, input + at + 1, input_len - at - 1);
		input_len--;
		break;
	case 1:
		if (input_len == INPUT_MAX)
			return;
		memmove(input + at + 1, input + at, input_len - at);
		input[at] = random_byte();
		input_len++;
		break;
	case 2:
		input_len = at; /* cut short */
		break;
	default:
		if (at < input_len)
			input[at] = random_byte();
	}
}

static void input_from_seed(size_t seeds)
{
	const char *seed = fuzz_seeds[random_below(seeds)];

	input_len = strlen(seed) < INPUT_MAX ? strlen(seed) : INPUT_MAX;
	memcpy(input, seed, input_len);
	for (size_t n = random_below(5); n > 0; n--)
		input_change();
}

/* Up to a page that nobody may touch: each byte read past the end is a fault,
 * with or without a sanitizer. */
static void input_run(const uint8_t *data, size_t len)
{
	static uint8_t *end;

	if (!end) {
		uint8_t *room = mmap(NULL, FILE_MAX + PAGE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				     -1, 0);

		if (room == MAP_FAILED ||
		    mprotect(room + FILE_MAX, PAGE, PROT_NONE) < 0)
			abort();
		end = room + FILE_MAX;
	}
	memcpy(end - len, data, len);
	running = end - len;
	running_len = len;
	alarm(INPUT_MOST_S);
	LLVMFuzzerTestOneInput(end - len, len);
}

static void random_run(uint64_t runs, uint64_t seed)
{
	size_t seeds = 0;

	while (fuzz_seeds[seeds])
		seeds++;
	for (size_t i = 0; i < seeds; i++)
		input_run((const uint8_t *)fuzz_seeds[i],
			  strlen(fuzz_seeds[i]));
	state = seed * 2 + 1; /* never 0, where it would stay */
	for (uint64_t i = 0; i < runs; i++) {
		if (seeds && random_below(2))
			input_from_seed(seeds);
		else
			input_random();
		input_run(input, input_len);
	}
	printf("%ju inputs of seed %ju\n", (uintmax_t)runs, (uintmax_t)seed);
}

static int file_run(const char *path)
{
	AUTO(auto_file) FILE *file = fopen(path, "re");
	AUTO(auto_free) uint8_t *data = malloc(FILE_MAX);
	size_t len;

	if (!file || !data) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	len = fread(data, 1, FILE_MAX, file);
	if (ferror(file)) {
		fprintf(stderr, "%s: cannot be read\n", path);
		return -1;
	}
	input_run(data, len);
	return 0;
}

static void write_error(const char *text, size_t len)
{
	/* Nothing can be done where even this fails. */
	if (write(STDERR_FILENO, text, len) < 0)
		return;
}

static void on_death(int signal_number)
{
	static const char hex[] = "0123456789abcdef";

	write_error("input: ", 7);
	for (size_t i = 0; i < running_len; i++) {
		char pair[2] = { hex[running[i] >> 4], hex[running[i] & 15] };

		write_error(pair, 2);
	}
	write_error("\n", 1);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static int number_arg(const char *text, uint64_t *out)
{
	struct err err = ERR_INIT;

	if (text && parse_u64(text, strlen(text), out, &err) == 0)
		return 0;
	fprintf(stderr, "use: --random N SEED, FILE...: %s\n", err.text);
	return -1;
}

int main(int argc, char **argv)
{
	uint64_t runs, seed;

	signal(SIGABRT, on_death);
	signal(SIGSEGV, on_death);
	signal(SIGALRM, on_death);
	if (argc == 1)
		random_run(20000, 1);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--random")) {
			if (file_run(argv[i]) < 0)
				return 1;
			continue;
		}
		if (argc - i < 3 || number_arg(argv[i + 1], &runs) < 0 ||
		    number_arg(argv[i + 2], &seed) < 0)
			return 2;
		random_run(runs, seed);
		i += 2;
	}
	return 0;
}
