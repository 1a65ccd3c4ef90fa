// What the page makes of frames and closes that a healthy gateway seldom sends: the test plays it.
"use strict";

const assert = require("node:assert/strict");
const test = require("node:test");
const { Gateway, Visit, inState, launch, say, sees, seesMembers, seesNote } = require("./support.js");

let browser, gateway;

test.before(async () => {
	gateway = await new Gateway().start(); // for the page itself
	browser = await launch();
});

test.after(async () => {
	if (browser) await browser.close();
	if (gateway) await gateway.stop();
});

const ann = { client: "c1", info: { name: "Ann" } };
const ben = { client: "c2", info: { name: "Ben" } };

/* A tab whose gateway is played by the test: `connections` holds one entry for each time the page
 * has connected, `{ at, ws, frames, send, waitFor }`. */
async function played(visit, answers = {}) {
	const connections = [];
	const page = await visit.context.newPage();
	const react = {
		hello: () => ({ type: "welcome", client: "c1", node: "n", ping_interval_ms: 30000 }),
		join: (f) => ({ type: "ack", id: f.id, results: { r: { members: [ann, ben], count: 2, users: 0, rev: 5 } } }),
		...answers,
	};
	await page.routeWebSocket(/\/v1\/ws/, (ws) => {
		const c = { at: Date.now(), ws, frames: [], send: (frame) => ws.send(JSON.stringify(frame)) };
		connections.push(c);
		ws.onMessage((text) => {
			const frame = JSON.parse(text);
			c.frames.push(frame);
			const answer = react[frame.type] && react[frame.type](frame);
			if (answer) c.send(answer);
		});
	});
	await page.goto(`${gateway.url}#room=r&name=Ann`);
	return { page, connections };
}

