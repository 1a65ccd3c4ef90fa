// In a real browser: the README's page and component, a network that comes and goes, strict mode.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import test from "node:test";
import { buildSync } from "esbuild";
import { chromium } from "playwright-core";
import { next, root, scenario as anywhere, sleep, until } from "./support/index.js";

const here = path.join(root, "clients/js");
const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";
const README = readFileSync(path.join(here, "README.md"), "utf8");
const skip = existsSync(executablePath) ? false : "no chromium here";
const scenario = (name, body) => anywhere(name, body, { skip });
let browser, min;

test.before(async () => {
	if (skip) return;
	min = buildSync({ entryPoints: [path.join(here, "src/index.js")], bundle: true, minify: true, format: "esm", target: "es2022",
		mangleProps: /^_/, write: false }).outputFiles[0].text;
	browser = await chromium.launch({ executablePath, args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
});
test.after(() => browser?.close());

/* A page that holds `html`, with the package beside it. Nothing may go wrong in it but what is `excused`. */
async function page(scene, html, { excused = /^$/, files = {} } = {}) {
	const all = { "/": ["text/html; charset=utf-8", html], "/roomcast.min.js": ["text/javascript", min], ...files };
	const server = createServer((request, response) => {
		const [type, body] = all[request.url] ?? [];
		response.writeHead(type ? 200 : 404, { "Content-Type": type ?? "text/plain" }).end(body ?? "");
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	scene.onEnd(() => server.close());
	const context = await browser.newContext();
	scene.onEnd(() => context.close());
	const tab = await context.newPage(), wrong = [];
	tab.on("pageerror", (e) => wrong.push(String(e)));
	tab.on("console", (m) => m.type() === "error" && !/favicon|404/.test(m.text()) && wrong.push(m.text()));
	await tab.goto(`http://127.0.0.1:${server.address().port}/`);
	scene.onEnd(() => assert.deepEqual(wrong.filter((w) => !excused.test(w)), []));
	return tab;
}

/* A client named `c` and what it tells, in `told`. */
const withClient = (url, options = "{}") => `<script type="module">
import { Client } from "./roomcast.min.js";
window.told = [];
window.c = new Client("${url}", { backoffMs: 200, backoffMaxMs: 400, ...${options} });
window.r = c.room("r");
c.on("state", (s) => told.push(s));
r.on("joined", () => told.push("joined"));
r.on("chat", (m) => told.push(m.payload));
r.join();
</script>`;
const joined = (tab) => tab.waitForFunction(() => window.told?.at(-1) === "joined");
const told = (tab) => tab.evaluate(() => told.splice(0));
const LOST = /WebSocket connection to .* failed|ERR_INTERNET_DISCONNECTED/;

scenario("23: the README's page of five lines", async (scene) => {
	const gateway = await scene.gateway();
	const [, html] = /```html\n([^]*?)```/.exec(README);
	const script = html.slice(html.indexOf("<script"), html.indexOf("</script>")).split("\n").slice(1, -1);
	assert.equal(script.length, 5);
	const tab = await page(scene, html.replace("ws://127.0.0.1:8000", gateway.url), { excused: LOST });
	await tab.waitForFunction(() => document.querySelector("#log li")?.textContent === "hello");
	const other = await scene.connected(gateway.url);
	await other.room("lobby").publish("chat", { text: "hello yourself" });
	await tab.waitForFunction(() => document.querySelectorAll("#log li")[1]?.textContent === "hello yourself");
	await gateway.stop("SIGKILL");
	await gateway.start();
	await next(other, "state", (s) => s === "connected");
	await until("the page is back", async () => {
		await other.room("lobby").publish("chat", { text: "back" });
		return tab.evaluate(() => document.querySelector("#log li:last-child").textContent === "back");
	});
});

scenario("23: in a browser it comes back with its rooms, and sends what waited", async (scene) => {
	const gateway = await scene.gateway();
	const proxy = await scene.proxy(gateway);
	const tab = await page(scene, withClient(proxy.url), { excused: LOST });
	await joined(tab);
	proxy.isRefusing = true;
	proxy.reset();
	await tab.waitForFunction(() => c.state === "reconnecting");
	await tab.evaluate(() => { window.sent = Promise.all([1, 2, 3].map((n) => r.publish("chat", n, { once: true }))); });
	await sleep(300);
	proxy.isRefusing = false;
	await tab.evaluate(() => sent);
	await tab.waitForFunction(() => told.at(-1) === 3);
	assert.deepEqual(await told(tab), ["connecting", "connected", "joined", "reconnecting", "connected", "joined", 1, 2, 3]);
});

scenario("23: a stalled connection is noticed when the network comes back, long before the next ping", async (scene) => {
	const gateway = await scene.gateway();
	const proxy = await scene.proxy(gateway);
	const tab = await page(scene, withClient(proxy.url, "{ answerTimeoutMs: 500 }"), { excused: LOST });
	await joined(tab);
	proxy.stall("up", "down");
	await sleep(1000);
	assert.equal(await tab.evaluate(() => c.state), "connected");
	await tab.evaluate(() => dispatchEvent(new Event("online")));
	await tab.waitForFunction(() => c.state === "reconnecting", null, { timeout: 2000 });
	proxy.resume();
	await joined(tab);
});

scenario("20: a page without a network does not give up, and comes back once when there is one again", async (scene) => {
	const gateway = await scene.gateway();
	const proxy = await scene.proxy(gateway);
	const tab = await page(scene, withClient(proxy.url, "{ maxAttempts: 2, backoffMs: 20, backoffMaxMs: 20000 }"), { excused: LOST });
	await joined(tab);
	await told(tab);
	await tab.context().setOffline(true);
	proxy.reset();
	proxy.isRefusing = true;
	await tab.waitForFunction(() => c.state === "reconnecting");
	await sleep(1500);
	assert.deepEqual(await told(tab), ["reconnecting"]);
	proxy.isRefusing = false;
	const before = proxy.connections;
	await tab.context().setOffline(false);
	await tab.evaluate(() => { // all that a waking laptop says, at once
		for (const type of ["pageshow", "online", "visibilitychange", "online"]) (type[0] === "v" ? document : window).dispatchEvent(new Event(type, { bubbles: true }));
	});
	await joined(tab);
	assert.equal(proxy.connections - before, 1);
	assert.deepEqual(await told(tab), ["connected", "joined"]);
});

scenario("23: a page that was left leaves the room", async (scene) => {
	const gateway = await scene.gateway();
	const other = await scene.connected(gateway.url), r = other.room("r");
	const tab = await page(scene, withClient(gateway.url));
	await joined(tab);
	await tab.evaluate(() => r.join({ presence: true }));
	await r.join({ presence: true });
	assert.equal(r.count, 2);
	await tab.goto("about:blank");
	await until("it is gone", () => r.count === 1);
});

/* The README's component, and around it what a test may switch. */
function bundle(url) {
	const [, component] = /```jsx\n([^]*?)```/.exec(README);
	const contents = `${component.replace("ws://127.0.0.1:8000", url).replace("export function", "function")}
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
function Other({ client, name }) {
	const { room, joined, members } = useRoom(client, name, { presence: true, onMessage: (m) => { window.heard = [...window.heard ?? [], m.payload]; } });
	window.room = room;
	return <p>{name} {joined ? members.length : "…"}</p>;
}
function Two() {
	const { client } = useRoomcast("${url}");
	const [name, setName] = useState("a");
	window.setName = setName;
	window.client = client;
	return <><Other client={client} name={name} /><Other client={client} name={name} /></>;
}
const root = createRoot(document.getElementById("root"));
window.show = (what) => root.render(<StrictMode>{what === "lobby" ? <Lobby /> : what === "two" ? <Two /> : null}</StrictMode>);
show(location.hash.slice(1) || "lobby");`;
	return buildSync({ stdin: { contents, loader: "jsx", resolveDir: here }, bundle: true, format: "iife", jsx: "automatic", write: false,
		define: { "process.env.NODE_ENV": '"development"' } }).outputFiles[0].text;
}
const react = (scene, url) => page(scene, '<div id="root"></div><script src="app.js"></script>',
	{ files: { "/app.js": ["text/javascript", bundle(url)] } });
const shows = (tab, text) => tab.waitForFunction((wanted) => document.getElementById("root").innerText === wanted, text);

scenario("24: the React hooks in strict mode: mounted, unmounted, mounted again", async (scene) => {
	const gateway = await scene.gateway();
	const proxy = await scene.proxy(gateway);
	const other = await scene.connected(gateway.url), lobby = other.room("lobby"), heard = [];
	lobby.on("chat", (m) => heard.push(m.payload.text));
	await lobby.join({ presence: true, info: { name: "Ben" } });
	const tab = await react(scene, proxy.url);
	await shows(tab, "say hi to 2");
	assert.equal(proxy.connections, 1);
	await tab.click("button");
	await until("it came", () => heard.length === 1);
	await tab.evaluate(() => show(null));
	await until("it is gone", () => lobby.count === 1);
	await tab.evaluate(() => show("lobby"));
	await shows(tab, "say hi to 2");
	assert.equal(proxy.connections, 2);
	await tab.evaluate(() => { show(null); show("lobby"); });
	await sleep(300);
	await shows(tab, "say hi to 2");
	assert.equal(proxy.connections, 2);
	proxy.reset();
	await until("it is back", () => proxy.connections === 3);
	await shows(tab, "say hi to 2");
	assert.deepEqual(heard, ["hi"]);
});

scenario("24: two components share a room, and another room takes its place", async (scene) => {
	const gateway = await scene.gateway();
	const proxy = await scene.proxy(gateway);
	const tab = await react(scene, proxy.url);
	await shows(tab, "say hi to 1");
	await tab.evaluate(() => show("two"));
	await shows(tab, "a 1\n\na 1");
	const other = await scene.connected(gateway.url);
	await other.publish("room:a", "chat", "for a");
	await tab.waitForFunction(() => window.heard?.length === 2);
	await tab.evaluate(() => setName("b"));
	await shows(tab, "b 1\n\nb 1");
	await until("it has left", async () => (await other.room("a").presence()).count === 0);
	await other.publish("room:a", "chat", "nobody hears");
	await other.publish("room:b", "chat", "for b");
	await tab.waitForFunction(() => window.heard.length === 4);
	assert.deepEqual(await tab.evaluate(() => heard), ["for a", "for a", "for b", "for b"]);
});
