/*
 * Promises of the registry: who is where, who is seen, and what is told of it.
 */
#include "tests/support/tier_contract.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

/* Node 2 hears what is told of the room. */
static void listen(const char *topic)
{
	subscribe(2, topic);
	settle();
	expect_answer(2, "done ok");
}

static void visible_members_raise_rev_and_are_told(void)
{
	listen("room:x");
	enter(1, "room:x", "a", "ann", LISTED);
	settle();
	expect_came(2, "presence room:x joined node0001-a ann rev 1 count 1 users 1 edge");
	expect_answer(1, "room ok rev 1 count 1 users 1 of 1/1 named 1");
	enter(2, "room:x", "b", NULL, SEEN);
	settle();
	expect_came(2, "presence room:x joined node0002-b rev 2 count 2 users 1");
	expect_answer(2, "entered rev 2"); /* its own change, though it asked for no list */
	leave(1, "room:x", "a");
	publish(1, "room:x", "1");
	settle();
	expect_came(2, "presence room:x left node0001-a ann rev 3 count 1 users 0 edge");
	expect_came(2, "event room:x 1");
	expect_answer(1, "published ok 1 1");
}

static void who_is_not_visible_is_counted_and_not_told(void)
{
	listen("room:x");
	enter(0, "room:x", "a", "ann", LISTED);
	enter(1, "room:x", "b", "bob", UNSEEN);
	settle();
	expect_came(2, "presence room:x joined node0000-a ann rev 1 count 1 users 1 edge");
	assert_int_equal(count_answers(0, "room ok rev 1 count 1 users 1 of "), 1);
	expect_answer(1, "entered");
	forget();
	ask_room(2, "room:x", 10);
	settle();
	expect_answer(2, "room ok rev 1 count 1 users 1 of 2/2 named 1");
	leave(1, "room:x", "b");
	settle();
	ask_room(2, "room:x", 10);
	settle();
	expect_answer(2, "room ok rev 1 count 1 users 1 of 1/1 named 1");
	expect_list(2, (const char *const[]){ "node0000-a ann", NULL });
}

static void who_is_there_can_become_visible(void)
{
	listen("room:x");
	enter(0, "room:x", "a", "ann", (struct tier_entry){ .max_members = 1 });
	settle();
	expect_answer(0, "entered");
	enter(0, "room:x", "a", "ann",
	      (struct tier_entry){
		      .visible = true, .again = true, .list = true, .max_members = 1 });
	settle();
	expect_came(2, "presence room:x joined node0000-a ann rev 1 count 1 users 1 edge");
	expect_answer(0, "room ok rev 1 count 1 users 1 of 1/1 named 1");
	leave(0, "room:x", "a");
	settle();
	expect_came(2, "presence room:x left node0000-a ann rev 2 count 0 users 0 edge");
	ask_topics(1, "", NULL, 10);
	settle();
	expect_answer(1, "names ok");
}

static void a_user_comes_with_the_first_connection_and_goes_with_the_last(void)
{
	listen("room:x");
	enter(0, "room:x", "a", "ann", SEEN);
	settle();
	expect_came(2, "presence room:x joined node0000-a ann rev 1 count 1 users 1 edge");
	enter(1, "room:x", "a", "ann", SEEN);
	settle();
	expect_came(2, "presence room:x joined node0001-a ann rev 2 count 2 users 1");
	leave(0, "room:x", "a");
	settle();
	expect_came(2, "presence room:x left node0000-a ann rev 3 count 1 users 1");
	leave(1, "room:x", "a");
	settle();
	expect_came(2, "presence room:x left node0001-a ann rev 4 count 0 users 0 edge");
	forget();
}

