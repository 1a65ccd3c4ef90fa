#include "broker-common/event_types.h"

#include "broker-common/json.h"
#include "tests/support/test.h"

#include <stdio.h>

/* NULL: the payload is right; else what is said of it. */
static const char *check(const char *type, const char *payload)
{
	static char scratch[128];
	struct slice p = slice_of(payload);
	enum err e;

	if (json_check(p, &json_default_limits, NULL) == JSON_INVALID)
		fail_msg("%s", payload);
	strcpy(scratch, "nothing was said");
	e = event_type_check(slice_of(type), p, scratch);
	if (e == ERR_OK)
		return NULL;
	assert_int_equal(e, ERR_BAD_PAYLOAD);
	return scratch;
}

#define assert_wrong(type, payload, said) assert_string_equal(check(type, payload), said)
#define assert_right(type, payload) assert_null(check(type, payload))

static void other_types_are_free(void **state)
{
	static const char *const types[] = { "chat",         "task_updated", "task_updat",
		                             "TASK_UPDATE",  "a.b",          "queue_status_changed",
		                             "notification:" };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		assert_right(types[i], "null");
		assert_right(types[i], "[{\"progress\":7}]");
	}
}

static void types_of_the_servers_own_are_forbidden(void **state)
{
	char scratch[128];

	(void)state;
	assert_int_equal(event_type_check(slice_of("roomcast.x"), slice_of("{}"), scratch),
	                 ERR_FORBIDDEN);
	assert_non_null(strstr(scratch, "roomcast."));
	assert_int_equal(event_type_check(slice_of("roomcast."), slice_of("{}"), scratch),
	                 ERR_FORBIDDEN);
	assert_right("roomcast", "1");
	assert_right("my.roomcast.x", "1");
	assert_right("roomcast_x", "1");
}

static void a_known_type_needs_an_object(void **state)
{
	(void)state;
	assert_wrong("task_update", "[]", "task_update: payload must be an object");
	assert_wrong("queue_status", "null", "queue_status: payload must be an object");
	assert_wrong("notification", "\"{}\"", "notification: payload must be an object");
}

static void task_update_is_checked_field_by_field(void **state)
{
	(void)state;
	assert_right("task_update", "{\"task_id\":\"a\",\"status\":\"running\"}");
	assert_right("task_update", " { \"status\" : \"x\" , \"task_id\" : 17 } ");
	assert_right("task_update",
	             "{\"task_id\":\"a\",\"status\":\"x\",\"progress\":0,"
	             "\"message\":\"\",\"more\":[1]}");
	assert_right("task_update", "{\"task_id\":-1,\"status\":\"x\",\"progress\":1}");
	assert_right("task_update", "{\"task_id\":0,\"status\":\"x\",\"progress\":1.0e0}");
	assert_right("task_update", "{\"task_\\u0069d\":1,\"\\u0073tatus\":\"x\"}");

	assert_wrong("task_update", "{}", "task_update: task_id is missing");
	assert_wrong("task_update", "{\"task_id\":1}", "task_update: status is missing");
	assert_wrong("task_update", "{\"task_id\":\"\",\"status\":\"x\"}",
	             "task_update: task_id must be a string that is not empty, or an integer");
	assert_wrong("task_update", "{\"task_id\":1.5,\"status\":\"x\"}",
	             "task_update: task_id must be a string that is not empty, or an integer");
	assert_wrong("task_update", "{\"task_id\":null,\"status\":\"x\"}",
	             "task_update: task_id must be a string that is not empty, or an integer");
	assert_wrong("task_update", "{\"task_id\":1,\"status\":\"\"}",
	             "task_update: status must be a string that is not empty");
	assert_wrong("task_update", "{\"task_id\":1,\"status\":5}",
	             "task_update: status must be a string that is not empty");
	assert_wrong("task_update", "{\"task_id\":1,\"status\":\"x\",\"message\":null}",
	             "task_update: message must be a string");
}

static void progress_is_a_number_from_0_to_1(void **state)
{
	static const char *const others[] = { "1.1",  "-0.1",    "1e9999", "-1e-9", "2",
		                              "null", "\"0.5\"", "true",   "[0.5]", "1.0000001" };
	char payload[128];

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(payload, sizeof(payload),
		         "{\"task_id\":1,\"status\":\"x\",\"progress\":%s}", others[i]);
		assert_wrong("task_update", payload,
		             "task_update: progress must be a number from 0 to 1");
	}
	assert_right("task_update", "{\"task_id\":1,\"status\":\"x\",\"progress\":0.5}");
	assert_right("task_update", "{\"task_id\":1,\"status\":\"x\",\"progress\":-0}");
}

