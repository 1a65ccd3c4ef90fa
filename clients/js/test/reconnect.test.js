// Connections that are lost, and what becomes of joins and messages.
import assert from "node:assert/strict";
import { inState, next, onBothTiers, random, scenario, sleep, until } from "./support/index.js";

const numbers = (n) => Array.from({ length: n }, (_, i) => i);

for (const [how, signal] of [["stopped", "SIGTERM"], ["killed", "SIGKILL"]]) {
	onBothTiers(`8: the gateway is ${how} and comes back, and so do 200 clients with their rooms`, async (scene) => {
		// who died with its gateway is seen until the lease ends
		const gateway = await scene.gateway({ ...scene.tier, "lease-ms": "1500" });
		const backoffMaxMs = 1000;
		const clients = await Promise.all(numbers(200).map(() => scene.connected(gateway.url, { backoffMs: 200, backoffMaxMs })));
		await Promise.all(clients.flatMap((c) => [c.room("all").join(), c.room("seen").join({ presence: true }), c.event("e").subscribe()]));
		const begin = clients.map((c) => next(c.room("seen"), "joined", ({ again }) => again, 20000));
		await gateway.stop(signal);
		await sleep(500);
		await gateway.start();
		const at = Date.now();
		await Promise.all(begin);
		const ms = Date.now() - at;
		assert.ok(ms < 1000 + backoffMaxMs, `${ms} ms`);
		const heard = clients.map((c) => next(c.room("all"), "chat"));
		await clients[0].room("all").publish("chat", "we are back");
		await Promise.all(heard);
		await until("all are seen", () => clients.every((c) => c.room("seen").count === 200));
	});
}

scenario("9: a gateway is killed while 1000 messages a second go through another (redis)", async (scene) => {
	const redis = await scene.redis();
	const tier = { tier: "redis", redis: redis.url };
	const lives = await scene.gateway(tier), dies = await scene.gateway(tier);
	const stay = await Promise.all(numbers(10).map(() => scene.connected(lives.url)));
	const move = await Promise.all(numbers(10).map(() => scene.connected(dies.url)));
	const heard = new Map();
	for (const c of [...stay, ...move]) {
		const list = [];
		heard.set(c, list);
		c.room("r").on("n", (m) => list.push(m.payload));
		c.room("r").on("gap", (g) => list.push(g.reason));
	}
	await Promise.all([...heard.keys()].map((c) => c.room("r").join()));
	const publisher = await scene.connected(lives.url);
	let n = 0;
	const errors = [];
	const flow = setInterval(() => {
		for (let i = 0; i < 10; i++) publisher.publish("room:r", "n", n++).catch((e) => errors.push(e));
	}, 10);
	try {
		await sleep(500);
		await dies.stop("SIGKILL");
		await sleep(300);
		await dies.start();
		await Promise.all(move.map((c) => inState(c, "connected")));
		await sleep(1000);
	} finally {
		clearInterval(flow);
	}
	await publisher.publish("room:r", "n", n++);
	await until("the last one came", () => [...heard.values()].every((list) => list.at(-1) === n - 1));
	assert.deepEqual(errors, []);
	for (const c of stay) assert.deepEqual(heard.get(c), numbers(n));
	for (const c of move) {
		const list = heard.get(c), gap = list.indexOf("reconnect");
		assert.equal(list.lastIndexOf("reconnect"), gap);
		assert.deepEqual(list.slice(0, gap), numbers(gap));
		const after = list.slice(gap + 1);
		assert.deepEqual(after, numbers(n).slice(n - after.length));
		assert.ok(gap > 100 && after.length > 100 && after[0] >= gap, `${gap}, ${after[0]}`);
	}
});

