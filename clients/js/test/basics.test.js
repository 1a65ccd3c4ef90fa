// Rooms, event types, messages: against a real gateway.
import assert from "node:assert/strict";
import { next, onBothTiers, scenario, sleep, until } from "./support/index.js";

onBothTiers("1: it connects, is welcomed within 50 ms, and tells each state once", async (scene) => {
	const gateway = await scene.gateway(scene.tier);
	await scene.connected(gateway.url); // by then the gateway has reached Redis
	const c = scene.client(gateway.url, { connect: false }), states = [], took = [];
	c.on("state", (s, { previous }) => states.push([previous, s]));
	assert.equal(c.state, "disconnected");
	await c.connect();
	assert.match(c.id, /^[a-z2-7]{8}/);
	c.close();
	c.close();
	await sleep(10);
	assert.deepEqual(states, [["disconnected", "connecting"], ["connecting", "connected"], ["connected", "disconnected"]]);
	// what else the machine does only ever adds to it
	while (took.length < 10 && !(took.at(-1) < 50)) {
		const begin = performance.now();
		await scene.connected(gateway.url);
		took.push(performance.now() - begin);
	}
	assert.ok(took.at(-1) < 50, `${took} ms`);
});

onBothTiers("members of a room hear each other, in order, and see who is there", async (scene) => {
	const gateway = await scene.gateway(scene.tier);
	const ann = await scene.connected(gateway.url), ben = await scene.connected(gateway.url);
	const hers = ann.room("lobby"), his = ben.room("lobby"), heard = [];
	hers.on("chat", (m) => heard.push(m.payload));
	await hers.join({ presence: true, info: { name: "Ann" } });
	const came = next(hers, "presence", ({ joined }) => joined.some((m) => m.client === ben.id));
	const result = await his.join({ presence: true, info: { name: "Ben" } });
	assert.equal(result.count, 2);
	await came;
	assert.deepEqual([...hers.members.values()].map((m) => m.info.name).sort(), ["Ann", "Ben"]);
	for (let i = 0; i < 100; i++) his.publish("chat", i);
	assert.equal((await his.publish("chat", 100)).nodes, 1);
	await until("all came", () => heard.length === 101);
	assert.deepEqual(heard, Array.from({ length: 101 }, (_, i) => i));
	const left = next(hers, "presence", (notice) => notice.left.length === 1);
	ben.close();
	await left;
	assert.deepEqual([hers.count, hers.members.size], [1, 1]);
});

onBothTiers("an event type, a client and everybody are reached", async (scene) => {
	const gateway = await scene.gateway(scene.tier);
	const a = await scene.connected(gateway.url), b = await scene.connected(gateway.url);
	await b.event("news").subscribe();
	const event = next(b.event("news"), "message");
	await a.event("news").publish({ n: 1 });
	assert.equal((await event).payload.n, 1);
	const direct = next(b, "message", (m) => m.topic === `client:${b.id}`);
	const acked = next(a, "acked");
	const { id } = await a.publish(`client:${b.id}`, "hint", "psst", { ack: true });
	b.ack(await direct);
	assert.deepEqual([(await acked).id, (await acked).by.client], [id, b.id]);
	const all = next(a.topic("all"), "hello");
	await b.publish("all", "hello");
	assert.equal((await all).payload, null);
	await b.event("news").unsubscribe();
	let late = 0;
	b.event("news").on("message", () => late++);
	await a.event("news").publish(2);
	await b.ping();
	assert.equal(late, 0);
});

scenario("joins of one turn go in one frame, and before what is published behind them", async (scene) => {
	const fake = await scene.fake();
	const c = await scene.connected(fake.url);
	const joins = ["a", "b", "c"].map((name) => c.room(name).join());
	c.room("a").publish("chat", "behind");
	await Promise.all(joins);
	assert.deepEqual(fake.last.frames.filter((f) => f.type !== "ping").map((f) => [f.type, f.rooms]),
		[["hello", undefined], ["join", ["a", "b", "c"]], ["publish", undefined]]);
});

