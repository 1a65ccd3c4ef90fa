// What a test needs: servers and clients that end with it.
import { setMaxListeners } from "node:events";
import test from "node:test";
import WebSocket from "ws";
import { Client } from "roomcast";
import { FakeGateway } from "./fake.js";
import { Gateway, Redis } from "./process.js";
import { Proxy } from "./proxy.js";
import { random, seeded } from "./random.js";

export { freePort, root, sleep, until } from "./process.js";
export { random } from "./random.js";
setMaxListeners(0);

const IMPATIENT = { backoffMs: 100, backoffMaxMs: 1000, maxAttempts: Infinity };

/* A test whose `scene` starts what it needs; all of it ends with the test, the newest first. */
export function scenario(name, body, options = {}) {
	test(name, { timeout: 60000, ...options }, async (t) => {
		const ends = [];
		const keep = (thing, end) => {
			ends.push(() => end.call(thing));
			return thing;
		};
		const scene = {
			gateway: async (o) => {
				const g = await new Gateway(o).start();
				return keep(g, () => g.stop("SIGKILL"));
			},
			redis: async () => {
				const r = await new Redis().start();
				return keep(r, r.stop);
			},
			proxy: async (g) => {
				const p = await Proxy.to(g.port);
				return keep(p, p.close);
			},
			fake: async (answers) => {
				const f = await FakeGateway.start(answers);
				return keep(f, f.stop);
			},
			client: (url, o) => {
				const c = new Client(url, { WebSocket, random, ...IMPATIENT, ...o });
				return keep(c, c.close);
			},
			connected: async (url, o) => {
				const c = scene.client(url, o);
				await c.connect();
				return c;
			},
			onEnd: (end) => ends.push(end),
		};
		try {
			await seeded(() => body(scene, t));
		} finally {
			for (const end of ends.reverse()) await end();
		}
	});
}

/* The same scenario on the memory tier and on Redis; `scene.tier` holds the gateways' options. */
export function onBothTiers(name, body, options) {
	scenario(`${name} (memory)`, (scene, t) => body(Object.assign(scene, { tier: {} }), t), options);
	scenario(`${name} (redis)`, async (scene, t) => {
		const redis = await scene.redis();
		return body(Object.assign(scene, { tier: { tier: "redis", redis: redis.url } }), t);
	}, options);
}

/* A promise of the next event of that type that fits. */
export function next(emitter, type, fits = () => true, ms = 10000) {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => {
			off();
			reject(new Error(`no ${type} in ${ms} ms`));
		}, ms);
		const off = emitter.on(type, (...args) => {
			if (!fits(...args)) return;
			off();
			clearTimeout(timer);
			resolve(args[0]);
		});
	});
}

export const inState = (client, state, ms) =>
	client.state === state ? Promise.resolve() : next(client, "state", (s) => s === state, ms);