onBothTiers("10: a connection that stalls without a close is noticed within the heartbeat time-out", async (scene) => {
	const gateway = await scene.gateway({ ...scene.tier, "ping-interval-ms": "300", "client-timeout-ms": "900" });
	for (const ways of [["up", "down"], ["down"], ["up"]]) {
		const proxy = await scene.proxy(gateway);
		const c = await scene.connected(proxy.url);
		await c.room("r").join();
		await sleep(700); // it lives on while nobody says anything
		assert.equal(c.state, "connected");
		const begin = Date.now();
		const codes = [];
		c.on("state", (s, { code }) => codes.push(s, code));
		proxy.stall(...ways);
		await inState(c, "reconnecting");
		const ms = Date.now() - begin;
		assert.ok(ms < 1500, `${ways}: ${ms} ms`);
		assert.deepEqual(codes, ["reconnecting", 4008]);
		proxy.resume();
		await next(c.room("r"), "joined");
		c.close();
	}
});

onBothTiers("11: a connection that is reset is had again, and the room says that something may be missing", async (scene) => {
	const gateway = await scene.gateway(scene.tier);
	const proxy = await scene.proxy(gateway);
	const c = await scene.connected(proxy.url), r = c.room("r"), told = [];
	await r.join({ presence: true });
	for (const type of ["gap", "joined"]) r.on(type, (e) => told.push([type, e.reason ?? e.again]));
	const first = c.id;
	proxy.reset();
	await next(r, "joined");
	assert.deepEqual(told, [["gap", "reconnect"], ["joined", true]]);
	assert.notEqual(c.id, first);
	assert.deepEqual([...r.members.keys()].includes(c.id), true);
	assert.equal(c.metrics.reconnects, 1);
});

onBothTiers("12: delay and jitter change no order and lose nothing", async (scene) => {
	const gateway = await scene.gateway(scene.tier);
	const proxy = await scene.proxy(gateway);
	proxy.delayMs = () => 5 + Math.floor(random() * 60);
	const c = await scene.connected(proxy.url, { pingIntervalMs: 50 }), r = c.room("r"), heard = [];
	r.on("n", (m) => heard.push(m.payload));
	await r.join();
	for (const n of numbers(300)) {
		r.publish("n", n);
		if (n % 10 === 0) await sleep(3);
	}
	await until("all came", () => heard.length === 300);
	assert.deepEqual(heard, numbers(300));
	const { latencyMs, latencyP99Ms } = c.metrics;
	assert.ok(latencyMs >= 10 && latencyP99Ms >= latencyMs && latencyP99Ms < 2000, `${latencyMs}, ${latencyP99Ms}`);
	proxy.delayMs = () => 600;
	await until("it is poor", () => c.quality === "poor");
});

onBothTiers("13: what is published while reconnecting waits, and goes in order", async (scene) => {
	const gateway = await scene.gateway(scene.tier);
	const proxy = await scene.proxy(gateway);
	const hears = await scene.connected(gateway.url), heard = [];
	hears.room("r").on("n", (m) => heard.push(m.payload));
	await hears.room("r").join();
	const c = await scene.connected(proxy.url);
	proxy.isRefusing = true;
	proxy.reset();
	await inState(c, "reconnecting");
	const acks = numbers(100).map((n) => c.publish("room:r", "n", n));
	assert.equal(c.metrics.queued, 100);
	await sleep(100);
	proxy.isRefusing = false;
	await Promise.all(acks);
	await until("all came", () => heard.length === 100);
	assert.deepEqual(heard, numbers(100));
	assert.deepEqual([c.metrics.queued, c.metrics.queuedBytes, c.metrics.unanswered], [0, 0, 0]);
});

scenario("14: the queue is bounded in messages and bytes, and says so", async (scene) => {
	const fake = await scene.fake({ hello: () => null });
	const few = scene.client(fake.url, { queueMessages: 3 }), small = scene.client(fake.url, { queueBytes: 1000 });
	const waiting = numbers(3).map((n) => few.publish("room:r", "n", n));
	await assert.rejects(few.publish("room:r", "n", 3), { name: "queue_full", code: 1107 });
	waiting.push(small.publish("room:r", "n", "x".repeat(800)));
	await assert.rejects(small.publish("room:r", "n", "x".repeat(200)), { name: "queue_full" });
	few.close();
	small.close();
	for (const p of waiting) await assert.rejects(p, { name: "not_connected" });
});

