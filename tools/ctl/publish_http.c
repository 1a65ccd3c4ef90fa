#include "tools/ctl/api.h"
#include "tools/ctl/command.h"
#include "tools/ctl/publish.h"
#include "tools/ctl/say.h"

int publish_over_http(const struct outgoing *m, bool json)
{
	struct answer a;
	struct buf body;
	int code = FAILED;

	answer_init(&a);
	buf_init(&body);
	outgoing_write(&body, m);
	buf_char(&body, '}');
	if (body.failed) {
		say("out of memory");
	} else {
		body.p[0] = '{'; /* instead of the first comma */
		if (api_ask(&a, "/v1/publish", buf_view(&body), NULL))
			code = outgoing_say_done(m, a.object, json) ? DONE : FAILED;
		else if (a.status == 0 || a.status == 504)
			say("the message may have been sent (repeat it with the same --once)");
	}
	buf_fini(&body);
	answer_fini(&a);
	return code;
}
