/*
 * The scanner as it is built where there is no SSE2, held to the same tests.
 */
#undef __SSE2__
#include "broker-common/json_check.c"

#include "tests/unit/test_json_check.c"
