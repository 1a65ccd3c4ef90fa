/* Hidden or without a network: what fails now says nothing about the gateway. */
export const away = () => globalThis.document?.hidden || globalThis.navigator?.onLine === false;

/* Calls `look` at the moments at which a connection may have died or may be had again, until the returned function is
 * called. Outside of browsers there are none. */
export function watch(look) {
	const off = new AbortController();
	for (const type of ["visibilitychange", "pageshow", "online", "offline"])
		globalThis.addEventListener?.(type, look, { signal: off.signal });
	return () => off.abort();
}
