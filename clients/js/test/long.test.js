// What only shows after a while: sleep, leaks, rates.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import path from "node:path";
import WebSocket from "ws";
import { onBothTiers, scenario, sleep, until } from "./support/index.js";

const program = (name) => path.join(import.meta.dirname, "support", name);

scenario("19: a hundred reconnects in a row leave nothing on the heap", async (scene, t) => {
	const gateway = await scene.gateway();
	const { before, after, reconnects, state } =
		JSON.parse(execFileSync(process.execPath, ["--expose-gc", "--no-warnings", program("reconnects.js"), gateway.port], { encoding: "utf8" }));
	t.diagnostic(`${before.bytes} bytes before, ${after.bytes} after`);
	assert.deepEqual([reconnects, state], [200, "connected"]);
	assert.ok(after.bytes - before.bytes < 100000, `${after.bytes - before.bytes} bytes more`);
	assert.deepEqual([after.sockets, after.timers], [before.sockets, before.timers]);
	assert.ok(!before.promises || Math.abs(after.promises - before.promises) < 20, `${before.promises}, ${after.promises} promises`);
});

/* A client that sleeps for three seconds, `afterMs` after it has joined; and what it says afterwards. */
async function slept(scene, url, afterMs, pingIntervalMs, answerTimeoutMs) {
	const child = spawn(process.execPath, [program("sleeper.js"), url, pingIntervalMs, answerTimeoutMs], { stdio: ["ignore", "pipe", "inherit"] });
	scene.onEnd(() => child.kill("SIGKILL"));
	const lines = [];
	createInterface(child.stdout).on("line", (line) => lines.push(line));
	await until("joined", () => lines.includes("joined"));
	await sleep(afterMs);
	assert.deepEqual(lines.splice(0), ["connecting", "connected", "joined"]);
	child.kill("SIGSTOP");
	await sleep(3000);
	child.kill("SIGCONT");
	return lines;
}

scenario("20: who slept and was waited for is still connected, whatever its timers say", async (scene) => {
	const proxy = await scene.proxy(await scene.gateway());
	proxy.delayMs = () => 300;
	// the second ping is under way then
	const lines = await slept(scene, proxy.url, 1250, 1000, 800);
	await sleep(1500);
	assert.deepEqual(lines, []);
});

onBothTiers("20: who slept too long comes back once, soon", async (scene) => {
	const gateway = await scene.gateway({ ...scene.tier, "ping-interval-ms": "500", "client-timeout-ms": "1000" });
	const lines = await slept(scene, gateway.url, 500, 200, 300);
	await until("joined again", () => lines.includes("joined"), 3000);
	await sleep(500);
	assert.deepEqual(lines, ["reconnecting", "retry true", "connected", "joined"]);
});

/* Sends `n` messages each way, one each millisecond; the 99th percentile of how long they took to come back. */
async function p99s(n, ways) {
	const took = ways.map(() => []), sent = [];
	const offs = ways.map(({ hear }, i) => hear((k) => took[i].push(performance.now() - sent[k])));
	const begin = performance.now();
	while (sent.length < n) {
		while (sent.length < n && performance.now() >= begin + sent.length) {
			sent.push(performance.now());
			for (const { send } of ways) send(sent.length - 1);
		}
		await sleep(1);
	}
	await until("all came back", () => took.every((list) => list.length === n));
	for (const off of offs) off();
	return took.map((list) => list.sort((a, b) => a - b)[Math.floor(n * 0.99)]);
}

/* Nothing but a WebSocket: what this machine takes at the moment. */
async function echo(scene) {
	const child = spawn(process.execPath, [program("echo.js")], { stdio: ["ignore", "pipe", "inherit"] });
	scene.onEnd(() => child.kill());
	const [port] = await once(createInterface(child.stdout), "line");
	const ws = new WebSocket(`ws://127.0.0.1:${port}`);
	await once(ws, "open");
	return {
		send: (k) => ws.send(`${k}`),
		hear(listener) {
			const take = (text) => listener(Number(text));
			ws.on("message", take);
			return () => ws.off("message", take);
		},
	};
}

onBothTiers("latency is below 5 ms p99 at 1000 messages a second, where the machine lets it be", async (scene, t) => {
	const gateway = await scene.gateway(scene.tier);
	const r = (await scene.connected(gateway.url)).room("n"), bare = await echo(scene);
	await r.join();
	const room = { send: (k) => r.publish("n", k), hear: (listener) => r.on("n", (m) => listener(m.payload)) };
	let ours, floor;
	for (let i = 0; i < 3 && !(ours < Math.max(5, 2 * floor)); i++) {
		[ours, floor] = await p99s(3000, [room, bare]);
		t.diagnostic(`p99 ${ours.toFixed(2)} ms, of a bare echo ${floor.toFixed(2)} ms`);
	}
	assert.ok(ours < Math.max(5, 2 * floor), `${ours} ms, of a bare echo ${floor} ms`);
});

onBothTiers("one client sends and receives 10 000 messages a second", async (scene, t) => {
	const gateway = await scene.gateway(scene.tier);
	const c = await scene.connected(gateway.url), r = c.room("r");
	let heard = 0, sent = 0;
	r.on("n", () => heard++);
	await r.join();
	const text = "x".repeat(100), begin = performance.now();
	const one = async () => {
		while (performance.now() - begin < 2000) await r.publish("n", { n: sent++, text });
	};
	await Promise.all(Array.from({ length: 200 }, one));
	const rate = Math.round(heard / (performance.now() - begin) * 1000);
	t.diagnostic(`${rate} messages/s sent, acknowledged and received`);
	assert.equal(heard, sent);
	assert.ok(rate >= 10000, `${rate} messages/s`);
});
