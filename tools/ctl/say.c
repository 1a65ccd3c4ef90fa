#include "tools/ctl/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SENTENCE_MAX 2048

/* C0, DEL, and in UTF-8 also U+0080 to U+009F: some terminals obey those too. */
static bool is_c1(const unsigned char *p)
{
	return p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f;
}

static void make_harmless(char *text)
{
	unsigned char *out = (unsigned char *)text;

	for (const unsigned char *p = out; *p != '\0'; p++) {
		if (is_c1(p))
			p++;
		else if (*p >= 0x20 && *p != 0x7f) {
			*out++ = *p;
			continue;
		}
		*out++ = '?';
	}
	*out = '\0';
}

void say(const char *format, ...)
{
	char text[SENTENCE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	make_harmless(text);
	fprintf(stderr, "roomcastctl: %s\n", text);
}

bool say_text(struct slice text)
{
	if (fwrite(text.p, 1, text.n, stdout) == text.n && fflush(stdout) == 0)
		return true;
	say("cannot write to standard output: %s", strerror(errno));
	return false;
}

bool say_line(struct slice line)
{
	if (fwrite(line.p, 1, line.n, stdout) == line.n && putchar('\n') != EOF &&
	    fflush(stdout) == 0)
		return true;
	say("cannot write to standard output: %s", strerror(errno));
	return false;
}

void say_json(struct buf *b, struct slice json)
{
	const char *run = json.p, *end = json.p + json.n;

	for (const char *p = json.p; p < end; p++) {
		const unsigned char *u = (const unsigned char *)p;
		bool c1 = p + 1 < end && is_c1(u);

		if (*u >= 0x20 && *u != 0x7f && !c1)
			continue;
		buf_add(b, run, (size_t)(p - run));
		if (*u < 0x20) /* a blank: strings cannot hold these */
			buf_char(b, ' ');
		else
			buf_printf(b, "\\u%04x", c1 ? *(u + 1) : *u);
		p += c1;
		run = p + 1;
	}
	buf_add(b, run, (size_t)(end - run));
}
