/* Frames keep the names they have on the wire: broker-common/PROTOCOL.md. */

export type State = "disconnected" | "connecting" | "connected" | "reconnecting" | "failed";
export type Quality = "good" | "fair" | "poor";
export type Off = () => void;

export interface Options {
	/** A token, or what gives one: called before each connect, and when the gateway says that one expires. */
	token?: string | (() => string | undefined | Promise<string | undefined>);
	/** Where there is no global one (Node 20): `import WebSocket from "ws"`. */
	WebSocket?: unknown;
	/** false: wait for `connect()`. */
	connect?: boolean;
	/** Attempts in a row without a welcome, then `failed` (10); Infinity: never. */
	maxAttempts?: number;
	/** From the token to the welcome (10000). */
	connectTimeoutMs?: number;
	/** For an answer, once a request is sent (10000). */
	requestTimeoutMs?: number;
	/** For any sign of life after a ping (10000, and no longer than the gateway's own patience). */
	answerTimeoutMs?: number;
	/** Between pings (as the gateway says). */
	pingIntervalMs?: number;
	/** Of the first wait; it doubles (1000) … */
	backoffMs?: number;
	/** … up to this (30000). */
	backoffMaxMs?: number;
	/** What may wait while there is no connection: so many messages (1000) … */
	queueMessages?: number;
	/** … and bytes (1 MiB). */
	queueBytes?: number;
	/** 0 to 1; for tests. */
	random?: () => number;
}

export interface RequestOptions {
	signal?: AbortSignal;
	timeoutMs?: number;
}

export interface PublishOptions extends RequestOptions {
	/** Sent again when in doubt; arrives once. For users: nobody's keys end with the connection. */
	once?: boolean;
	/** The key for that, where one has one. */
	key?: string;
	/** false: not to oneself. */
	echo?: boolean;
	priority?: "high" | "normal" | "low";
	/** `client:` and `user:` only: the receiver's `ack()` comes back as event `acked`. */
	ack?: boolean;
}

export interface Member<Info = unknown> {
	client: string;
	user?: string;
	info?: Info;
}

export interface Message<Payload = any> {
	type: "event";
	topic: string;
	event_type: string;
	/** Milliseconds since 1970. */
	ts: number;
	from?: { client: string; user?: string };
	id?: string;
	seq?: number;
	payload: Payload;
}

export interface Gap {
	topics: string[] | "*";
	/** The gateway's, or `reconnect`: between two connections; `hole`: a number is missing. */
	reason: "slow" | "tier" | "overload" | "reconnect" | "hole" | (string & {});
	count?: number;
}

export interface PresenceList<Info = unknown> {
	members?: Member<Info>[];
	count: number;
	users: number;
	rev: number;
}

/** A change (`joined`, `left`), a whole list (`members`), or, in rooms too large for names, counts alone. */
export interface Presence<Info = unknown> extends PresenceList<Info> {
	joined?: Member<Info>[];
	left?: Member<Info>[];
	users_joined?: string[];
	users_left?: string[];
}

export interface Published {
	id: number;
	/** Gateways that took it. */
	nodes?: number;
	duplicate?: boolean;
}

export interface Welcome {
	client: string;
	user?: string;
	node: string;
	version: string;
	features: string[];
	ping_interval_ms: number;
	client_timeout_ms: number;
	max_message_bytes: number;
	max_rate: number;
}

export interface Metrics {
	messagesIn: number;
	messagesOut: number;
	bytesIn: number;
	bytesOut: number;
	reconnects: number;
	errors: number;
	/** When the last message came, milliseconds since 1970; 0: none did. */
	lastMessageAt: number;
	uptimeMs: number;
	/** Of the pings; null before the first. */
	latencyMs: number | null;
	latencyP99Ms: number | null;
	queued: number;
	queuedBytes: number;
	unanswered: number;
}

