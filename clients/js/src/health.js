/* What a client counts, and what it makes of it. */
const SAMPLES = 128;
const RECENT = 8; // pings that tell the quality
const GOOD = { latency: 150, jitter: 50, missed: 0 };
const FAIR = { latency: 400, jitter: 150, missed: 1 };

/* Bytes of the text. Most texts are ASCII, which is told faster than it is encoded. */
export const utf8Length = (text) => (/[^\x00-\x7f]/.test(text) ? new TextEncoder().encode(text).length : text.length);

export function makeHealth() {
	const latencies = []; // of the last pings, oldest first
	const misses = []; // the same, 1: not answered in time
	const note = (list, value, most) => list.push(value) > most && list.shift();
	const sum = (list) => list.reduce((a, b) => a + b, 0);
	const sorted = (list) => [...list].sort((a, b) => a - b);

	const health = {
		counts: { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, reconnects: 0, errors: 0, lastMessageAt: 0 },
		connectedAt: 0,

		received(bytes) {
			health.counts.messagesIn++;
			health.counts.bytesIn += bytes;
			health.counts.lastMessageAt = Date.now();
		},

		sent(bytes) {
			health.counts.messagesOut++;
			health.counts.bytesOut += bytes;
		},

		/* What a link tells. */
		on: {
			ping(ms) {
				note(latencies, ms, SAMPLES);
				note(misses, 0, RECENT);
			},
			missed() {
				note(misses, 1, RECENT);
			},
		},

		/* Latency is of all samples here and of the last few in `quality`. */
		metrics() {
			const all = sorted(latencies), n = all.length;
			return {
				...health.counts,
				uptimeMs: health.connectedAt && Date.now() - health.connectedAt,
				latencyMs: n ? sum(all) / n : null,
				latencyP99Ms: n ? all[Math.ceil(n * 0.99) - 1] : null,
			};
		},

		quality() {
			const recent = latencies.slice(-RECENT), n = recent.length;
			if (n === 0) return null;
			const latency = sorted(recent)[n >> 1], missed = sum(misses);
			const jitter = sum(recent.map((ms, i) => Math.abs(ms - recent[i && i - 1]))) / n;
			const within = (most) => latency <= most.latency && jitter <= most.jitter && missed <= most.missed;
			return within(GOOD) ? "good" : within(FAIR) ? "fair" : "poor";
		},
	};
	return health;
}
