// A gateway that plays what a real one does not do at will: `answers` holds a function of each frame type, which gives
// the frame that answers it, or null for none.
import { once } from "node:events";
import { WebSocketServer } from "ws";

export class FakeGateway {
	connections = []; // {at, frames, send(frame), close(code, reason)}

	static async start(answers = {}) {
		const fake = new FakeGateway();
		fake.answers = {
			hello: () => ({ type: "welcome", client: `c${fake.connections.length}`, ping_interval_ms: 30000, client_timeout_ms: 60000,
				max_message_bytes: 65536, max_rate: 1000, features: [] }),
			join: (f) => ({ type: "ack", id: f.id, results: Object.fromEntries(f.rooms.map((r) => [r, {}])) }),
			subscribe: (f) => ({ type: "ack", id: f.id, results: Object.fromEntries(f.events.map((e) => [e, {}])) }),
			leave: (f) => ({ type: "ack", id: f.id }),
			publish: (f) => ({ type: "ack", id: f.id, nodes: 1 }),
			refresh: (f) => ({ type: "ack", id: f.id }),
			ping: (f) => ({ type: "pong", id: f.id }),
			...answers,
		};
		fake.server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
		fake.server.on("connection", (ws, request) => fake.#accept(ws, request));
		await once(fake.server, "listening");
		fake.url = `ws://127.0.0.1:${fake.server.address().port}`;
		return fake;
	}

	#accept(ws, request) {
		const c = {
			at: Date.now(), frames: [], url: request.url, ws,
			send: (frame) => ws.send(typeof frame === "string" ? frame : JSON.stringify(frame)),
			close: (code, reason) => ws.close(code, reason),
			of: (type) => c.frames.filter((f) => f.type === type),
		};
		this.connections.push(c);
		ws.on("error", () => {});
		ws.on("message", (text) => {
			const frame = JSON.parse(text);
			c.frames.push(frame);
			const answer = this.answers[frame.type]?.(frame, c);
			if (answer) c.send(answer);
		});
	}

	get last() {
		return this.connections.at(-1);
	}

	async stop() {
		for (const ws of this.server.clients) ws.terminate();
		this.server.close();
		await once(this.server, "close");
	}
}