export class RoomcastError extends Error {
	constructor(name: string, message: string, code?: number, closeCode?: number, cause?: unknown);
	/** The protocol's, or `not_connected`, `left`, `closed`, `kicked`, `unreachable`, `bad_frame`. */
	name: string;
	/** The protocol's number; 0: the library's own. */
	code: number;
	/** Of the connection, where that is the reason. */
	closeCode?: number;
}

export interface StateDetail {
	previous: State;
	client?: string;
	code?: number;
	reason?: string;
	error?: RoomcastError | null;
}

type ClientEvents = {
	state: [state: State, detail: StateDetail];
	retry: [retry: { afterMs: number; attempt: number; code: number; reason: string }];
	message: [message: Message];
	gap: [gap: Gap];
	error: [error: RoomcastError];
	acked: [acked: { id: number; by: { client: string; user?: string } }];
	reconnect: [request: { after_ms: number; reason: string }];
	expiring: [notice: { in_ms: number }];
};

type TopicEvents = {
	message: [message: Message];
	gap: [gap: Gap];
	joined: [how: { again: boolean }];
	error: [error: RoomcastError];
	presence: [presence: Presence];
};

declare class Emitter<Events extends Record<string, any[]>> {
	on<T extends keyof Events>(type: T, listener: (...args: Events[T]) => void): Off;
	off(type: string, listener: (...args: any[]) => void): void;
}

export class Topic extends Emitter<TopicEvents> {
	readonly client: Client;
	/** With its kind: `room:lobby`. */
	readonly name: string;
	/** Without: `lobby`. */
	readonly key: string;
	/** Confirmed by the gateway, on this connection. */
	readonly joined: boolean;
	on<T extends keyof TopicEvents>(type: T, listener: (...args: TopicEvents[T]) => void): Off;
	on<Payload = any>(eventType: string, listener: (message: Message<Payload>) => void): Off;
	publish(eventType: string, payload?: unknown, options?: PublishOptions): Promise<Published>;
	messages<Payload = any>(options?: { type?: string; limit?: number; signal?: AbortSignal }): AsyncGenerator<Message<Payload>, void, void>;
	[Symbol.asyncIterator](): AsyncGenerator<Message, void, void>;
}

export class Room<Info = any> extends Topic {
	readonly members: Map<string, Member<Info>>;
	readonly count: number;
	readonly users: number;
	join(options?: { presence?: boolean; info?: Info; signal?: AbortSignal }): Promise<Partial<PresenceList<Info>>>;
	leave(): Promise<void>;
	presence(options?: RequestOptions): Promise<PresenceList<Info>>;
}

// publish() has one argument less than a Topic's
export class EventType extends Emitter<TopicEvents> {
	readonly client: Client;
	readonly name: string;
	readonly key: string;
	readonly joined: boolean;
	subscribe(options?: { signal?: AbortSignal }): Promise<object>;
	unsubscribe(): Promise<void>;
	publish(payload?: unknown, options?: PublishOptions): Promise<Published>;
	messages<Payload = any>(options?: { type?: string; limit?: number; signal?: AbortSignal }): AsyncGenerator<Message<Payload>, void, void>;
	[Symbol.asyncIterator](): AsyncGenerator<Message, void, void>;
}

export class Client extends Emitter<ClientEvents> {
	constructor(url: string | URL, options?: Options);
	readonly state: State;
	readonly error: RoomcastError | null;
	readonly id: string | undefined;
	readonly user: string | undefined;
	readonly welcome: Welcome | null;
	readonly quality: Quality | null;
	readonly metrics: Metrics;
	connect(options?: { signal?: AbortSignal }): Promise<void>;
	close(): void;
	room<Info = any>(name: string): Room<Info>;
	event(type: string): EventType;
	topic(name: string): Topic;
	publish(topic: string, eventType: string | undefined, payload?: unknown, options?: PublishOptions): Promise<Published>;
	ping(options?: RequestOptions): Promise<number>;
	ack(...messages: Message[]): void;
	refresh(token?: string): Promise<unknown>;
}
