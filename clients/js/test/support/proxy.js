// A TCP proxy that does to connections what networks do.
import { once } from "node:events";
import net from "node:net";

export class Proxy {
	delayMs = () => 0; // for each piece, asked anew; pieces keep their order
	connections = 0; // so many came
	isRefusing = false; // new ones are reset
	#pairs = new Set();
	#stalled = { up: false, down: false };

	static async to(port) {
		const proxy = new Proxy();
		proxy.port = port; // of the gateway that new connections go to
		proxy.server = net.createServer({ noDelay: true }, (client) => proxy.#accept(client)).listen(0, "127.0.0.1");
		await once(proxy.server, "listening");
		proxy.url = `ws://127.0.0.1:${proxy.server.address().port}`;
		return proxy;
	}

	#accept(client) {
		this.connections++;
		if (this.isRefusing) return void client.on("error", () => {}).resetAndDestroy();
		const gateway = net.connect({ port: this.port, host: "127.0.0.1", noDelay: true });
		const pair = { client, gateway };
		this.#pairs.add(pair);
		this.#pipe(client, gateway, "up");
		this.#pipe(gateway, client, "down");
		for (const s of [client, gateway]) {
			s.on("error", () => {});
			s.on("close", () => {
				this.#pairs.delete(pair);
				client.destroy();
				gateway.destroy();
			});
			if (this.#stalled[s === client ? "up" : "down"]) s.pause();
		}
	}

	#pipe(from, to, way) {
		let last = Promise.resolve();
		from.on("data", (bytes) => {
			const ms = this.delayMs();
			if (ms === 0) return void to.write(bytes);
			const ready = new Promise((resolve) => { setTimeout(resolve, ms); });
			last = last.then(() => ready).then(() => to.writable && to.write(bytes));
		});
		from.on("end", () => this.#stalled[way] || to.end());
	}

	/* Nothing goes that way any more, and nobody is told. */
	stall(...ways) {
		for (const way of ways) this.#stalled[way] = true;
		for (const { client, gateway } of this.#pairs) {
			if (this.#stalled.up) client.pause();
			if (this.#stalled.down) gateway.pause();
		}
	}

	resume() {
		this.#stalled = { up: false, down: false };
		for (const { client, gateway } of this.#pairs) {
			client.resume();
			gateway.resume();
		}
	}

	/* Both ends see the connection reset. */
	reset() {
		for (const { client, gateway } of this.#pairs) {
			client.resetAndDestroy();
			gateway.resetAndDestroy();
		}
	}

	async close() {
		this.reset();
		this.server.close();
		await once(this.server, "close");
	}
}
