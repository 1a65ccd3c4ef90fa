// A program of its own, that a test stops and continues like a laptop whose lid is closed: tells its states.
import WebSocket from "ws";
import { Client } from "roomcast";

const [url, pingIntervalMs, answerTimeoutMs] = process.argv.slice(2);
const c = new Client(url, {
	WebSocket, pingIntervalMs: Number(pingIntervalMs), answerTimeoutMs: Number(answerTimeoutMs), backoffMs: 100, maxAttempts: Infinity,
});
const r = c.room("r");
c.on("state", (state) => console.log(state));
c.on("retry", ({ afterMs }) => console.log("retry", afterMs <= 1000));
r.on("joined", () => console.log("joined"));
await r.join();
