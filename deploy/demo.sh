#!/bin/bash
# A short scene with real clients, played by deploy/quickstart.sh --demo: two clients listen in a
# room, a third and a backend publish there. Shows what each saw and checks it.
#
#   deploy/demo.sh build/release
set -u

build=${1:?usage: deploy/demo.sh build/release}
room=room:lobby
dir=$(mktemp -d)
gateway=
listeners=()

end() {
	local pid
	kill $gateway "${listeners[@]}" 2>/dev/null
	for pid in $gateway "${listeners[@]}"; do
		within 2 ended "$pid" || kill -KILL "$pid"
		wait "$pid"
	done 2>/dev/null
	rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT TERM

die() {
	echo "demo: $*" >&2
	if [ -s "$dir/gateway.log" ]; then
		echo "the gateway said:" >&2
		tail -n 10 "$dir/gateway.log" >&2
	fi
	exit 1
}

# within SECONDS COMMAND...: until the command succeeds
within() {
	local tries=$(($1 * 20))
	shift
	while ! "$@"; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.05
	done
}

ended() { ! kill -0 "$1" 2>/dev/null; }
address() { sed -n "s/.* event=gateway.ready .*\b$1=\([^ ]*\).*/\1/p" "$dir/gateway.log"; }
ready_or_ended() { ended "$gateway" || [ -n "$(address listen)" ]; }
both_listen() { [ "$(grep -l 'listening to' "$dir"/*.err | wc -l)" = 2 ]; }

# ---- a gateway on ports that the kernel chooses ----

"$build/roomcast-gateway" --listen=127.0.0.1:0 --admin-listen=127.0.0.1:0 --drain-ms=300 \
	--log-level=info --log-format=kv >"$dir/gateway.log" 2>&1 &
gateway=$!
within 10 ready_or_ended || die "the gateway does not become ready"
ended $gateway && die "the gateway does not start"
url=ws://$(address listen)/v1/ws
admin=http://$(address admin)
echo "gateway        listens on $url"

# ---- the scene ----

for name in anna ben; do
	timeout 20 "$build/roomcastctl" listen --url "$url" --count 2 $room >"$dir/$name" 2>"$dir/$name.err" &
	listeners+=($!)
done
within 10 both_listen || die "the two clients do not get into $room: $(cat "$dir"/*.err)"
echo "anna, ben      listen to $room (roomcastctl listen)"

hello='{"text":"hello from carla"}'
timeout 10 "$build/roomcastctl" publish --url "$url" $room chat "$hello" >"$dir/publish" 2>&1 ||
	die "carla's message was not acknowledged: $(cat "$dir/publish")"
echo "carla          published $hello (roomcastctl publish)"

news='{"text":"news from a backend"}'
answer=$(curl -sS --max-time 10 -XPOST "$admin/v1/publish" -H 'content-type: application/json' \
	-d "{\"topic\":\"$room\",\"event_type\":\"chat\",\"payload\":$news}" 2>&1) ||
	die "the HTTP request failed: $answer"
case $answer in
*'"receivers":2'*) ;;
*) die "the HTTP publish was answered: $answer (two receivers were expected)" ;;
esac
echo "a backend      published $news (HTTP), answered $answer"

for i in 0 1; do
	wait "${listeners[$i]}" || die "a client did not get its two messages: $(cat "$dir"/*.err)"
done
listeners=()
for name in anna ben; do
	sed "s/^/$name saw$(printf '%*s' $((7 - ${#name})) '')    /" "$dir/$name"
	[ "$(wc -l <"$dir/$name")" = 2 ] || die "$name should have seen two messages"
	sed -n 1p "$dir/$name" | grep -qF "$hello" || die "$name's first message should be carla's"
	sed -n 2p "$dir/$name" | grep -qF "$news" || die "$name's second message should be the backend's"
done

# ---- the end ----

kill -TERM $gateway
within 10 ended $gateway || die "the gateway does not end on SIGTERM"
wait $gateway
code=$?
gateway=
[ $code = 0 ] || die "the gateway ended with exit code $code, not 0"
echo "gateway        drained and ended on SIGTERM with exit code 0"
echo "demo: all as it should be"
