/* The client: one table of states, one connection at a time, and what has to happen when one is lost. */
import { Emitter } from "./emitter.js";
import { RoomcastError, errorOf, promised } from "./error.js";
import { makeHealth, utf8Length } from "./health.js";
import { openLink } from "./link.js";
import { makeRequests } from "./requests.js";
import { Room } from "./room.js";
import { EventType, Topic } from "./topic.js";
import { away, watch } from "./wake.js";

const MAY_FOLLOW = {
	disconnected: ["connecting"],
	connecting: ["connected", "reconnecting", "failed", "disconnected"],
	connected: ["reconnecting", "failed", "disconnected"],
	reconnecting: ["connected", "failed", "disconnected"],
	failed: ["connecting", "disconnected"],
};
// Coming back would not help.
const FINAL = [1000, 1002, 1003, 1007, 1008, 1009, 4001, 4003, 4010];
const NAMES = { 4001: "not_authenticated", 4002: "expired", 4003: "kicked" };
const NORMAL = 1000, EXPIRED = 4002, RATE_LIMIT = 4029;
const AFTER_RATE_LIMIT_MS = 30000;
const STABLE_MS = 10000; // a connection that lived so long was a good one
const PING_MS = 30000; // where the gateway sends none itself
const AFTER_WAKING_MS = 1000; // at most
const ASK_AGAIN_MS = 500; // for a room that could not be joined just now
const NAMES_MOST = 64; // in one frame
const DEFAULTS = {
	connect: true, maxAttempts: 10, connectTimeoutMs: 10000, requestTimeoutMs: 10000, answerTimeoutMs: 10000, backoffMs: 1000,
	backoffMaxMs: 30000, queueMessages: 1000, queueBytes: 1 << 20, random: () => Math.random(),
};

function addressOf(text) {
	const url = new URL(text, globalThis.location?.href);
	url.protocol = url.protocol.replace("http", "ws");
	if (!/^wss?:$/.test(url.protocol)) throw new TypeError(`not ws:// or wss://: ${text}`);
	if (url.pathname === "/") url.pathname = "/v1/ws";
	url.searchParams.set("hello", "1");
	url.hash = "";
	return url.href;
}

export class Client extends Emitter {
	state = "disconnected";
	error = null; // why it failed
	welcome = null; // the gateway's last one
	id; // of the connection: `client:ID` reaches it
	user;
	#url;
	#options;
	#link = null;
	#attempt = 0; // tries without a welcome, for maxAttempts
	#losses = 0; // in a row without a stable connection, for the backoff
	#askedToWaitMs = null;
	#timer; // for the next try
	#retryAt = 0;
	#unwatch = null;
	#topics = new Map();
	#connecting = new Set(); // who awaits connect()
	#health = makeHealth();
	#requests;

