/* A room: its messages and, where one has asked for that, who is there. */
import { Topic } from "./topic.js";

export class Room extends Topic {
	_list = "rooms";
	members = new Map(); // client → {client, user?, info?}; empty where the room is too large for names
	count = 0; // visible connections
	users = 0; // distinct users among them
	#rev = 0;
	#asking = false;

	/* `presence`: see who is there, and be seen, with `info`. */
	join({ presence, info, signal } = {}) {
		return this._wanted({ type: "join", presence, info }, "leave", { signal });
	}

	leave() {
		return this._unwish("leave");
	}

	/* Ask who is there now. One need not have joined. */
	presence(options) {
		return this.client._request({ type: "presence", room: this.key }, { safe: true, ...options });
	}

	_result(result) {
		this.#asking = false;
		if ("rev" in result) this.#note(result);
	}

	_disconnected() {
		super._disconnected();
		this.#rev = 0; // of another connection's list: none is older than the next
	}

	_gap(gap) {
		super._gap(gap);
		if (this.joined && this._wish?.presence) this.#ask();
	}

	/* `rev` grows by one with each change: what is old is ignored, a hole means to ask. */
	_presence(notice) {
		const { rev, joined = [], left = [], count } = notice;
		if (!(rev > this.#rev)) return;
		for (const m of joined) this.members.set(m.client, m);
		for (const m of left) this.members.delete(m.client);
		const complete = rev === this.#rev + joined.length + left.length && this.members.size === count;
		this.#note(notice);
		if (notice.joined && !complete) this.#ask();
	}

	/* A notice, or a list, or counts alone: too many for names. */
	#note(news) {
		if (!news.joined) this.members = new Map((news.members ?? []).map((m) => [m.client, m]));
		this.#rev = news.rev;
		this.count = news.count;
		this.users = news.users;
		this._emit("presence", news);
	}

	#ask() {
		if (this.#asking) return;
		this.#asking = true;
		this.presence().then((list) => {
			this.#asking = false;
			if (list.rev >= this.#rev) this.#note(list);
		}, (e) => {
			this.#asking = false;
			this._emit("error", e);
		});
	}
}
