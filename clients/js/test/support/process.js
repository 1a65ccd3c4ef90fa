// Gateways and Redis servers as processes on ports of their own; each is ended by its process id.
import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import path from "node:path";

export const root = path.resolve(import.meta.dirname, "../../../..");
const build = path.resolve(root, process.env.ROOMCAST_BUILD || "build/release");
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ROOMCAST_")));

export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/* Wait until `check()` is true; after `ms` the test fails with `what`. */
export async function until(what, check, ms = 10000) {
	const end = Date.now() + ms;
	while (!await check()) {
		if (Date.now() > end) throw new Error(`not in ${ms} ms: ${what}`);
		await sleep(2);
	}
}

export async function freePort() {
	const server = net.createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address();
	server.close();
	await once(server, "close");
	return port;
}

async function ended(child) {
	if (child.exitCode === null && child.signalCode === null) await once(child, "close");
	return child.signalCode ?? child.exitCode;
}

/* A gateway. Started again it comes back on the same port. */
export class Gateway {
	constructor(options = {}) {
		this.options = {
			"listen": "127.0.0.1:0", "admin-listen": "off", "drain-ms": "0", "retry-after-ms": "50",
			"max-rate": "10000000", "rate-burst": "10000000", ...options,
		};
		this.log = "";
	}

	async start() {
		const flags = Object.entries(this.options).map(([name, value]) => `--${name}=${value}`);
		const child = this.child = spawn(path.join(build, "roomcast-gateway"), flags, {
			env: environment, stdio: ["ignore", "ignore", "pipe"],
		});
		const begin = this.log.length;
		child.stderr.setEncoding("utf8");
		this.port = await new Promise((resolve, reject) => {
			child.stderr.on("data", (text) => {
				this.log += text;
				const line = /event=gateway\.ready listen="?127\.0\.0\.1:(\d+)/.exec(this.log.slice(begin));
				if (line) resolve(Number(line[1]));
			});
			child.on("error", reject);
			child.on("close", () => reject(new Error(`the gateway ended:\n${this.log}`)));
		});
		this.options.listen = `127.0.0.1:${this.port}`;
		this.url = `${this.options["tls-cert"] ? "wss" : "ws"}://127.0.0.1:${this.port}`;
		return this;
	}

	/* Its exit code, or the signal that ended it. */
	stop(signal = "SIGTERM") {
		this.child.kill(signal);
		return ended(this.child);
	}
}

export class Redis {
	async start() {
		const port = await freePort();
		this.child = spawn("redis-server", ["--bind", "127.0.0.1", "--port", String(port), "--save", "", "--appendonly", "no"], {
			stdio: "ignore",
		});
		this.url = `redis://127.0.0.1:${port}`;
		await until("Redis answers", () => new Promise((resolve) => {
			const socket = net.connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
			socket.unref();
			setTimeout(() => socket.destroy(), 100).unref();
		}));
		return this;
	}

	stop() {
		this.child.kill();
		return ended(this.child);
	}
}
