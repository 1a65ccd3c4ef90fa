// Random numbers that a run can repeat: ROOMCAST_SEED=N node --test …
const seed = Number(process.env.ROOMCAST_SEED) || (Math.random() * 2 ** 31 | 0);
let state = seed;

/* 0 to 1, like Math.random (mulberry32). */
export function random() {
	state = (state + 0x6d2b79f5) | 0;
	let t = Math.imul(state ^ (state >>> 15), 1 | state);
	t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
	return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

/* What fails says how to fail again. */
export async function seeded(body) {
	try {
		return await body();
	} catch (e) {
		e.message += `\n(ROOMCAST_SEED=${seed})`;
		throw e;
	}
}