static void counts_are_right_when_nodes_race(void)
{
	const char *const users[] = { "ann", "bob", NULL };
	char name[16];

	listen("room:x");
	enter(0, "room:x", "first", "ann", SEEN);
	settle();
	for (int round = 0; round < 12; round++) {
		for (int i = 0; i < 5; i++) {
			snprintf(name, sizeof name, "%d", i);
			for (int k = 0; k < 2; k++)
				if ((round + k) % 2 == 0)
					enter(k, "room:x", name, users[(i + k) % 3], SEEN);
				else if (round > k)
					leave(k, "room:x", name);
		}
		settle();
	}
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof name, "%d", i);
		leave(1, "room:x", name);
	}
	settle();
	expect_changes_follow(2, 1 + 12 * 10);
	forget();
	ask_room(2, "room:x", 10);
	settle();
	expect_answer(2, "room ok rev 121 count 1 users 1 of 1/1 named 1");
	expect_list(2, (const char *const[]){ "node0000-first ann", NULL });
}

/* --- limits ----------------------------------------------------------------------------------------------- */

static void a_room_is_never_fuller_than_it_may_be(void)
{
	const struct tier_entry e = { .visible = true, .max_members = 4 };
	char name[16];

	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof name, "%d", i);
		enter(i % 2, "room:x", name, NULL, e);
	}
	settle();
	assert_int_equal(count_answers(0, "entered rev") + count_answers(1, "entered rev"), 4);
	assert_int_equal(count_answers(0, "room room_full") + count_answers(1, "room room_full"),
	                 2);
	forget();
	publish(2, "room:x", "1");
	settle();
	expect_answer(2, "published ok 0 4");
	for (int i = 0; i < 2; i++) { /* the first of each node is in: four may be */
		leave(i, "room:x", i == 0 ? "0" : "1");
		settle();
		enter(2, "room:x", i == 0 ? "a" : "b", NULL, e);
		enter(2, "room:x", "c", NULL, e);
		settle();
		assert_int_equal(count_answers(2, "entered rev"), 1);
		assert_int_equal(count_answers(2, "room room_full"), 1);
		forget();
	}
	ask_room(0, "room:x", 10);
	settle();
	assert_int_equal(count_answers(0, "room ok rev "), 1);
	assert_int_equal(world.node[0].list.n, 4);
	forget();
}

static void a_crowd_is_counted_and_not_named(void)
{
	struct tier_entry e = { .visible = true, .list = true, .presence_max = 2 };

	listen("room:x");
	enter(0, "room:x", "a", "ann", e);
	settle();
	enter(1, "room:x", "b", "bob", e);
	settle();
	enter(0, "room:x", "c", "ann", e);
	settle();
	leave(0, "room:x", "a");
	settle();
	expect_answer(0, "room ok rev 1 count 1 users 1 of 1/1 named 1");
	expect_answer(1, "room ok rev 2 count 2 users 2 of 2/2 named 2");
	expect_answer(0, "room ok rev 3 count 3 users 2 of 3/2 named 0 counts");
	expect_came(2, "presence room:x joined node0000-a ann rev 1 count 1 users 1 edge");
	expect_came(2, "presence room:x joined node0001-b bob rev 2 count 2 users 2 edge");
	expect_came(2, "presence room:x joined node0000-c ann rev 3 count 3 users 2 counts");
	expect_came(2, "presence room:x left node0000-a ann rev 4 count 2 users 2");
	ask_room(2, "room:x", 1);
	ask_room(2, "room:x", 2);
	settle();
	expect_answer(2, "room ok rev 4 count 2 users 2 of 2/2 named 0 counts");
	expect_answer(2, "room ok rev 4 count 2 users 2 of 2/2 named 2");
}

/* --- lists --------------------------------------------------------------------------------------------------- */

