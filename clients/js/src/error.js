/* What went wrong. `name` is the protocol's (`room_full`) or one of the library's own (clients/README.md), `code`
 * the protocol's number (0: the library's own), `closeCode` the connection's where that is the reason. */
export class RoomcastError extends Error {
	constructor(name, message, code = 0, closeCode = undefined, cause = undefined) {
		super(message, { cause });
		this.name = name;
		this.code = code;
		this.closeCode = closeCode;
	}
}

/* An `error` frame, or the `error` of one item of a list. */
export const errorOf = ({ name, message, code }) => new RoomcastError(name, message, code);

export const uncertain = (why) => new RoomcastError("uncertain", why, 1202);
export const queueFull = (why) => new RoomcastError("queue_full", why, 1107);

/* A promise of what `start(done)` begins and `done(error, value)` ends. When `signal` ends it, what `start` returned
 * is called. */
export function promised(signal, start) {
	return new Promise((resolve, reject) => {
		signal?.throwIfAborted();
		const abort = () => {
			forget?.();
			reject(signal.reason);
		};
		const forget = start((error, value) => {
			signal?.removeEventListener("abort", abort);
			if (error) reject(error);
			else resolve(value);
		});
		signal?.addEventListener("abort", abort);
	});
}
