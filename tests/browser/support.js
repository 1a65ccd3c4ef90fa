// What the browser tests share: a gateway as a process, and tabs that notice what goes wrong.
"use strict";

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const path = require("node:path");
const { chromium } = require("playwright-core");

const root = path.join(__dirname, "..", "..");
const build = path.resolve(root, process.env.ROOMCAST_BUILD || "build/release");
const WAIT_MS = 15000;

/* A gateway with the demo page. Started again it comes back on the same port. */
class Gateway {
	constructor(options = {}) {
		this.options = {
			"listen": "127.0.0.1:0", "admin-listen": "127.0.0.1:0", "demo-page": "on", "drain-ms": "0", ...options,
		};
		this.log = "";
	}

	async start() {
		const flags = Object.entries(this.options).map(([name, value]) => `--${name}=${value}`);
		const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ROOMCAST_")));
		const child = this.child = spawn(path.join(build, "roomcast-gateway"), flags, {
			env, stdio: ["ignore", "ignore", "pipe"],
		});
		const begin = this.log.length;
		child.stderr.setEncoding("utf8");
		const ready = new Promise((resolve, reject) => {
			child.stderr.on("data", (text) => {
				this.log += text;
				const line = /event=gateway\.ready listen="?127\.0\.0\.1:(\d+)/.exec(this.log.slice(begin));
				if (line) resolve(Number(line[1]));
			});
			child.on("error", reject);
			child.on("close", () => reject(new Error(`the gateway ended:\n${this.log}`)));
		});
		const port = await ready;
		this.options.listen = `127.0.0.1:${port}`;
		this.url = `http://127.0.0.1:${port}/`;
		return this;
	}

	/* Its exit code, or the signal that ended it. */
	async stop(signal = "SIGTERM") {
		const child = this.child;
		if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
		child.kill(signal);
		const [code, killedBy] = await once(child, "close");
		return killedBy || code;
	}
}

function launch() {
	return chromium.launch({
		executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
		args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
			"--disable-background-networking", "--disable-component-update", "--disable-sync"],
	});
}

/* A visit: tabs of one browser profile. `complaints` holds what no page may do: errors on the
 * console, exceptions, requests to anybody but the gateway. */
class Visit {
	static async begin(browser, gateway, options = {}) {
		const visit = new Visit();
		visit.gateway = gateway;
		visit.complaints = [];
		visit.context = await browser.newContext(options);
		visit.context.setDefaultTimeout(WAIT_MS);
		return visit;
	}

	async tab(fragment = "") {
		const page = await this.context.newPage();
		const host = new URL(this.gateway.url).host;
		const outside = (url) => new URL(url).host !== host;
		page.on("console", (m) => {
			if (m.type() === "error" || m.type() === "warning") this.complaints.push(`console: ${m.text()}`);
		});
		page.on("pageerror", (e) => this.complaints.push(`exception: ${e}`));
		page.on("request", (r) => outside(r.url()) && this.complaints.push(`request to ${r.url()}`));
		page.on("websocket", (ws) => outside(ws.url()) && this.complaints.push(`WebSocket to ${ws.url()}`));
		await page.goto(this.gateway.url + fragment);
		return page;
	}

	async join(name, room) {
		const page = await this.tab(`#${new URLSearchParams({ room, name })}`);
		await inState(page, "connected");
		return page;
	}
}

const inState = (page, state) => page.waitForSelector(`#state[data-state=${state}]`);

async function say(page, text) {
	await page.fill("#text", text);
	await page.click("#send");
}

/* Wait for a message of that text, from somebody of that name. */
function sees(page, name, text) {
	return page.waitForFunction(([wantedName, wantedText]) =>
		[...document.querySelectorAll("#log .message:not(.pending):not(.failed)")].some((m) =>
			m.querySelector(".who b").textContent === wantedName && m.querySelector(".text").textContent === wantedText),
	[name, text]);
}

const seesNote = (page, text) => page.waitForFunction((wanted) =>
	[...document.querySelectorAll("#log .note")].some((n) => n.textContent.includes(wanted)), text);

/* Wait until exactly these are shown as members, one's own name with " (you)". */
function seesMembers(page, names) {
	return page.waitForFunction((wanted) => {
		const shown = [...document.querySelectorAll("#members li")].map((li) => li.textContent).sort();
		return JSON.stringify(shown) === JSON.stringify(wanted);
	}, [...names].sort());
}

module.exports = { Gateway, Visit, build, inState, launch, say, sees, seesMembers, seesNote };