scenario("14: a socket that takes nothing fills the queue, too", async (scene) => {
	const gateway = await scene.gateway();
	const proxy = await scene.proxy(gateway);
	const c = await scene.connected(proxy.url, { queueBytes: 1 << 20 });
	proxy.stall("up");
	const results = await Promise.all(numbers(40).map(async (n) => {
		await sleep(n);
		return Promise.race([c.publish("room:r", "n", "x".repeat(500000)).catch((e) => e.name), sleep(500)]);
	}));
	assert.ok(results.includes("queue_full"), String(results));
	assert.ok(c.metrics.queuedBytes <= 1 << 20);
});

/* A publish that arrives, and whose answer does not. */
async function answerLost(scene, url, options) {
	const gateway = await scene.gateway({ ...scene.tier, "allow-user-param": "on" });
	const proxy = await scene.proxy(gateway);
	const hears = await scene.connected(gateway.url), heard = [];
	hears.room("r").on("n", (m) => heard.push(m.payload));
	await hears.room("r").join();
	const c = await scene.connected(proxy.url + url);
	proxy.stall("down");
	const answer = c.publish("room:r", "n", 1, options);
	answer.catch(() => {});
	await until("it came", () => heard.length === 1);
	proxy.reset();
	proxy.resume();
	await inState(c, "reconnecting");
	await inState(c, "connected");
	await c.publish("room:r", "n", 2);
	await until("the next came", () => heard.at(-1) === 2);
	assert.deepEqual(heard, [1, 2]);
	return answer;
}

onBothTiers("15: a publish whose answer was lost ends as uncertain", async (scene) => {
	await assert.rejects(answerLost(scene, ""), { name: "uncertain", code: 1202 });
});

onBothTiers("15: with { once: true } a user's is sent again, and arrives once", async (scene) => {
	assert.equal((await answerLost(scene, "/?user=ann", { once: true })).duplicate, true);
});

scenario("15: nobody's keys end with the connection, so it is uncertain there", async (scene) => {
	await assert.rejects(answerLost(Object.assign(scene, { tier: {} }), "", { once: true }), { name: "uncertain" });
});

scenario("15: what was refused before sending is sent again, in its place", async (scene) => {
	let down = true;
	const accepted = [];
	const fake = await scene.fake({
		publish: (f) => {
			if (down) return { type: "error", id: f.id, code: 1201, name: "unavailable", message: "the tier is down" };
			accepted.push(f.payload);
			return { type: "ack", id: f.id, nodes: 1 };
		},
		join: (f) => (down ? { type: "error", id: f.id, code: 1201, name: "unavailable", message: "the tier is down" } : { type: "ack", id: f.id, results: { r: {} } }),
	});
	const c = await scene.connected(fake.url);
	const all = numbers(20).map((n) => c.publish("room:r", "n", n));
	const join = c.room("r").join();
	await sleep(50);
	all.push(c.publish("room:r", "n", 20));
	down = false;
	await Promise.all([...all, join]);
	assert.deepEqual(accepted, numbers(21));
});

onBothTiers("18: a gateway that drains sends its clients away at the time that it announces", async (scene) => {
	const old = await scene.gateway({ ...scene.tier, "drain-ms": "300" }), other = await scene.gateway(scene.tier);
	const proxy = await scene.proxy(old);
	const clients = await Promise.all(numbers(20).map(() => scene.connected(proxy.url, { backoffMs: 30000, backoffMaxMs: 30000 })));
	await Promise.all(clients.map((c) => c.room("r").join()));
	proxy.port = other.port;
	const moved = clients.map(async (c) => {
		const asked = next(c, "reconnect");
		await inState(c, "reconnecting");
		const begin = Date.now();
		await next(c.room("r"), "joined");
		return [(await asked).after_ms, Date.now() - begin];
	});
	const code = await old.stop();
	for (const [announced, ms] of await Promise.all(moved))
		assert.ok(announced >= 100 && ms >= announced - 20 && ms < announced + 1000, `${announced} announced, ${ms} ms`);
	assert.equal(code, 0, old.log);
});

