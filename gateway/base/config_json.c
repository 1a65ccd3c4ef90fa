#include "gateway/base/config_rows.h"

static void write_text(const struct config_row *r, const struct config *c, struct buf *out)
{
	struct buf text;

	buf_init(&text);
	row_print(r, c, &text); /* hides secrets */
	buf_json(out, buf_view(&text));
	out->failed |= text.failed;
	buf_fini(&text);
}

static void write_value(const struct config_row *r, const struct config *c, struct buf *out)
{
	switch (r->kind) {
	case CONFIG_NUMBER:
	case CONFIG_BYTES: buf_i64(out, row_get(r, c)); break;
	case CONFIG_FLAG: buf_str(out, row_get(r, c) ? "true" : "false"); break;
	case CONFIG_TEXT:
	case CONFIG_CHOICE: write_text(r, c, out); break;
	}
}

void config_json(const struct config *c, struct buf *out)
{
	buf_str(out, "{\"options\":{");
	for (size_t i = 0; i < CONFIG_OPTIONS; i++) {
		buf_str(out, i == 0 ? "" : ",");
		buf_json(out, slice_of(config_rows[i].name));
		buf_char(out, ':');
		write_value(&config_rows[i], c, out);
	}
	buf_str(out, "}}");
}
