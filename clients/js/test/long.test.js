// What only shows after a while: sleep, leaks, rates.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import path from "node:path";
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

/* A client that sleeps for three seconds, and what it says afterwards. */
async function slept(scene, options) {
	const gateway = await scene.gateway({ ...scene.tier, ...options });
	const child = spawn(process.execPath, [program("sleeper.js"), gateway.url], { stdio: ["ignore", "pipe", "inherit"] });
	scene.onEnd(() => child.kill("SIGKILL"));
	const lines = [];
	createInterface(child.stdout).on("line", (line) => lines.push(line));
	await until("joined", () => lines.includes("joined"));
	await sleep(500);
	assert.deepEqual(lines.splice(0), ["connecting", "connected", "joined"]);
	child.kill("SIGSTOP");
	await sleep(3000);
	child.kill("SIGCONT");
	return lines;
}

scenario("20: who slept and was waited for is still connected", async (scene) => {
	const lines = await slept(scene, { "ping-interval-ms": "30000", "client-timeout-ms": "60000" });
	await sleep(1500);
	assert.deepEqual(lines, []);
});

onBothTiers("20: who slept too long comes back once, soon", async (scene) => {
	const lines = await slept(scene, { "ping-interval-ms": "500", "client-timeout-ms": "1000" });
	await until("joined again", () => lines.includes("joined"), 3000);
	await sleep(500);
	assert.deepEqual(lines, ["reconnecting", "retry true", "connected", "joined"]);
});

onBothTiers("latency is below 5 ms p99 at 1000 messages a second", async (scene, t) => {
	const gateway = await scene.gateway(scene.tier);
	const c = await scene.connected(gateway.url), r = c.room("r"), took = [], sent = [];
	r.on("n", ({ payload }) => took.push(performance.now() - sent[payload]));
	await r.join();
	const n = 3000, begin = performance.now(), acks = [];
	while (sent.length < n) {
		while (sent.length < n && performance.now() >= begin + sent.length) {
			sent.push(performance.now());
			acks.push(r.publish("n", sent.length - 1));
		}
		await sleep(1);
	}
	await Promise.all(acks);
	took.sort((a, b) => a - b);
	const p99 = took[Math.floor(n * 0.99)];
	t.diagnostic(`p50 ${took[n / 2].toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`);
	assert.equal(took.length, n);
	assert.ok(p99 < 5, `${p99} ms`);
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