static void queue_status_counts_are_integers_of_0_or_more(void **state)
{
	static const char *const fields[] = { "total_tasks", "pending_tasks", "running_tasks",
		                              "completed_tasks", "failed_tasks" };
	static const char *const others[] = { "-1",    "1.0",  "1e2",
		                              "\"1\"", "null", "9223372036854775808" };
	char payload[256], said[128];

	(void)state;
	assert_right("queue_status",
	             "{\"total_tasks\":10,\"pending_tasks\":0,\"running_tasks\":1,"
	             "\"completed_tasks\":9223372036854775807,\"failed_tasks\":-0}");
	for (size_t i = 0; i < 5; i++) {
		/* Field i is wrong in every way, then missing; the others are right. */
		for (size_t k = 0; k <= sizeof(others) / sizeof(others[0]); k++) {
			bool gone = k == sizeof(others) / sizeof(others[0]);
			int n = snprintf(payload, sizeof(payload), "{\"x\":1");

			for (size_t f = 0; f < 5; f++)
				if (f != i || !gone)
					n += snprintf(payload + n, sizeof(payload) - (size_t)n,
					              ",\"%s\":%s", fields[f],
					              f == i ? others[k] : "3");
			snprintf(payload + n, sizeof(payload) - (size_t)n, "}");
			snprintf(said, sizeof(said), "queue_status: %s %s", fields[i],
			         gone ? "is missing" : "must be an integer, 0 or more");
			assert_wrong("queue_status", payload, said);
		}
	}
}

static void notification_has_a_level_a_title_a_message_and_a_time(void **state)
{
	static const char *const levels[] = { "info", "warning", "error", "success", "\\u0069nfo" };
	char payload[128];

	(void)state;
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		snprintf(payload, sizeof(payload),
		         "{\"level\":\"%s\",\"title\":\"\",\"message\":\"m\",\"timestamp\":1.5}",
		         levels[i]);
		assert_right("notification", payload);
	}
	assert_right("notification",
	             "{\"level\":\"info\",\"title\":\"t\",\"message\":\"\","
	             "\"timestamp\":\"2024-05-01T00:00:00Z\"}");
	assert_wrong("notification",
	             "{\"level\":\"Info\",\"title\":\"t\",\"message\":\"\",\"timestamp\":1}",
	             "notification: level must be info, warning, error or success");
	assert_wrong("notification",
	             "{\"level\":1,\"title\":\"t\",\"message\":\"\",\"timestamp\":1}",
	             "notification: level must be info, warning, error or success");
	assert_wrong("notification", "{\"level\":\"info\",\"message\":\"\",\"timestamp\":1}",
	             "notification: title is missing");
	assert_wrong("notification", "{\"level\":\"info\",\"title\":1}",
	             "notification: title must be a string");
	assert_wrong("notification", "{\"level\":\"info\",\"title\":\"\",\"message\":{}}",
	             "notification: message must be a string");
	assert_wrong("notification",
	             "{\"level\":\"info\",\"title\":\"\",\"message\":\"\",\"timestamp\":null}",
	             "notification: timestamp must be a string or a number");
	assert_wrong("notification", "{\"level\":\"info\",\"title\":\"\",\"message\":\"\"}",
	             "notification: timestamp is missing");
}

/* Which of two a receiver takes nobody knows. */
static void a_field_that_is_there_twice_must_be_right_twice(void **state)
{
	(void)state;
	assert_right("task_update", "{\"task_id\":1,\"status\":\"x\",\"status\":\"y\"}");
	assert_wrong("task_update", "{\"task_id\":1,\"status\":\"x\",\"status\":1}",
	             "task_update: status must be a string that is not empty");
	assert_wrong("task_update", "{\"task_id\":1,\"status\":1,\"status\":\"x\"}",
	             "task_update: status must be a string that is not empty");
}

static void only_the_payloads_own_level_counts(void **state)
{
	(void)state;
	assert_wrong("task_update", "{\"task_id\":1,\"in\":{\"status\":\"x\"}}",
	             "task_update: status is missing");
	assert_right("task_update", "{\"task_id\":1,\"status\":\"x\",\"in\":{\"progress\":7}}");
}

static void rows_of_one_type_stand_together(void **state)
{
	static const char *const types[] = {
#define FIELD(type, name, kind, required) type,
#include "broker-common/event_types.def"
	};
	size_t n = sizeof(types) / sizeof(types[0]);

	(void)state;
	for (size_t i = 1; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			if (strcmp(types[i], types[i - 1]) != 0)
				assert_string_not_equal(types[k], types[i - 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_types_are_free),
		cmocka_unit_test(types_of_the_servers_own_are_forbidden),
		cmocka_unit_test(a_known_type_needs_an_object),
		cmocka_unit_test(task_update_is_checked_field_by_field),
		cmocka_unit_test(progress_is_a_number_from_0_to_1),
		cmocka_unit_test(queue_status_counts_are_integers_of_0_or_more),
		cmocka_unit_test(notification_has_a_level_a_title_a_message_and_a_time),
		cmocka_unit_test(a_field_that_is_there_twice_must_be_right_twice),
		cmocka_unit_test(only_the_payloads_own_level_counts),
		cmocka_unit_test(rows_of_one_type_stand_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
