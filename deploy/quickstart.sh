#!/bin/bash
# From a checkout to a running gateway: installs what is missing, builds, starts it in the
# foreground and says what to try. Ctrl-C ends it.
#
#   deploy/quickstart.sh             clients on 127.0.0.1:8000, operators on 127.0.0.1:8001
#   deploy/quickstart.sh --port N    the same on the ports N and N+1
#   deploy/quickstart.sh --demo      plays a short scene with real clients instead, and ends
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
build=build/release

die() {
	echo "quickstart: $*" >&2
	exit 1
}

usage() {
	echo "quickstart: $* (see deploy/quickstart.sh --help)" >&2
	exit 2
}

port=8000
demo=no
while [ $# -gt 0 ]; do
	case $1 in
	--demo) demo=yes ;;
	--port)
		[[ ${2-} =~ ^[1-9][0-9]{0,4}$ ]] && [ "$2" -lt 65535 ] || usage "--port needs a number from 1 to 65534"
		port=$2
		shift
		;;
	-h | --help)
		sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"
		exit 0
		;;
	*) usage "unknown argument '$1'" ;;
	esac
	shift
done

deploy/install-deps.sh

mkdir -p build
log=build/quickstart.log
[ -x $build/roomcast-gateway ] || echo "building in $build ..."
if ! { cmake --preset release && cmake --build --preset release --target roomcast-gateway roomcastctl; } >$log 2>&1; then
	tail -n 30 $log >&2
	die "the build failed (all of it in $log)"
fi

[ $demo = no ] || exec deploy/demo.sh $build

for p in "$port" $((port + 1)); do
	if (: <"/dev/tcp/127.0.0.1/$p") 2>/dev/null; then
		die "port $p is in use on this machine: stop what uses it, or take another with --port N"
	fi
done

url='' admin=http://127.0.0.1:$((port + 1))
[ "$port" = 8000 ] || url=" --url ws://127.0.0.1:$port/v1/ws"
cat <<EOT

Open    http://127.0.0.1:$port/    twice, and talk to yourself

or copy these lines into other terminals, here in $root:

  $build/roomcastctl listen$url room:lobby
  $build/roomcastctl publish$url room:lobby chat '{"text":"hello"}'
  curl -s -XPOST $admin/v1/publish -H 'content-type: application/json' -d '{"topic":"room:lobby","event_type":"chat","payload":{"text":"hello"}}'

Ctrl-C ends the gateway.

EOT
exec $build/roomcast-gateway --listen=127.0.0.1:"$port" --admin-listen=127.0.0.1:$((port + 1)) --demo-page=on