static void a_list_holds_the_members_of_all_nodes_as_they_came(void)
{
	const char *const infos[] = {
		"{ \"n\" : 1.0, \"n\":\"\xf0\x9f\x98\x80\\u0000\" }",
		"null",
		"[\r\n]",
		"\"\xe2\x80\xa8 \x7f %s {room}\"",
	};
	struct tier_entry e = SEEN;

	enter(2, "room:x", "first", NULL, SEEN);
	settle();
	forget();
	for (int i = 0; i < 4; i++) {
		e.member.info = slice_of(infos[i]);
		enter(i % NODES, "room:x", i < 3 ? "a" : "b", i % 2 == 0 ? "ann" : NULL, e);
	}
	e.member.info = slice_of(NULL);
	enter(1, "room:x", "c", "b;=@,.:_-9Z", e);
	settle();
	forget();
	for (int i = 0; i < NODES; i++) {
		char a[100], b[100], c[100], d[100];

		ask_room(i, "room:x", 6);
		settle();
		expect_answer(i, "room ok rev 6 count 6 users 2 of 6/3 named 6");
		snprintf(a, sizeof a, "node0000-a ann %s", infos[0]);
		snprintf(b, sizeof b, "node0001-a %s", infos[1]);
		snprintf(c, sizeof c, "node0002-a ann %s", infos[2]);
		snprintf(d, sizeof d, "node0000-b %s", infos[3]);
		expect_list(i,
		            (const char *const[]){ a, d, b, "node0001-c b;=@,.:_-9Z", c,
		                                   "node0002-first", NULL });
	}
}

static void a_notice_carries_the_member_as_it_came(void)
{
	struct tier_entry e = SEEN;

	listen("room:x");
	e.member.info = slice_of("{ \"n\" : 1.0,\r\n\"\xf0\x9f\x98\x80\":\"\\u0000\" }");
	enter(0, "room:x", "a", "ann", e);
	settle();
	leave(0, "room:x", "a");
	settle();
	expect_came(2,
	            "presence room:x joined node0000-a ann { \"n\" : 1.0,\r\n"
	            "\"\xf0\x9f\x98\x80\":\"\\u0000\" } rev 1 count 1 users 1 edge");
	expect_came(2,
	            "presence room:x left node0000-a ann { \"n\" : 1.0,\r\n"
	            "\"\xf0\x9f\x98\x80\":\"\\u0000\" } rev 2 count 0 users 0 edge");
	forget();
}

#define MANY 300

static void hundreds_of_members_are_listed_whole(void)
{
	static char text[MANY][100];
	const char *members[MANY + 1] = { NULL };
	char info[32], user[16], name[16];

	listen("room:x");
	for (int i = 0; i < MANY; i++) {
		/* sorted as they stand: by node, then by number */
		int node = i / (MANY / NODES);
		struct tier_entry e = SEEN;

		snprintf(name, sizeof name, "%03d", i);
		snprintf(user, sizeof user, "u%d", i % 7);
		snprintf(info, sizeof info, "{\"i\":%d.0}", i);
		e.member.info = slice_of(info);
		enter(node, "room:x", name, user, e);
		if (i == 0)
			settle(); /* this one is rev 1 */
		snprintf(text[i], sizeof text[i], "node%04d-%s %s %s", node, name, user, info);
		members[i] = text[i];
	}
	settle();
	expect_changes_follow(2, MANY);
	forget();
	ask_room(1, "room:x", MANY);
	settle();
	expect_answer(1, "room ok rev 300 count 300 users 7 of 300/3 named 300");
	expect_list(1, members);
	ask_room(1, "room:x", MANY - 1);
	settle();
	expect_answer(1, "room ok rev 300 count 300 users 7 of 300/3 named 0 counts");
}

/* --- edges ---------------------------------------------------------------------------------------------------- */

static void leaving_what_was_never_entered_is_harmless(void)
{
	listen("room:x");
	leave(0, "room:x", "a");
	settle();
	enter(1, "room:x", "a", "ann", SEEN);
	settle();
	leave(0, "room:x", "a");
	settle();
	expect_came(2, "presence room:x joined node0001-a ann rev 1 count 1 users 1 edge");
	expect_answer(1, "entered rev 1");
	ask_room(0, "room:x", 10);
	settle();
	expect_answer(0, "room ok rev 1 count 1 users 1 of 1/1 named 1");
}

