/* Requests: wait in a bounded queue until they may be sent, in the order in which they were made, at the pace that the
 * gateway allows; wait for their answers; are sent again where that is safe. Each ends exactly once. */
import { RoomcastError, errorOf, queueFull, uncertain } from "./error.js";
import { utf8Length } from "./health.js";

const SWEEP_MS = 100; // how exactly time-outs are kept
const FULL_SOCKET_MS = 20; // when to look again whether the socket has taken something
export const PASSING = ["unavailable", "rate_limited", "uncertain"]; // asking again may help
const HOLD_MS = 100, HOLD_MOST_MS = 5000; // before what was refused is sent again

/* `options`: queueMessages, queueBytes, requestTimeoutMs, random. */
export function makeRequests(options, health) {
	let link = null;
	let isWelcome = false; // before that, only what restores topics goes out
	let queue = new Map(); // id → entry; not sent yet
	const flying = new Map(); // id → entry; sent and not answered
	let lastId = 0;
	let newestDone = 0; // of the publishes that were accepted, for the order
	let maxBytes = Infinity;
	let rate = Infinity; // a second, and so many at once
	let credit = Infinity;
	let creditAt = 0;
	let heldUntil = 0;
	let pumpTimer = 0;
	let sweepTimer = 0;

	/* `unavailable` and `rate_limited` mean: nothing was done. Not behind a later one that was accepted: that would
	 * change the order; and not for ever. */
	function mayRepeat(e, name) {
		const repeatable = name === "uncertain" ? e.safe || e.frame.key : PASSING.includes(name);
		return repeatable && e.id > newestDone && performance.now() < e.deadline;
	}

	/* `again`: older ones than those that wait go to their place. */
	function enqueue(e, again = false) {
		queue.set(e.id, e);
		if (again) queue = new Map([...queue].sort(([a], [b]) => a - b));
	}

	function queuedBytes() {
		let n = 0;
		for (const e of queue.values()) n += e.bytes;
		return n;
	}

	/* How long until one may be sent; 0: now, Infinity: not before something happens. */
	function wait() {
		if (!isWelcome) return Infinity;
		const now = performance.now();
		if (now < heldUntil) return heldUntil - now;
		if (link.buffered > options.queueBytes) return FULL_SOCKET_MS;
		if (rate === Infinity) return 0;
		credit = Math.min(rate, credit + (now - creditAt) * rate / 1000);
		creditAt = now;
		return credit >= 1 ? 0 : Math.ceil((1 - credit) * 1000 / rate);
	}

	function pump() {
		pumpTimer = 0;
		for (const e of queue.values()) {
			if (wait() > 0) break;
			queue.delete(e.id);
			try {
				dispatch(e);
			} catch (error) {
				e.done(error);
			}
		}
		pumpLater();
	}

	function pumpLater() {
		const ms = wait();
		if (queue.size > 0 && ms !== Infinity) pumpTimer ||= setTimeout(pump, ms);
	}

	function dispatch(e) {
		if (e.bytes > maxBytes) throw new RoomcastError("too_big", `above ${maxBytes} bytes`, 1007);
		credit -= e.names ?? 1;
		e.sent = true;
		e.deadline ||= performance.now() + (e.timeoutMs ?? options.requestTimeoutMs);
		flying.set(e.id, e);
		sweepTimer ||= setTimeout(sweep, SWEEP_MS);
		link.send(e.text);
		health.sent(e.bytes);
	}

	/* One timer for all that wait for an answer. */
	function sweep() {
		sweepTimer = 0;
		const now = performance.now();
		for (const e of flying.values()) {
			if (now < e.deadline) continue;
			flying.delete(e.id);
			e.done(uncertain("no answer"));
		}
		if (flying.size > 0) sweepTimer = setTimeout(sweep, SWEEP_MS);
	}

	return {
		/* What waits: messages of the application, not the library's own joins. */
		depth() {
			return { queued: queue.size, queuedBytes: queuedBytes(), unanswered: flying.size };
		},

		/*
		 * Make a request; `done(error, ack)` is called once, never from inside.
		 *   safe       it may be repeated: it is sent again after a broken connection
		 *   lost       the library's own (join, leave …): not bounded, and when the connection breaks `lost()` is called
		 *              instead of `done`
		 *   names      how many names it has (1): that is its price
		 *   timeoutMs  how long the answer may take, once it is sent (requestTimeoutMs)
		 * Throws when it is refused at once. Returns a function that forgets it: `done` is not called any more.
		 */
		add(frame, how, done) {
			const id = ++lastId;
			const text = JSON.stringify({ ...frame, id });
			const entry = { ...how, frame, id, text, done, bytes: utf8Length(text), tries: 0 };
			if (link && (isWelcome ? queue.size === 0 && wait() === 0 : how.lost)) dispatch(entry);
			else {
				if (!how.lost && (queue.size >= options.queueMessages || queuedBytes() + entry.bytes > options.queueBytes))
					throw queueFull("slow down");
				enqueue(entry);
				pumpLater();
			}
			return () => {
				queue.delete(id);
				flying.delete(id);
			};
		},

		/* First without a welcome: joins go right behind `hello`, so that all comes back in one round trip. Then the
		 * gateway is there, and has said what it bears. */
		open(open, welcome) {
			link = open;
			isWelcome = !!welcome;
			rate = credit = welcome?.max_rate > 0 ? welcome.max_rate : Infinity;
			maxBytes = welcome?.max_message_bytes > 0 ? welcome.max_message_bytes : Infinity;
			creditAt = performance.now();
			heldUntil = 0;
			pump();
		},

		/* The connection is gone. With `error` for good: so ends what was never sent. Otherwise what may be sent, or sent
		 * again, waits for the next one. Keys are remembered for a user; for nobody they ended with the connection. */
		shut(error, hasUser) {
			link = null;
			isWelcome = false;
			const all = [...flying.values(), ...queue.values()].sort((a, b) => a.id - b.id);
			flying.clear();
			queue.clear();
			for (const e of all) {
				if (e.lost) e.lost();
				else if (!error && (!e.sent || e.safe || (e.frame.key && hasUser))) {
					e.deadline = 0;
					enqueue(e);
				} else e.done(e.sent ? uncertain("no answer") : error);
			}
		},

		/* An `ack`, `pong` or `error` frame. False: not for anything that waits here. */
		answer(frame) {
			const e = flying.get(frame.id);
			if (e === undefined) return false;
			flying.delete(e.id);
			if (frame.type !== "error") {
				if (e.frame.type === "publish") newestDone = Math.max(newestDone, e.id);
				e.done(null, frame);
			} else if (mayRepeat(e, frame.name)) {
				e.sent = frame.name === "uncertain";
				enqueue(e, true);
				const most = Math.min(HOLD_MOST_MS, HOLD_MS * 2 ** e.tries++);
				heldUntil = Math.max(heldUntil, performance.now() + most * (1 + options.random()) / 2);
				pumpLater();
			} else e.done(errorOf(frame));
			return true;
		},
	};
}
