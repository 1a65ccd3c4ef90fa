#!/bin/bash
# Every gateway of docker-compose.yml anew, one after the other, from the image and the settings of
# now: a new one is started; when it is ready an old one is told to end (SIGTERM), which sends its
# clients away over drain_ms, and they land on the others. There are never fewer than before.
#
#   deploy/rolling-restart.sh           after changed settings
#   deploy/rolling-restart.sh --build   after changed sources
#
# COMPOSE_FILE and COMPOSE_PROJECT_NAME are heeded as docker-compose does.
set -euo pipefail

cd "$(dirname "$0")/.."
ready_within=60 # seconds for a new one to become healthy
ends_within=60  # seconds, more than drain_grace_ms + drain_ms; then it is killed

say() { printf 'rolling-restart: %s\n' "$*"; }
die() {
	say "$*" >&2
	exit 1
}

build=no
case ${1-} in
'') ;;
--build) build=yes ;;
-h | --help)
	sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"
	exit 0
	;;
*)
	echo "rolling-restart: unknown argument '$1' (known: --build, --help)" >&2
	exit 2
	;;
esac

if docker compose version >/dev/null 2>&1; then
	compose='docker compose'
else
	compose=docker-compose
	command -v $compose >/dev/null || die "neither 'docker compose' nor docker-compose is here"
fi

scale_to() { $compose up -d --no-deps --no-recreate --scale gateway="$1" gateway >/dev/null 2>&1; }

health() { docker inspect -f '{{.State.Health.Status}}' "$1" 2>/dev/null || echo gone; }

wait_healthy() {
	local end=$((SECONDS + ready_within))
	until [ "$(health "$1")" = healthy ]; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

[ $build = no ] || $compose build gateway
old=$($compose ps -q gateway)
[ -n "$old" ] || die "no gateway runs"
n=$(wc -l <<<"$old")
for container in $old; do
	before=$($compose ps -q gateway)
	scale_to $((n + 1)) || die "no gateway could be added"
	new=$($compose ps -q gateway | grep -vxF "$before") || die "no gateway was added"
	wait_healthy "$new" || {
		docker logs --tail 20 "$new" >&2
		docker rm -f "$new" >/dev/null
		die "the new one did not become ready within $ready_within s; it is taken away, the others were not touched"
	}
	docker stop -t $ends_within "$container" >/dev/null
	docker rm "$container" >/dev/null
	say "${container:0:12} replaced by ${new:0:12}"
done
