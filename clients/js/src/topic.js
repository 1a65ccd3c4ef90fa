/* One topic: what comes there, and for rooms and event types the wish to receive it, which outlives connections. */
import { Emitter } from "./emitter.js";
import { RoomcastError, promised, queueFull } from "./error.js";
import { PASSING } from "./requests.js";

const OWN_WORDS = new Set(["message", "presence", "gap", "joined", "error"]);
const READER_LIMIT = 1000;

export class Topic extends Emitter {
	joined = false;
	_wish = null; // fields of the frame that asks, until `_unwish()`; the client sees to it that it comes true
	_asked = null; // the wish that was sent and not answered yet
	#was = false; // joined on an earlier connection
	#waiting = new Set();
	#result;
	_seq = 0; // of the newest message, in topics that have numbers
	#ends = new Set(); // readers that have to be told when the client ends

	constructor(client, name) {
		super();
		this.client = client;
		this.name = name;
		this.key = name.slice(name.indexOf(":") + 1);
	}

	publish(eventType, payload, options) {
		return this.client.publish(this.name, eventType, payload, options);
	}

	[Symbol.asyncIterator]() {
		return this.messages();
	}

	/* Messages as they come, from the call on. Who falls behind by `limit` gets the error `queue_full`. */
	messages({ type = "message", limit = READER_LIMIT, signal } = {}) {
		const waiting = [];
		let ended = false, why, wake;
		const end = (error) => {
			ended = true;
			why ??= error;
			off();
			this.#ends.delete(end);
			signal?.removeEventListener("abort", abort);
			wake?.();
		};
		const off = this.on(type, (m) => {
			if (waiting.length < limit) waiting.push(m);
			else end(queueFull("a slow reader"));
			wake?.();
		});
		const abort = () => end(signal.reason);
		this.#ends.add(end);
		if (signal?.aborted) abort();
		signal?.addEventListener("abort", abort);
		return (async function* read() {
			try {
				for (;;) {
					if (waiting.length > 0) yield waiting.shift();
					else if (why) throw why;
					else if (ended) return;
					else await new Promise((resolve) => { wake = resolve; });
				}
			} finally {
				end();
			}
		})();
	}

	/* ---- the client's side of it ---- */

	_message(m) {
		if (typeof m.seq === "number") {
			if (m.seq <= this._seq) return false; // it came already
			if (this._seq && m.seq > this._seq + 1)
				this._gap({ topics: [this.name], reason: "hole", count: m.seq - this._seq - 1 });
			this._seq = m.seq;
		}
		this._emit("message", m);
		if (!OWN_WORDS.has(m.event_type)) this._emit(m.event_type, m);
		return true;
	}

	_gap(gap) {
		this._emit("gap", gap);
	}

	/* ---- the wish to receive it ---- */

	/* `verb` would end it. Settles when the gateway has answered; a broken connection only makes it take longer. */
	_wanted(wish, verb, { signal } = {}) {
		return promised(signal, (done) => {
			this.client._checkConnected();
			if (JSON.stringify(this._wish) !== JSON.stringify(wish)) {
				this._wish = wish;
				this.joined = false;
			} else if (this.joined) return void done(null, this.#result);
			this.#waiting.add(done);
			this.client._sync(this);
			return () => {
				this.#waiting.delete(done);
				if (this.#waiting.size === 0 && !this.#was) this._unwish(verb);
			};
		});
	}

	_unwish(verb) {
		const there = this.joined || this._asked;
		this._wish = null;
		this.joined = this.#was = false;
		this.#settle(new RoomcastError("left", "given up"));
		return this.client._leave(this, verb, there);
	}

	/* An answer to `asked`, which may not be what is wished any more. True: ask again, after a while. */
	_answered(asked, error, result) {
		if (this._asked === asked) this._asked = null;
		if (this._wish !== asked) return false;
		if (PASSING.includes(error?.name)) return true;
		const again = this.#was;
		this.joined = this.#was = !error;
		if (error) {
			this._wish = null;
			this.#settle(error);
			if (again) this._emit("error", error);
			return false;
		}
		this.#result = result;
		this._seq = 0;
		if (again) this._emit("gap", { topics: [this.name], reason: "reconnect" });
		this._result?.(result);
		this.#settle(null, result);
		this._emit("joined", { again });
		return false;
	}

	_disconnected() {
		this.joined = false;
		this._asked = null;
	}

	_end(error, none) {
		for (const end of this.#ends) end(error);
		if (!this.#was) this._wish = null;
		this.#settle(none);
	}

	#settle(error, result) {
		for (const done of this.#waiting) done(error, result);
		this.#waiting.clear();
	}
}

export class EventType extends Topic {
	_list = "events";

	subscribe(options) {
		return this._wanted({ type: "subscribe" }, "unsubscribe", options);
	}

	unsubscribe() {
		return this._unwish("unsubscribe");
	}

	/* An event type's messages are of that type. */
	publish(payload, options) {
		return super.publish(undefined, payload, options);
	}
}