async function until(what, condition, ms = 10000) {
	const end = Date.now() + ms;
	while (!condition()) {
		assert.ok(Date.now() < end, `not within ${ms} ms: ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
}

function playing(name, body) {
	test(name, { timeout: 60000 }, async () => {
		const visit = await Visit.begin(browser, gateway);
		try {
			await body(visit);
		} finally {
			await visit.context.close();
		}
	});
}

playing("it says hello, joins visibly under its name, and shows the list", async (visit) => {
	const { page, connections } = await played(visit);
	await inState(page, "connected");
	const [hello, join] = connections[0].frames;
	assert.equal(hello.type, "hello");
	assert.deepEqual({ ...join, id: 0 }, { type: "join", id: 0, rooms: ["r"], presence: true, info: { name: "Ann" } });
	assert.equal(new URL(connections[0].ws.url()).search, "?hello=1");
	await seesMembers(page, ["Ann (you)", "Ben"]);
});

/* The same for several close codes at once, each in a tab of its own. */
function forEachCode(visit, codes, body) {
	return Promise.all(codes.map(async (code) => {
		const { page, connections } = await played(visit);
		await inState(page, "connected");
		await body(code, page, connections).catch((e) => {
			throw new Error(`after ${code}`, { cause: e });
		});
	}));
}

playing("after a close that forbids it, it stays away until somebody presses the button", (visit) =>
	forEachCode(visit, [1000, 1003, 1007, 1008, 1009, 4001, 4002, 4003, 4010], async (code, page, connections) => {
		await connections[0].ws.close({ code, reason: "enough" });
		await inState(page, "ended");
		assert.equal(await page.textContent("#state-text"), `disconnected: enough (${code})`);
		await page.waitForTimeout(1500); // more than the first backoff
		assert.equal(connections.length, 1);
		await page.click("#retry");
		await inState(page, "connected");
		assert.equal(connections.length, 2);
	}));

playing("after other closes it comes back by itself within the first backoff", (visit) =>
	forEachCode(visit, [1001, 1011, 1012, 1013, 4008, 4009], async (code, page, connections) => {
		const closed = Date.now();
		await connections[0].ws.close({ code });
		await until("a second connection", () => connections.length === 2);
		assert.ok(connections[1].at - closed < 2500, `${connections[1].at - closed} ms`);
		await inState(page, "connected");
		await seesNote(page, "connected again");
	}));

playing("after 4029 it does not come back before 30 s", async (visit) => {
	const { page, connections } = await played(visit);
	await inState(page, "connected");
	await connections[0].ws.close({ code: 4029 });
	await inState(page, "reconnecting");
	await page.waitForFunction(() => / in (29|30) s/.test(document.getElementById("state-wait").textContent));
	await page.waitForTimeout(2500);
	assert.equal(connections.length, 1);
});

playing("a gateway that asks to come back later is obeyed", async (visit) => {
	const { page, connections } = await played(visit);
	await inState(page, "connected");
	connections[0].send({ type: "reconnect", after_ms: 2500, reason: "drain" });
	await page.waitForTimeout(50);
	const closed = Date.now();
	await connections[0].ws.close({ code: 1012 });
	await until("a second connection", () => connections.length === 2, 6000);
	const waited = connections[1].at - closed;
	assert.ok(waited >= 2400 && waited < 4500, `${waited} ms`);
});

playing("backoff grows while nobody answers", async (visit) => {
	const { page, connections } = await played(visit, { hello: () => null });
	await page.evaluate(() => { Math.random = () => 0.999; });
	await until("the first connection", () => connections.length === 1);
	for (let i = 0; i < 3; i++) {
		const n = connections.length;
		await connections[n - 1].ws.close({ code: 1013 });
		await until("the next", () => connections.length === n + 1, 10000);
	}
	const waits = [1, 2, 3].map((i) => connections[i].at - connections[i - 1].at);
	[1000, 2000, 4000].forEach((ms, i) => assert.ok(waits[i] > ms * 0.9 && waits[i] < ms + 1500, String(waits)));
});

playing("a gap is shown where messages are missing, and the list is asked for again", async (visit) => {
	const list = (f) => ({ type: "ack", id: f.id, members: [ann], count: 1, users: 0, rev: 9 });
	const { page, connections } = await played(visit, { presence: list });
	await inState(page, "connected");
	connections[0].send({ type: "gap", topics: ["room:other"], reason: "slow" });
	connections[0].send({ type: "gap", topics: ["room:r"], reason: "slow", count: 3 });
	await seesNote(page, "too slow");
	await seesMembers(page, ["Ann (you)"]);
	assert.equal(await page.locator("#log .gap").count(), 1);
	connections[0].send({ type: "gap", topics: "*", reason: "tier" });
	await seesNote(page, "gateways");
});

playing("an old notice is ignored, and a hole in `rev` makes it ask for the list", async (visit) => {
	const list = (f) => ({ type: "ack", id: f.id, members: [ann], count: 1, users: 0, rev: 9 });
	const { page, connections } = await played(visit, { presence: list });
	await inState(page, "connected");
	const eve = { client: "c3", info: { name: "Eve" } };
	connections[0].send({ type: "presence", room: "r", rev: 5, joined: [eve], left: [], count: 3, users: 0 });
	connections[0].send({ type: "presence", room: "r", rev: 6, joined: [], left: [ben], count: 1, users: 0 });
	await seesMembers(page, ["Ann (you)"]);
	assert.equal(connections[0].frames.filter((f) => f.type === "presence").length, 0);
	connections[0].send({ type: "presence", room: "r", rev: 8, joined: [eve], left: [], count: 2, users: 0 });
	await until("it asks", () => connections[0].frames.some((f) => f.type === "presence"));
	await seesMembers(page, ["Ann (you)"]);
});

playing("a message that is refused or never confirmed says so", async (visit) => {
	const { page, connections } = await played(visit, {
		publish: (f) => (f.payload.text === "no" ? { type: "error", id: f.id, name: "forbidden", message: "you may not" } : null),
	});
	await inState(page, "connected");
	await say(page, "no");
	await page.waitForSelector("#log .failed");
	assert.match(await page.textContent("#log .failed"), /not sent: you may not/);
	await say(page, "perhaps");
	await page.waitForSelector("#log .pending");
	await connections[0].ws.close({ code: 1012 });
	await page.waitForSelector("#log .failed:nth-of-type(2)");
	assert.match(await page.locator("#log .failed").nth(1).textContent(), /not confirmed/);
});

playing("a message from a backend, and one that is no chat, are shown", async (visit) => {
	const { page, connections } = await played(visit);
	await inState(page, "connected");
	connections[0].send({ type: "event", topic: "room:r", event_type: "chat", payload: { text: "news" }, ts: 0 });
	connections[0].send({ type: "event", topic: "room:r", event_type: "count", payload: [1, null], ts: 0, from: ben });
	connections[0].send({ type: "event", topic: "room:else", event_type: "chat", payload: { text: "not ours" }, ts: 0 });
	await sees(page, "the server", "news");
	await sees(page, "Ben", "[1,null]");
	assert.equal(await page.locator("#log .message").count(), 2);
});

playing("a room that cannot be joined leads back to the form", async (visit) => {
	const { page } = await played(visit, {
		join: (f) => ({ type: "error", id: f.id, code: 1105, name: "room_full", message: "the room is full" }),
	});
	await inState(page, "idle");
	assert.match(await page.textContent("#join-error"), /the room is full/);
	assert.equal(await page.isVisible("#join-form"), true);
});
