#include "gateway/server/demo.h"

#include "gateway/server/http.h"

#include <openssl/evp.h>
#include <stddef.h>
#include <string.h>

extern const char demo_page_html[];
extern const size_t demo_page_html_len;

#define SHA256_LEN 32u

/* What stands between the next `open` and `close` from `*at` on; false: no more. */
static bool next_between(struct slice page, size_t *at, const char *open, const char *close,
                         struct slice *inside)
{
	const char *begin = memmem(page.p + *at, page.n - *at, open, strlen(open)), *end;

	if (begin == NULL)
		return false;
	begin += strlen(open);
	end = memmem(begin, (size_t)(page.p + page.n - begin), close, strlen(close));
	if (end == NULL)
		return false;
	*inside = (struct slice){ begin, (size_t)(end - begin) };
	*at = (size_t)(end - page.p);
	return true;
}

static void add_hash(struct buf *out, struct slice script)
{
	unsigned char hash[SHA256_LEN], text[SHA256_LEN * 2];

	if (EVP_Digest(script.p, script.n, hash, NULL, EVP_sha256(), NULL) != 1)
		return; /* the script will not run: safe */
	EVP_EncodeBlock(text, hash, sizeof hash);
	buf_printf(out, " 'sha256-%s'", (const char *)text);
}

void demo_policy(struct slice page, struct buf *out)
{
	struct slice script;
	size_t at = 0;

	buf_str(out,
	        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
	        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; script-src");
	while (next_between(page, &at, "<script>", "</script>", &script))
		add_hash(out, script);
}

bool demo_send(struct lws *wsi)
{
	struct slice page = { demo_page_html, demo_page_html_len };
	struct buf headers;
	bool sent = false;

	buf_init(&headers);
	buf_str(&headers, "Content-Security-Policy: ");
	demo_policy(page, &headers);
	buf_str(&headers, "\r\nReferrer-Policy: no-referrer\r\n");
	buf_char(&headers, '\0');
	if (!headers.failed)
		sent = http_send(wsi,
		                 &(struct http_reply){ .status = 200,
		                                       .type = "text/html; charset=utf-8",
		                                       .headers = headers.p,
		                                       .body = page });
	buf_fini(&headers);
	return sent;
}
