/* SPDX-License-Identifier: Apache-2.0 */

/* What a server sends beside the body, a line at a time as libcurl hands it
 * over: headers, and the values and addresses in them. */
#include <string.h>

#include "base/auto.h"
#include "net/http_internal.h"
#include "tests/fuzz/fuzz.h"

const char *const fuzz_seeds[] = {
	"Content-Type: application/json\r\n",
	"Retry-After: 120\r\nretry-after:\t7 \r\nX: a: b\r\n",
	"Retry-After: Thu, 01 Jan 1970 00:01:00 GMT\r\n",
	"Location: https://u:p@host:8443/a@b?Signature=c#d\r\n",
	"no header\r\n: none\r\nempty:\r\nblank : \t \r\n\r\n",
	"Nul|: in the name\r\nNul: in |the value\r\n", NULL
};

/* Of the right size, without a NUL at its end. */
static void take_line(struct http_reply *r, const char *line, size_t len)
{
	size_t n = r->n_headers;
	char *copy = malloc(len ? len : 1);

	FUZZ_CHECK(copy);
	memcpy(copy, line, len);
	FUZZ_CHECK(http_reply_take_header(r, copy, len) == 0);
	free(copy);
	FUZZ_CHECK(r->n_headers == n || r->n_headers == n + 1);
	if (r->n_headers == n)
		return;
	FUZZ_CHECK(!memchr(line, '\0', len));
	FUZZ_CHECK(*r->headers[n].name && !strchr(r->headers[n].name, ':'));
	FUZZ_CHECK(strlen(r->headers[n].name) +
		   strlen(r->headers[n].value) < len);
	FUZZ_CHECK(http_reply_header(r, r->headers[n].name) ==
		   r->headers[n].value);
}

static void check_value(const char *value)
{
	AUTO(auto_buf) struct buf escaped = BUF_INIT(1 << 20);
	int64_t s = http_retry_after_s(value, 1000);
	char shown[64];

	FUZZ_CHECK(s >= -1 && s <= 86400);
	http_url_redact(value, shown, sizeof(shown));
	FUZZ_CHECK(strlen(shown) < sizeof(shown) && !strpbrk(shown, "?#"));
	http_escape(&escaped, value);
	FUZZ_CHECK(!buf_failed(&escaped));
	FUZZ_CHECK(escaped.len == strspn(buf_str(&escaped),
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		   "abcdefghijklmnopqrstuvwxyz-._~%"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(auto_http_reply) struct http_reply r;
	AUTO(auto_free) char *text = fuzz_with_nuls(data, size);
	const char *at = text, *end = text + size;

	http_reply_init(&r);
	while (at < end) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		const char *next = nl ? nl + 1 : end;

		take_line(&r, at, (size_t)(next - at));
		at = next;
	}
	for (size_t i = 0; i < r.n_headers; i++)
		check_value(r.headers[i].value);
	return 0;
}
