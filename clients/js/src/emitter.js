/* Listeners by type. One that throws is reported as an uncaught exception; the others are still called. */
export class Emitter {
	#listeners = new Map();

	/* Returns a function that takes the listener away again. */
	on(type, listener) {
		if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
		this.#listeners.get(type).add(listener);
		return () => this.off(type, listener);
	}

	off(type, listener) {
		this.#listeners.get(type)?.delete(listener);
	}

	/* Who is added meanwhile counts from the next time on. */
	_emit(type, ...args) {
		for (const listener of [...this.#listeners.get(type) ?? []]) {
			try {
				listener(...args);
			} catch (e) {
				queueMicrotask(() => { throw e; });
			}
		}
	}
}
