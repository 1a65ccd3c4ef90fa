#include "gateway/core/shape.h"
#include "tests/support/test.h"

#include <stdlib.h>

static const struct shape inner[] = {
	{ "up", JSON_TRUE, false, NULL },
	{ NULL, JSON_INVALID, false, NULL },
};

static const struct shape outer[] = {
	{ "name", JSON_STRING, false, NULL }, { "n", JSON_NUMBER, false, NULL },
	{ "list", JSON_ARRAY, true, NULL },   { "tier", JSON_OBJECT, true, inner },
	{ NULL, JSON_INVALID, false, NULL },
};

static void assert_fits(const char *text, bool fits)
{
	struct slice object = slice_of(text);

	assert_int_equal(json_check(object, &json_default_limits, NULL), JSON_OBJECT);
	if (shape_fits(object, outer) != fits)
		fail_msg("%s", text);
}

static void what_must_be_there_is_there(void **state)
{
	(void)state;
	assert_fits("{\"name\":\"a\",\"n\":0}", true);
	assert_fits("{\"n\":0,\"name\":\"a\"}", true);
	assert_fits("{\"name\":\"a\"}", false);
	assert_fits("{}", false);
	assert_fits("{\"name\":\"a\",\"n\":1,\"list\":[],\"tier\":{\"up\":false}}", true);
}

static void types_are_as_they_must_be(void **state)
{
	(void)state;
	assert_fits("{\"name\":null,\"n\":0}", false);
	assert_fits("{\"name\":\"a\",\"n\":\"0\"}", false);
	assert_fits("{\"name\":\"a\",\"n\":-1}", false);
	assert_fits("{\"name\":\"a\",\"n\":1.5}", false);
	assert_fits("{\"name\":\"a\",\"n\":1e3}", false);
	assert_fits("{\"name\":\"a\",\"n\":99999999999999999999}", false);
	assert_fits("{\"name\":\"a\",\"n\":1,\"list\":{}}", false);
	assert_fits("{\"name\":\"a\",\"n\":1,\"tier\":{\"up\":1}}", false);
	assert_fits("{\"name\":\"a\",\"n\":1,\"tier\":{}}", false);
	assert_fits("{\"name\":\"a\",\"n\":1,\"tier\":[]}", false);
}

static void others_are_not_looked_at(void **state)
{
	(void)state;
	assert_fits("{\"name\":\"a\",\"n\":1,\"more\":-1,\"more\":null}", true);
}

static void nothing_stands_there_twice(void **state)
{
	(void)state;
	assert_fits("{\"name\":\"a\",\"n\":1,\"n\":1}", false);
	assert_fits("{\"name\":\"a\",\"n\":1,\"\\u006e\":1}", false);
}

static void values_are_read_by_name(void **state)
{
	struct slice object = slice_of("{ \"s\" : \"a b\" , \"n\" : 17 , \"o\" : {\"n\":-1} }");

	(void)state;
	assert_true(slice_is(shape_text(object, "s"), "a b"));
	assert_null(shape_text(object, "n").p);
	assert_null(shape_text(object, "x").p);
	assert_int_equal(shape_number(object, "n"), 17);
	assert_int_equal(shape_number(object, "s"), 0);
	assert_int_equal(shape_number(object, "x"), 0);
	assert_true(slice_is(shape_value(object, "o"), "{\"n\":-1}"));
	assert_int_equal(shape_number(shape_value(object, "o"), "n"), 0);
	assert_null(shape_value(object, "x").p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_must_be_there_is_there),
		cmocka_unit_test(types_are_as_they_must_be),
		cmocka_unit_test(others_are_not_looked_at),
		cmocka_unit_test(nothing_stands_there_twice),
		cmocka_unit_test(values_are_read_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
