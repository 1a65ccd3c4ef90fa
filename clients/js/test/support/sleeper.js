// A program of its own, that a test stops and continues like a laptop whose lid is closed: tells its states.
import WebSocket from "ws";
import { Client } from "roomcast";

const [url] = process.argv.slice(2);
const c = new Client(url, { WebSocket, pingIntervalMs: 200, answerTimeoutMs: 300, backoffMs: 100, maxAttempts: Infinity });
const r = c.room("r");
c.on("state", (state) => console.log(state));
c.on("retry", ({ afterMs }) => console.log("retry", afterMs <= 1000));
r.on("joined", () => console.log("joined"));
await r.join();