static void nobody_is_in_a_room_that_nobody_entered(void)
{
	ask_room(0, "room:x", 10);
	ask_topics(0, "", NULL, 10);
	settle();
	assert_int_equal(count_answers(0, "room ok rev 0 count 0 users 0 of 0/0 named 0"), 1);
	assert_int_equal(count_answers(0, "names ok"), 1);
	forget();
}

static void topics_are_listed_in_pages(void)
{
	enter(0, "room:c", "a", NULL, UNSEEN);
	enter(0, "room:c", "b", NULL, UNSEEN);
	enter(1, "room:a", "a", NULL, UNSEEN);
	enter(2, "room:a", "b", NULL, SEEN);
	enter(1, "room:b", "b", NULL, UNSEEN);
	enter(1, "room:ab", "b", NULL, UNSEEN);
	enter(1, "user:a", "b", NULL, UNSEEN);
	subscribe(0, "room:d"); /* subscribed is not entered */
	settle();
	forget();
	ask_topics(0, "room:", NULL, 2);
	settle();
	expect_answer(0, "names ok room:a=2/2 room:ab=1/1");
	ask_topics(0, "room:", "room:ab", 2);
	settle();
	expect_answer(0, "names ok room:b=1/1 room:c=2/1");
	ask_topics(0, "room:", "room:c", 2);
	settle();
	expect_answer(0, "names ok");
	ask_topics(2, "", NULL, 100);
	settle();
	expect_answer(2, "names ok room:a=2/2 room:ab=1/1 room:b=1/1 room:c=2/1 user:a=1/1");
	leave(1, "room:a", "a");
	leave(1, "room:b", "b");
	settle();
	ask_topics(2, "room:", NULL, 100);
	settle();
	expect_answer(2, "names ok room:a=1/1 room:ab=1/1 room:c=2/1");
}

static void names_may_be_as_long_as_names_are(void)
{
	char name[TOPIC_NAME_MAX + 1], room[TOPIC_MAX + 1], user[TOPIC_MAX + 1], line[1000];

	memset(name, ';', TOPIC_NAME_MAX);
	name[0] = '-';
	name[TOPIC_NAME_MAX] = '\0';
	snprintf(room, sizeof room, "room:%s", name);
	snprintf(user, sizeof user, "user:%s", name);
	listen(room);
	listen(user);
	enter(0, room, "a", name, LISTED);
	settle();
	snprintf(line, sizeof line, "presence %s joined node0000-a %s rev 1 count 1 users 1 edge",
	         room, name);
	expect_came(2, line);
	expect_answer(0, "room ok rev 1 count 1 users 1 of 1/1 named 1");
	publish(1, user, "1");
	settle();
	expect_answer(1, "published ok 1 0");
	snprintf(line, sizeof line, "event %s 1", user);
	expect_came(2, line);
	ask_topics(1, "room:", NULL, 1);
	settle();
	snprintf(line, sizeof line, "names ok %s=1/1", room);
	expect_answer(1, line);
}

const struct promise room_promises[] = {
	PROMISE(visible_members_raise_rev_and_are_told),
	PROMISE(who_is_not_visible_is_counted_and_not_told),
	PROMISE(who_is_there_can_become_visible),
	PROMISE(a_user_comes_with_the_first_connection_and_goes_with_the_last),
	PROMISE(counts_are_right_when_nodes_race),
	PROMISE(a_room_is_never_fuller_than_it_may_be),
	PROMISE(a_crowd_is_counted_and_not_named),
	PROMISE(a_list_holds_the_members_of_all_nodes_as_they_came),
	PROMISE(a_notice_carries_the_member_as_it_came),
	PROMISE(hundreds_of_members_are_listed_whole),
	PROMISE(leaving_what_was_never_entered_is_harmless),
	PROMISE(nobody_is_in_a_room_that_nobody_entered),
	PROMISE(topics_are_listed_in_pages),
	PROMISE(names_may_be_as_long_as_names_are),
	{ NULL, NULL },
};
