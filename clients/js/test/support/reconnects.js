// A program of its own, run with --expose-gc: 200 reconnects in a row, and what the second hundred left on the heap.
import v8 from "node:v8";
import WebSocket from "ws";
import { Client } from "roomcast";
import { Proxy } from "./proxy.js";

const [port] = process.argv.slice(2);
const proxy = await Proxy.to(port);
const c = new Client(proxy.url, { WebSocket, backoffMs: 1, backoffMaxMs: 2, maxAttempts: Infinity });
await c.connect();
const rooms = Array.from({ length: 10 }, (_, i) => c.room(`r${i}`));
await Promise.all(rooms.map((r) => r.join({ presence: true })));

async function reconnect() {
	const joined = rooms.map((r) => new Promise((resolve) => {
		const off = r.on("joined", () => resolve(off()));
	}));
	proxy.reset();
	await Promise.all(joined);
	await rooms[0].publish("chat", "again");
}

/* After garbage collection: bytes, and objects of the kinds that a connection is made of. */
async function left() {
	for (let i = 0; i < 5; i++) {
		await new Promise((resolve) => { setTimeout(resolve, 20); });
		globalThis.gc();
	}
	const count = (kind) => v8.queryObjects?.(kind, { format: "count" });
	return {
		bytes: v8.getHeapStatistics().used_heap_size,
		sockets: count(WebSocket), promises: count(Promise), timers: process.getActiveResourcesInfo().filter((r) => r === "Timeout").length,
	};
}

for (let i = 0; i < 100; i++) await reconnect(); // until the engine has settled
const before = await left();
for (let i = 0; i < 100; i++) await reconnect();
console.log(JSON.stringify({ before, after: await left(), reconnects: c.metrics.reconnects, state: c.state }));
process.exit(0);