scenario("who leaves hears nothing more and may come back", async (scene) => {
	const gateway = await scene.gateway();
	const c = await scene.connected(gateway.url), r = c.room("r"), heard = [];
	r.on("message", (m) => heard.push(m.payload));
	await r.join();
	await r.publish("chat", 1);
	r.leave();
	const given = r.join();
	r.leave();
	await assert.rejects(given, { name: "left" });
	await r.publish("chat", 2);
	await r.join();
	await r.publish("chat", 3);
	await c.ping();
	assert.deepEqual(heard, [1, 3]);
});

scenario("a refusal is an error with the protocol's name and number", async (scene) => {
	const gateway = await scene.gateway({ "max-message-bytes": "256", "max-members": "1" });
	const a = await scene.connected(gateway.url), b = await scene.connected(gateway.url);
	await a.room("r").join();
	await assert.rejects(b.room("r").join(), { name: "room_full", code: 1105 });
	await assert.rejects(a.room("no blanks").join(), { name: "bad_topic", code: 1005 });
	await assert.rejects(a.publish("room:r", "chat", "x".repeat(300)), { name: "too_big" });
	await assert.rejects(a.publish("room:r", "chat", 1n), TypeError);
	a.close();
	await assert.rejects(a.publish("room:r", "chat"), { name: "not_connected" });
	await assert.rejects(a.room("r").join(), { name: "not_connected" });
	assert.equal(b.state, "connected");
});

scenario("messages may be read in a loop, which ends with the client, the signal, or when it is too slow", async (scene) => {
	const gateway = await scene.gateway();
	const c = await scene.connected(gateway.url), r = c.room("r"), heard = [];
	await r.join();
	const chats = r.messages({ type: "chat" });
	for (let i = 0; i < 3; i++) r.publish("chat", i);
	await r.publish("other", "not this");
	for await (const m of chats) {
		heard.push(m.payload);
		if (heard.length === 3) break;
	}
	assert.deepEqual(heard, [0, 1, 2]);

	const slow = r.messages({ limit: 2 });
	for (let i = 0; i < 3; i++) await r.publish("chat", i);
	await c.ping();
	assert.equal((await slow.next()).value.payload, 0);
	assert.equal((await slow.next()).value.payload, 1);
	await assert.rejects(slow.next(), { name: "queue_full" });
	assert.equal((await slow.next()).done, true);

	const off = new AbortController();
	const waiting = r.messages({ signal: off.signal }).next();
	off.abort(new Error("enough"));
	await assert.rejects(waiting, /enough/);

	const last = r[Symbol.asyncIterator]().next();
	c.close();
	assert.equal((await last).done, true);
});

scenario("an AbortSignal ends a wait, and what waits is not sent then", async (scene) => {
	const fake = await scene.fake({ publish: () => null, join: () => null });
	const c = await scene.connected(fake.url);
	const off = new AbortController();
	const publish = c.publish("room:r", "chat", 1, { signal: off.signal });
	const join = c.room("r").join({ signal: off.signal });
	off.abort(new Error("changed my mind"));
	await assert.rejects(publish, /changed my mind/);
	await assert.rejects(join, /changed my mind/);
	await assert.rejects(c.ping({ signal: off.signal }), /changed my mind/);
	fake.last.ws.terminate();
	await next(c, "state", (s) => s === "reconnecting");
	const never = c.publish("room:r", "chat", 2, { signal: AbortSignal.timeout(1) });
	await assert.rejects(never, { name: "TimeoutError" });
	await c.connect();
	await c.ping();
	assert.deepEqual(fake.last.of("publish").concat(fake.last.of("join")), []);
});

scenario("a listener that throws does not keep others from hearing", async (scene) => {
	const fake = await scene.fake();
	const c = await scene.connected(fake.url), r = c.room("r"), heard = [];
	const thrown = new Promise((resolve) => { process.setUncaughtExceptionCaptureCallback(resolve); });
	scene.onEnd(() => process.setUncaughtExceptionCaptureCallback(null));
	r.on("chat", () => { throw new Error("mine"); });
	const off = r.on("chat", (m) => heard.push(m.payload));
	fake.last.send({ type: "event", topic: "room:r", event_type: "chat", payload: 1 });
	assert.match((await thrown).message, /mine/);
	off();
	await c.ping();
	assert.deepEqual(heard, [1]);
});

