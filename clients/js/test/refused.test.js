// Connections that do not come about.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort, inState, next, onBothTiers, random, scenario, sleep, until } from "./support/index.js";

/* Try three times, and give up. */
async function givesUp(scene, url, options) {
	const c = scene.client(url, { maxAttempts: 3, backoffMs: 20, ...options });
	const retries = [];
	c.on("retry", (r) => retries.push(r));
	await assert.rejects(c.connect(), { name: "unreachable", closeCode: 1006 });
	assert.deepEqual([c.state, c.error.name, retries.length], ["failed", "unreachable", 2]);
	await assert.rejects(c.publish("room:r", "chat"), { name: "not_connected" });
}

scenario("2: what is no gateway's URL is refused at once, a wrong path after max attempts", async (scene) => {
	for (const url of ["", "nonsense", "ftp://127.0.0.1/", "ws://"]) assert.throws(() => scene.client(url), TypeError, url);
	const gateway = await scene.gateway();
	await givesUp(scene, `${gateway.url}/elsewhere`);
});

scenario("3: nobody listens there", async (scene) => {
	await givesUp(scene, `ws://127.0.0.1:${await freePort()}`);
});

scenario("4: somebody listens and says nothing, before or after the upgrade", async (scene) => {
	const silent = net.createServer().listen(0, "127.0.0.1");
	scene.onEnd(() => silent.close());
	await until("listening", () => silent.listening);
	await givesUp(scene, `ws://127.0.0.1:${silent.address().port}`, { connectTimeoutMs: 100 });
	const fake = await scene.fake({ hello: () => null });
	await givesUp(scene, fake.url, { connectTimeoutMs: 100 });
	assert.equal(fake.connections.length, 3);
});

scenario("5: a certificate that nobody vouches for", async (scene) => {
	const directory = mkdtempSync(path.join(tmpdir(), "roomcast-"));
	scene.onEnd(() => rmSync(directory, { recursive: true }));
	const [key, cert] = ["key.pem", "cert.pem"].map((name) => path.join(directory, name));
	execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
		"-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert], { stdio: "ignore" });
	const gateway = await scene.gateway({ "tls-cert": cert, "tls-key": key });
	await givesUp(scene, gateway.url);
});

scenario("6: who is not let in does not come again", async (scene) => {
	const fake = await scene.fake({ hello: (f, c) => void c.close(4001, "not authenticated") });
	const c = scene.client(fake.url, { token: "wrong" });
	await assert.rejects(c.connect(), { name: "not_authenticated", closeCode: 4001 });
	await sleep(300);
	assert.deepEqual([c.state, fake.connections.length, fake.last.frames[0].token], ["failed", 1, "wrong"]);
	assert.match(fake.last.url, /\?hello=1$/);
	delete fake.answers.hello;
	fake.answers.hello = () => ({ type: "welcome", client: "c" });
	await c.connect();
});

onBothTiers("7: a full gateway says when to come again, and that is kept", async (scene) => {
	const gateway = await scene.gateway({ ...scene.tier, "max-connections": "1", "retry-after-ms": "400" });
	const first = await scene.connected(gateway.url);
	const c = scene.client(gateway.url, { backoffMs: 100, backoffMaxMs: 200 }), waits = [];
	c.on("retry", ({ afterMs, code }) => waits.push([afterMs, code]));
	await until("twice refused", () => waits.length === 2);
	first.close();
	await inState(c, "connected");
	for (const [ms, code] of waits) assert.ok(ms >= 400 && ms <= 600 && code === 1013, `${ms} ms, ${code}`);
});

scenario("backoff doubles, with full jitter, up to its most", async (scene) => {
	const fake = await scene.fake({ hello: (f, c) => void c.close(1013) });
	const c = scene.client(fake.url, { backoffMs: 16, backoffMaxMs: 64, random: () => 0.999, maxAttempts: 6 }), waits = [];
	c.on("retry", ({ afterMs }) => waits.push(Math.ceil(afterMs)));
	await inState(c, "failed");
	assert.deepEqual(waits, [16, 32, 64, 64, 64]);
	assert.equal(fake.connections.length, 6);
});

scenario("after 4029 it does not come back before 30 s", async (scene) => {
	const fake = await scene.fake({ hello: (f, c) => void c.close(4029) });
	const c = scene.client(fake.url);
	const { afterMs } = await next(c, "retry");
	assert.ok(afterMs >= 30000 && afterMs < 31000, afterMs);
	await sleep(50);
	assert.equal(fake.connections.length, 1);
});

for (const [code, state, name] of [[1000, "disconnected", "closed"], [1001, "reconnecting"], [1002, "failed", "closed"], [1003, "failed", "closed"],
	[1007, "failed", "closed"], [1008, "failed", "closed"], [1009, "failed", "closed"], [1011, "reconnecting"], [1012, "reconnecting"],
	[4001, "failed", "not_authenticated"], [4003, "failed", "kicked"], [4008, "reconnecting"], [4009, "reconnecting"],
	[4010, "failed", "closed"], [4999, "reconnecting"]]) {
	scenario(`${code === 4003 ? "17: " : ""}close code ${code} leads to ${state}`, async (scene) => {
		const fake = await scene.fake();
		const c = await scene.connected(fake.url);
		const moved = next(c, "state");
		fake.last.close(code, "because");
		assert.equal(await moved, state);
		assert.equal(c.error?.name, name);
		if (name) assert.deepEqual([c.error.closeCode, c.error.message], [code, "because"]);
		await sleep(150);
		assert.equal(fake.connections.length === 1, state !== "reconnecting");
	});
}

scenario("a token is asked for anew before each connect, and one that does not come is a failed attempt", async (scene) => {
	const fake = await scene.fake();
	let n = 0;
	const token = async () => {
		if (++n === 2) throw new Error("the token server is down");
		return `t${n}`;
	};
	const c = await scene.connected(fake.url, { token });
	const retries = [];
	c.on("retry", (r) => retries.push(r.reason));
	fake.last.ws.terminate();
	await until("connected again", () => fake.connections.length === 2 && c.state === "connected");
	assert.deepEqual(fake.connections.map((k) => k.frames[0].token), ["t1", "t3"]);
	assert.match(retries[1], /the token server is down/);
});

scenario("16: a token that expires mid-way: a new one is shown in time, or on the next connection", async (scene) => {
	const fake = await scene.fake();
	let n = 0;
	const c = await scene.connected(fake.url, { token: () => `t${++n}`, backoffMs: 100 });
	await c.room("r").join();
	fake.last.send({ type: "expiring", in_ms: 60000 });
	await until("refreshed", () => fake.last.of("refresh").length === 1);
	assert.equal(fake.last.of("refresh")[0].token, "t2");
	const begin = Date.now();
	fake.last.close(4002, "expired");
	await next(c.room("r"), "joined");
	assert.ok(Date.now() - begin < 500);
	assert.equal(fake.last.frames[0].token, "t3");

	const fixed = await scene.connected(fake.url, { token: "always this" });
	fake.last.close(4002, "expired");
	await inState(fixed, "failed");
	assert.equal(fixed.error.name, "expired");
});
