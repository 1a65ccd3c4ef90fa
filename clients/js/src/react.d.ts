import type { Client, Member, Message, Options, Room, RoomcastError, State } from "./index.js";

export function useRoomcast(url: string, options?: Options): { client: Client; state: State };

export interface RoomView<Info = any> {
	room: Room<Info>;
	joined: boolean;
	members: Member<Info>[];
	count: number;
	/** Why it could not be joined. */
	error: RoomcastError | null;
}

export function useRoom<Info = any>(client: Client, name: string,
	options?: { presence?: boolean; info?: Info; onMessage?: (message: Message) => void }): RoomView<Info>;