scenario("22: a client keeps to the gateway's rate by itself", async (scene) => {
	const gateway = await scene.gateway({ "max-rate": "50", "rate-burst": "0" });
	const c = await scene.connected(gateway.url), r = c.room("r"), heard = [];
	r.on("n", (m) => heard.push(m.payload));
	await r.join();
	const begin = Date.now();
	await Promise.all(numbers(120).map((n) => r.publish("n", n)));
	const ms = Date.now() - begin;
	assert.deepEqual(heard, numbers(120));
	assert.ok(ms > 1000 && ms < 3000, `${ms} ms`);
	assert.equal(c.metrics.errors, 0);
});

scenario("21: who was too slow hears of the gap where it stands", async (scene) => {
	const gateway = await scene.gateway({ "queue-messages": "5", "queue-policy": "drop_oldest", "socket-send-buffer": "4K" });
	const proxy = await scene.proxy(gateway);
	const slow = await scene.connected(proxy.url), fast = await scene.connected(gateway.url), heard = [], big = "x".repeat(100000);
	slow.room("r").on("n", (m) => heard.push(m.payload.n));
	slow.room("r").on("gap", (g) => heard.push(g.reason));
	slow.on("gap", () => heard.push("told the client, too"));
	await slow.room("r").join();
	proxy.stall("down");
	for (const n of numbers(200)) await fast.publish("room:r", "n", { n, big });
	proxy.resume();
	await until("the last one came", () => heard.at(-1) === 199, 20000);
	const gap = heard.indexOf("slow");
	assert.equal(heard[gap - 1], "told the client, too");
	assert.ok(heard[gap + 1] > heard[gap - 2] + 1, `${heard[gap - 2]} ${heard[gap + 1]}`);
	const kept = heard.filter((n) => typeof n === "number");
	assert.deepEqual(kept, [...kept].sort((a, b) => a - b));
});

scenario("a room that cannot be joined again says why and is not tried further", async (scene) => {
	const fake = await scene.fake();
	const c = await scene.connected(fake.url), r = c.room("r");
	await Promise.all([r.join(), c.room("s").join()]);
	const refused = { error: { code: 1105, name: "room_full", message: "the room is full" } };
	fake.answers.join = (f) => ({ type: "ack", id: f.id, results: { r: refused, s: {} } });
	const error = next(r, "error"), other = next(c.room("s"), "joined");
	fake.last.ws.terminate();
	assert.equal((await error).name, "room_full");
	await other;
	assert.deepEqual([r.joined, c.room("s").joined], [false, true]);
});

scenario("joins are asked for behind hello, in one round trip, before what waits", async (scene) => {
	const fake = await scene.fake();
	const c = await scene.connected(fake.url);
	await Promise.all([c.room("a").join(), c.room("b").join(), c.room("c").join({ presence: true }), c.event("e").subscribe()]);
	fake.answers.hello = () => null;
	fake.last.ws.terminate();
	await inState(c, "reconnecting");
	const waits = c.publish("room:a", "n", 1);
	await until("asked", () => fake.connections.length === 2 && fake.last.frames.length === 4);
	assert.deepEqual(fake.last.frames.map((f) => [f.type, f.rooms ?? f.events]),
		[["hello", undefined], ["join", ["a", "b"]], ["join", ["c"]], ["subscribe", ["e"]]]);
	fake.last.send({ type: "welcome", client: "again", ping_interval_ms: 0 });
	await waits;
});