scenario("after close() nothing is heard any more", async (scene) => {
	const fake = await scene.fake();
	const c = await scene.connected(fake.url), heard = [];
	c.on("message", (m) => heard.push(m.payload));
	const event = (payload) => fake.last.send({ type: "event", topic: "all", event_type: "chat", payload });
	event(1);
	await c.ping();
	c.close();
	event(2);
	await new Promise((resolve) => { fake.last.ws.on("close", resolve); });
	assert.deepEqual([heard, c.state], [[1], "disconnected"]);
});

scenario("messages with numbers: repeated ones are dropped, holes are told", async (scene) => {
	const fake = await scene.fake();
	const c = await scene.connected(fake.url), r = c.room("r"), heard = [], gaps = [];
	r.on("message", (m) => heard.push(m.seq));
	r.on("gap", (g) => gaps.push([g.reason, g.count]));
	await r.join();
	for (const seq of [1, 2, 2, 1, 5, 6]) fake.last.send({ type: "event", topic: "room:r", event_type: "chat", seq, payload: 1 });
	await c.ping();
	assert.deepEqual([heard, gaps], [[1, 2, 5, 6], [["hole", 2]]]);
});

scenario("what is no frame is an error, and what is new is ignored", async (scene) => {
	const fake = await scene.fake();
	const c = await scene.connected(fake.url), errors = [];
	c.on("error", (e) => errors.push(e.name));
	c.room("r");
	for (const text of ["{", "null", '{"type":"presence","room":"r","rev":1,"joined":5}', "[]", "7", '{"type":"news"}', '{"type":"constructor"}', '{"type":"gap"}', '{"type":"presence"}', '{"type":"event"}'])
		fake.last.send(text);
	fake.last.send({ type: "error", code: 1106, name: "rate_limited", message: "slow down" });
	await c.ping();
	assert.deepEqual(errors, ["bad_frame", "bad_frame", "bad_frame", "rate_limited"]);
	assert.equal(c.metrics.errors, 4);
});

scenario("a welcome that says little, or nonsense, is one", async (scene) => {
	const fake = await scene.fake();
	for (const more of [{}, { ping_interval_ms: 0, client_timeout_ms: 0, max_rate: 0, max_message_bytes: 0 },
		{ ping_interval_ms: -1, client_timeout_ms: "x", max_rate: null, max_message_bytes: [] }, { ping_interval_ms: 9000, client_timeout_ms: 10 }]) {
		fake.answers.hello = () => ({ type: "welcome", client: "c", ...more });
		const c = await scene.connected(fake.url);
		await c.publish("room:r", "chat", 1);
		await sleep(20);
		assert.deepEqual([c.state, fake.last.of("ping").length], ["connected", 1]);
	}
});

scenario("presence: old notices are ignored, a hole makes it ask, a list takes the place of all", async (scene) => {
	const ann = { client: "ann" }, ben = { client: "ben" }, eve = { client: "eve" };
	const fake = await scene.fake({
		join: (f) => ({ type: "ack", id: f.id, results: { r: { members: [ann, ben], count: 2, users: 0, rev: 5 } } }),
		presence: (f) => ({ type: "ack", id: f.id, members: [ann, eve], count: 2, users: 0, rev: 9 }),
	});
	const c = await scene.connected(fake.url), r = c.room("r"), told = [];
	await r.join({ presence: true });
	r.on("presence", (p) => told.push([p.rev, ...r.members.keys()]));
	const notice = (rev, joined, left, count) =>
		fake.last.send({ type: "presence", topic: "room:r", room: "r", rev, joined, left, count, users: 0 });
	notice(5, [eve], [], 3);
	notice(6, [], [ben], 1);
	await c.ping();
	assert.deepEqual([told, fake.last.of("presence").length], [[[6, "ann"]], 0]);
	notice(8, [ben], [], 2);
	await until("the list came", () => r.members.has("eve"));
	assert.deepEqual(told.slice(1), [[8, "ann", "ben"], [9, "ann", "eve"]]);
	assert.equal(fake.last.of("presence").length, 1);
});
