/* One connection: opens, passes on what it hears, asks by itself whether the gateway is still there (programs in
 * browsers cannot see ping frames). After `close()`, and after it has told that it ended, it says nothing more. */
const SUBPROTOCOL = "roomcast.v1.json";
const LATE_MS = 1000; // a timer that comes so late: this machine slept, not the gateway

/* `on`: token() and opened(token), then heard(text), ping(ms), missed(), in the end ended(code, reason). From here to
 * `keepAlive` it may take `welcomeMs`. */
export function openLink(Socket, url, welcomeMs, on) {
	const pings = new Map(); // id → when
	let socket, beat, answerMs;
	let answerTimer = setTimeout(() => link.end(1006, "no welcome in time"), welcomeMs);
	let heard = 0, lastPing = 0, isOver = false, why;

	const link = {
		isOpen: false,

		get buffered() {
			return socket.bufferedAmount;
		},

		send(text) {
			socket.send(text);
		},

		/* From `welcome` on: ask every `everyMs`; when nothing at all comes for `ms` then, the connection is dead. */
		keepAlive(everyMs, ms) {
			answerMs = ms;
			expectNothing();
			beat = setInterval(() => {
				for (const [id, at] of pings) {
					if (performance.now() - at < ms) continue;
					pings.delete(id);
					on.missed();
				}
				link.ping();
			}, everyMs);
			link.ping();
		},

		/* Ask now. */
		ping() {
			if (!beat) return; // its first answer is being waited for already
			const id = `p${++lastPing}`;
			pings.set(id, performance.now());
			socket.send(`{"type":"ping","id":"${id}"}`);
			expect();
		},

		/* Whether that was the answer to a ping of ours. */
		pong(id) {
			const at = pings.get(id);
			if (!pings.delete(id)) return false;
			if (pings.size === 0) expectNothing();
			on.ping(performance.now() - at);
			return true;
		},

		close() {
			stop(1000);
		},

		/* It is of no use any more: do not wait for the other side. */
		end(code, reason) {
			if (stop()) on.ended(code, reason || why);
		},
	};

	/* A wait that has begun is not put off. */
	function expect() {
		const heardThen = heard, bufferedThen = link.buffered, due = Date.now() + answerMs;
		answerTimer ??= setTimeout(() => {
			answerTimer = null;
			if (Date.now() - due > LATE_MS) link.ping();
			// what we send is still being taken, or something came and newer pings are under way
			else if (heard !== heardThen || link.buffered < bufferedThen) pings.size > 0 && expect();
			else link.end(4008, "no answer");
		}, answerMs);
	}

	function expectNothing() {
		clearTimeout(answerTimer);
		answerTimer = null;
	}

	/* Twice is fine; the first time it is true. */
	function stop(code) {
		if (isOver) return false;
		isOver = true;
		expectNothing();
		clearInterval(beat);
		if (socket) {
			socket.onopen = socket.onmessage = socket.onclose = null;
			socket.onerror = () => {};
			// Nobody may be there to answer a close; where the library lets us, do not wait for it.
			if (!code && socket.terminate) socket.terminate();
			else socket.close(code);
		}
		return true;
	}

	async function open() {
		try {
			const token = await on.token();
			if (isOver) return;
			socket = new Socket(url, SUBPROTOCOL);
			socket.onopen = () => {
				link.isOpen = true;
				on.opened(token);
			};
			socket.onmessage = (e) => {
				heard++;
				on.heard(e.data);
			};
			socket.onerror = (e) => { why = e.message; };
			socket.onclose = (e) => link.end(e.code, e.reason);
		} catch (e) { // no token; or a page's security policy
			link.end(1006, e?.message);
		}
	}

	open();
	return link;
}
