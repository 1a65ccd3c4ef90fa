// The package itself: what it weighs, what it exports, its types, and its README's examples.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import * as everything from "roomcast";
import { root, scenario } from "./support/index.js";

const here = path.join(root, "clients/js");
const LIMIT = 6 * 1024;

/* A directory inside the package, so that `import "roomcast"` works there. */
function directory(t) {
	const at = mkdtempSync(path.join(here, ".test-"));
	t.after(() => rmSync(at, { recursive: true }));
	return at;
}

test("it weighs at most 6 KB, minified and gzipped", (t) => {
	const file = path.join(directory(t), "roomcast.min.js");
	const bytes = Number(execFileSync(process.execPath, [path.join(here, "build.js"), file]));
	t.diagnostic(`${bytes} bytes`);
	assert.ok(bytes > 2000 && bytes <= LIMIT, `${bytes} bytes`);
});

test("it exports what its types say, and nothing else", () => {
	assert.deepEqual(Object.keys(everything).sort(), ["Client", "RoomcastError"]);
	const { dependencies, peerDependencies } = JSON.parse(readFileSync(path.join(here, "package.json")));
	assert.deepEqual([dependencies, Object.keys(peerDependencies)], [undefined, ["react"]]);
});

function tsc(t, source) {
	const at = directory(t);
	writeFileSync(path.join(at, "use.ts"), source);
	writeFileSync(path.join(at, "tsconfig.json"), JSON.stringify({
		compilerOptions: { noEmit: true, strict: true, target: "es2022", lib: ["es2022", "dom"], module: "nodenext", types: [] },
	}));
	return spawnSync(process.execPath, [path.join(here, "node_modules/typescript/bin/tsc"), "-p", at], { encoding: "utf8" }).stdout;
}

test("the types take what is right", (t) => {
	assert.equal(tsc(t, `
import { Client, RoomcastError, type State } from "roomcast";
import { useRoom, useRoomcast } from "roomcast/react";
const c = new Client("ws://127.0.0.1:8000", { token: async () => "t", maxAttempts: Infinity });
const r = c.room<{ name: string }>("lobby");
const joined = await r.join({ presence: true, info: { name: "Ann" } });
const count: number | undefined = joined.count;
const off: () => void = r.on<{ text: string }>("chat", (m) => m.payload.text.length);
r.on("gap", (g) => g.reason);
r.on("presence", ({ joined = [] }) => joined.map((m) => m.client));
for (const m of r.members.values()) m.info?.name.length;
const { duplicate } = await r.publish("chat", { text: "hi" }, { once: true, signal: AbortSignal.timeout(1000) });
c.on("state", (s: State, { error }) => error?.closeCode);
for await (const m of r.messages({ type: "chat", limit: 10 })) m.ts.toFixed();
for await (const m of r) m.payload;
await c.event("news").publish({});
await c.topic("all").publish("hello");
try { await c.ping(); } catch (e) { if (e instanceof RoomcastError) e.code.toFixed(); }
const { client, state } = useRoomcast("ws://h", { token: "t" });
const { members, error } = useRoom<{ name: string }>(client, "lobby", { presence: true, onMessage: (m) => m.payload });
members[0].info?.name.length;
c.close();
export { count, off, duplicate, state, error };
`), "");
});

test("the types refuse what is wrong", (t) => {
	const wrong = [
		"new Client();", 'new Client("ws://h", { tokn: "t" });', "c.state = 'connected';", 'c.on("stat", () => {});', "c.room(7);",
		'c.room("r").join({ presnce: true });', 'c.publish("room:r");', 'c.on("state", (s) => { const n: number = s; });',
		'c.room("r").on("gap", (g) => g.payload);', 'c.event("e").publish("e", {}, { once: true });', "c.metrics.sent;",
	];
	const complaints = tsc(t, `import { Client } from "roomcast";\nconst c = new Client("ws://h");\n${wrong.join("\n")}\n`);
	const lines = new Set([...complaints.matchAll(/use\.ts\((\d+),/g)].map(([, line]) => Number(line)));
	assert.deepEqual(wrong.filter((_, i) => !lines.has(i + 3)), [], complaints);
	assert.ok(!lines.has(1) && !lines.has(2), complaints);
});

scenario("the README's examples run as they stand there", async (scene, t) => {
	const gateway = await scene.gateway({ "allow-user-param": "on" });
	const text = readFileSync(path.join(here, "README.md"), "utf8");
	const examples = [...text.matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code);
	assert.ok(examples.length >= 3);
	const at = directory(t);
	for (const [i, code] of examples.entries()) {
		const file = path.join(at, `${i}.mjs`);
		assert.ok(code.includes("ws://127.0.0.1:8000"), code);
		writeFileSync(file, code.replaceAll("ws://127.0.0.1:8000", gateway.url));
		const run = (...flags) => spawnSync(process.execPath, [...flags, file], { encoding: "utf8", timeout: 10000 });
		// Node 22 has a WebSocket of its own; in Node 20 it is behind a flag
		const { status, stdout, stderr } = run(...(globalThis.WebSocket ? [] : ["--experimental-websocket"]));
		assert.equal(status, 0, `${code}\n${stderr}`);
		const promised = [...code.matchAll(/\/\/ prints (.*)/g)].map(([, line]) => line);
		assert.ok(promised.length > 0, code);
		assert.equal(stdout.trim(), promised.join("\n"), code);
	}
});
