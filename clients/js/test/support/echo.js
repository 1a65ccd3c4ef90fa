// A program of its own: a WebSocket server that sends back what it gets, and nothing else.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
server.on("connection", (ws) => ws.on("message", (m) => ws.send(m, { binary: false })));
server.on("listening", () => console.log(server.address().port));
