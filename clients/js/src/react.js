/* Hooks. A component that is unmounted and mounted again at once (strict mode, a changed key) keeps its connection and its
 * room: what is not needed is given up a moment later. */
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { Client } from "./index.js";

const GIVE_UP_MS = 50;
const uses = new WeakMap(); // client or room → {n, timer}

/* Begins with the first use, ends some time after the last. */
function use(thing, begin, end) {
	const u = uses.get(thing) ?? { n: 0 };
	uses.set(thing, u);
	clearTimeout(u.timer);
	if (u.n++ === 0) begin();
	return () => {
		if (--u.n === 0) u.timer = setTimeout(end, GIVE_UP_MS);
	};
}

/* A client for that address, connected while a component that uses it is mounted. `options` count when it is made. */
export function useRoomcast(url, options) {
	const kept = useRef({});
	if (kept.current.url !== url) kept.current = { url, client: new Client(url, { ...options, connect: false }) };
	const { client } = kept.current;
	useEffect(() => use(client, () => client.connect().catch(() => {}), () => client.close()), [client]);
	const state = useSyncExternalStore((changed) => client.on("state", changed), () => client.state, () => "disconnected");
	return { client, state };
}

/* A room, joined while a component that uses it is mounted, with what there is to show of it. `onMessage` gets each
 * message; `info` counts when it is joined. */
export function useRoom(client, name, { presence, info, onMessage } = {}) {
	const room = client.room(name);
	const [view, setView] = useState({}); // of which room
	const listener = useRef(onMessage);
	useEffect(() => { listener.current = onMessage; });
	useEffect(() => {
		const show = (error = null) =>
			setView({ room, error, joined: room.joined, members: [...room.members.values()], count: room.count });
		const join = () => {
			if (!room.joined && client.state !== "disconnected" && client.state !== "failed") room.join({ presence, info }).catch((e) => e.name !== "left" && show(e));
		};
		const offs = [
			room.on("joined", () => show()),
			room.on("presence", () => show()),
			room.on("error", show),
			room.on("message", (m) => listener.current?.(m)),
			client.on("state", (state) => {
				show();
				if (state === "connecting") join(); // the client was mounted after us, or begins anew
			}),
			use(room, join, () => room.leave()),
		];
		show();
		return () => {
			for (const off of offs) off();
		};
	}, [client, room, presence]);
	return view.room === room ? view : { room, error: null, joined: room.joined, members: [], count: 0 };
}
