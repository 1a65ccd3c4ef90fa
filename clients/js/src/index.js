export { Client } from "./client.js";
export { RoomcastError } from "./error.js";
