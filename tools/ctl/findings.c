#include "tools/ctl/findings.h"

#include <stdarg.h>
#include <stdio.h>

void findings_init(struct findings *f)
{
	*f = (struct findings){ .n = { 0 } };
	buf_init(&f->json);
}

void findings_fini(struct findings *f)
{
	buf_fini(&f->json);
}

void found(struct findings *f, enum level level, const char *check, const char *format, ...)
{
	static const char *const words[] = { "ok", "warn", "bad" };
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	f->n[level]++;
	buf_printf(&f->json, "%s{\"level\":\"%s\",\"check\":", f->json.n == 0 ? "" : ",",
	           words[level]);
	buf_json(&f->json, slice_of(check));
	buf_str(&f->json, ",\"text\":");
	buf_json(&f->json, slice_of(text));
	buf_char(&f->json, '}');
}