	constructor(url, options = {}) {
		super();
		this.#url = addressOf(url);
		this.#options = { ...DEFAULTS, WebSocket: globalThis.WebSocket, ...options };
		if (!this.#options.WebSocket) throw new TypeError("no WebSocket");
		this.#requests = makeRequests(this.#options, this.#health);
		if (this.#options.connect) this.#begin();
	}

	get quality() { return this.state === "connected" ? this.#health.quality() : null; }
	get metrics() { return { ...this.#health.metrics(), ...this.#requests.depth() }; }

	/* ---- what one asks for ---- */

	/* Connects; while reconnecting, tries at once. Settles when connected, or when that was given up. */
	connect({ signal } = {}) {
		return promised(signal, (done) => {
			if (this.state === "connected") return void done();
			this.#connecting.add(done);
			if (MAY_FOLLOW[this.state].includes("connecting")) this.#begin();
			else if (this.#retryAt) this.#open();
			return () => this.#connecting.delete(done);
		});
	}

	/* For good, until `connect()`. Twice is fine. */
	close() {
		if (this.state === "disconnected") return;
		this.#link?.close();
		this.#giveUp("disconnected", null, true);
	}

	room(name) { return this.topic(`room:${name}`); }
	event(type) { return this.topic(`event:${type}`); }

	/* Besides: `user:ID`, `client:ID`, `all`. */
	topic(name) {
		let topic = this.#topics.get(name);
		if (!topic) this.#topics.set(name, topic = new (/^room:/.test(name) ? Room : /^event:/.test(name) ? EventType : Topic)(this, name));
		return topic;
	}

	/* `once`: sent again when in doubt, and arrives once for all that. */
	publish(topic, eventType, payload = null, { once, signal, timeoutMs, ...fields } = {}) {
		if (once) fields.key ??= newKey();
		return this._request({ type: "publish", topic, event_type: eventType, payload, ...fields }, { signal, timeoutMs });
	}

	/* The gateway and the way to it, in milliseconds. */
	async ping(how) {
		const at = performance.now();
		await this._request({ type: "ping" }, { safe: true, ...how });
		return performance.now() - at;
	}

	/* Say that messages with an `id` have come. Not answered, and lost with the connection they came on. */
	ack(...messages) {
		if (this.state === "connected") this.#link.send(JSON.stringify({ type: "ack", ids: messages.map((m) => m.id) }));
	}

	/* Show a new token now, without a new connection. */
	async refresh(token) {
		return this._request({ type: "refresh", token: token ?? await this.#token() }, { safe: true });
	}

	/* ---- states ---- */

	#move(state, detail = {}, later = false) {
		const previous = this.state;
		if (!MAY_FOLLOW[previous].includes(state)) throw new Error(`${state} after ${previous}`);
		this.state = state;
		const tell = () => this._emit("state", state, { previous, ...detail });
		if (later) queueMicrotask(tell);
		else tell();
	}

	#begin() {
		this.error = null;
		this.#attempt = this.#losses = 0;
		this.#unwatch = watch(() => this.#look());
		this.#move("connecting", {}, true);
		this.#open();
	}

	#open() {
		this.#attempt++;
		this.#retryAt = 0;
		this.#askedToWaitMs = null;
		clearTimeout(this.#timer);
		const link = this.#link = openLink(this.#options.WebSocket, this.#url, this.#options.connectTimeoutMs, {
			token: () => this.#token(),
			opened: (token) => {
				link.send(JSON.stringify({ type: "hello", token }));
				this.#requests.open(link);
				this.#askForTopics();
			},
			heard: (text) => this.#heard(text),
			ended: (code, reason) => this.#lost(code, reason),
			...this.#health.on,
		});
	}

	async #token() {
		const { token } = this.#options;
		return typeof token === "function" ? token() : token;
	}

	#welcomed(welcome) {
		if (this.welcome && this.state === "reconnecting") this.#health.counts.reconnects++;
		this.welcome = welcome;
		this.id = welcome.client;
		this.user = welcome.user;
		this.#attempt = 0;
		this.#health.connectedAt = Date.now();
		const { pingIntervalMs, answerTimeoutMs } = this.#options;
		const { ping_interval_ms: every, client_timeout_ms: most } = welcome;
		const left = most > every ? most - every : answerTimeoutMs;
		this.#link.keepAlive(pingIntervalMs ?? (every > 0 ? every : PING_MS), Math.min(answerTimeoutMs, left));
		this.#move("connected", { client: welcome.client });
		if (this.state !== "connected") return; // a listener closed it
		this.#requests.open(this.#link, welcome);
		this.#tellConnecting();
	}

	#tellConnecting(error) {
		for (const done of this.#connecting) done(error);
		this.#connecting.clear();
	}

	#lost(code, reason) {
		const wasConnected = this.state === "connected";
		const { token, maxAttempts } = this.#options;
		if (Date.now() - this.#health.connectedAt > STABLE_MS && wasConnected) this.#losses = 0;
		this.#losses++;
		if (away()) this.#attempt = 0;
		const isFinal = FINAL.includes(code) || (code === EXPIRED && typeof token !== "function");
		if (isFinal || this.#attempt >= maxAttempts) {
			const name = isFinal ? NAMES[code] ?? "closed" : "unreachable";
			return this.#giveUp(code === NORMAL ? "disconnected" : "failed", new RoomcastError(name, reason || `${code}`, 0, code));
		}
		this.#forgetConnection();
		this.#requests.shut(null, this.user !== undefined);
		if (this.state !== "reconnecting") this.#move("reconnecting", { code, reason });
		if (this.state === "reconnecting") this.#retryIn(this.#backoff(code, wasConnected), code, reason);
	}

	/* Full jitter; and not before the gateway wants it, which gives each of its clients a moment of its own when it restarts,
	 * but the same one to all that it refuses. */
	#backoff(code, wasConnected) {
		const { backoffMs, backoffMaxMs, random } = this.#options;
		const by = random() * Math.min(backoffMaxMs, backoffMs * 2 ** (this.#losses - 1));
		if (code === RATE_LIMIT) return AFTER_RATE_LIMIT_MS + by;
		if (this.#askedToWaitMs !== null) return this.#askedToWaitMs + (wasConnected ? 0 : by);
		return by;
	}

	#retryIn(ms, code, reason) {
		clearTimeout(this.#timer);
		this.#retryAt = Date.now() + ms;
		this.#timer = setTimeout(() => {
			if (Date.now() - this.#retryAt > AFTER_WAKING_MS) this.#retrySoon(); // so late: this machine slept
			else this.#open();
		}, ms);
		if (code) this._emit("retry", { afterMs: ms, attempt: this.#attempt + 1, code, reason });
	}

	#forgetConnection() {
		this.#link = null;
		this.#retryAt = this.#health.connectedAt = 0;
		clearTimeout(this.#timer);
		for (const topic of this.#topics.values()) topic._disconnected();
	}

	/* `disconnected` or `failed`. */
	#giveUp(state, error, later = false) {
		this.#unwatch();
		this.#forgetConnection();
		this.error = error;
		this.#move(state, { error }, later);
		if (this.state !== state) return;
		const none = this.#none();
		this.#requests.shut(none);
		for (const topic of this.#topics.values()) topic._end(error, none);
		this.#tellConnecting(error ?? none);
	}

	/* All the pages of a machine wake together. */
	#retrySoon() {
		this.#retryIn(this.#options.random() * AFTER_WAKING_MS);
	}

	/* The page or the network is back, or gone: what was connected is asked whether it still is, and nobody waits out a
	 * long backoff; but the gateway's own wishes hold. */
	#look() {
		this.#attempt = 0;
		this.#link?.ping();
		if (!away() && this.#askedToWaitMs === null && this.#retryAt - Date.now() > AFTER_WAKING_MS) this.#retrySoon();
	}

	/* ---- frames ---- */

	#heard(text) {
		this.#health.received(utf8Length(text));
		try {
			this.#take(JSON.parse(text));
		} catch (e) { // no listener's: those are caught where they are called
			this.#problem(new RoomcastError("bad_frame", e.message));
		}
	}

	/* What has no place here is news to us, and ignored. */
	#take(f) {
		switch (f.type) {
		case "welcome":
			if (this.state !== "connected") this.#welcomed(f);
			break;
		case "event":
			if (this.#topics.get(f.topic)?._message(f) !== false) this._emit("message", f);
			break;
		case "presence":
			this.#topics.get(`room:${f.room}`)?._presence(f);
			break;
		case "gap":
			this._emit("gap", f);
			for (const name of Array.isArray(f.topics) ? f.topics : this.#topics.keys()) this.#topics.get(name)?._gap(f);
			break;
		case "ack":
			this.#requests.answer(f);
			break;
		case "pong":
			if (!this.#link.pong(f.id)) this.#requests.answer(f);
			break;
		case "error":
			if (!this.#requests.answer(f)) this.#problem(errorOf(f));
			break;
		case "expiring":
			if (typeof this.#options.token === "function") this.refresh().catch((e) => this.#problem(e));
			// falls through
		case "reconnect":
			if (f.after_ms >= 0) this.#askedToWaitMs = f.after_ms;
			// falls through
		case "acked":
			this._emit(f.type, f);
		}
	}

	#problem(error) {
		this.#health.counts.errors++;
		this._emit("error", error);
	}

	/* ---- requests and topics ---- */

	#none() {
		return new RoomcastError("not_connected", this.state, 0, undefined, this.error);
	}

	_checkConnected() {
		if (MAY_FOLLOW[this.state].includes("connecting")) throw this.#none();
	}

	_request(frame, { signal, ...how }) {
		return promised(signal, (done) => {
			this._checkConnected();
			this.#askForTopics(); // what was asked for earlier goes first
			return this.#requests.add(frame, how, (error, ack) => {
				if (error) this.#health.counts.errors++;
				done(error, ack);
			});
		});
	}

	/* A topic wishes for something. Those of one turn go together. */
	_sync(topic) {
		this.#topics.set(topic.name, topic);
		queueMicrotask(() => this.#askForTopics());
	}

	#askForTopics() {
		if (!this.#link?.isOpen) return; // then when it is
		const groups = {};
		for (const topic of this.#topics.values()) {
			const wish = topic._wish;
			if (wish && !topic.joined && topic._asked !== wish) (groups[JSON.stringify(wish)] ??= []).push(topic);
		}
		for (const topics of Object.values(groups)) while (topics[0]) this.#ask(topics.splice(0, NAMES_MOST));
	}

	#ask(topics) {
		const names = topics.map((t) => t.key), asked = topics.map((t) => t._asked = t._wish);
		this.#requests.add({ ...asked[0], [topics[0]._list]: names }, { lost() {}, names: names.length }, (error, ack) => {
			topics.forEach((topic, i) => {
				const result = ack?.results?.[names[i]] ?? {};
				const again = topic._answered(asked[i], error ?? (result.error && errorOf(result.error)), result);
				if (again) setTimeout(() => this.#askForTopics(), ASK_AGAIN_MS * (1 + this.#options.random()));
			});
		});
	}

	/* Settles when the gateway has confirmed it, or when the connection it was there on is gone. */
	_leave(topic, type, wasThere) {
		return promised(null, (done) => {
			if (wasThere) this.#requests.add({ type, [topic._list]: [topic.key] }, { lost: done }, done);
			else done();
		});
	}
}

const newKey = () => [...crypto.getRandomValues(new Uint32Array(4))].join("-");
