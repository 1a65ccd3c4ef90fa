#include "tools/ctl/names.h"

#include "broker-common/topic.h"
#include "tools/ctl/say.h"

#define NODE_LEN 8

bool name_ok(const char *what, const char *name)
{
	if (topic_name_ok(slice_of(name)))
		return true;
	say("'%s' is no %s: 1 to 200 of A-Z a-z 0-9 _ - = @ , . ; : (without \"%s:\" in front)",
	    name, what, what);
	return false;
}

bool node_ok(const char *name)
{
	if (strlen(name) == NODE_LEN &&
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz234567")] == '\0')
		return true;
	say("'%s' is no node: 8 of a-z and 2-7, as roomcastctl nodes shows them", name);
	return false;
}
