#!/bin/sh
# Installs what the build needs, with --tests also what the tests need, with --compose what the test
# of docker-compose.yml needs. Silent and quick when all is there.
#
#   Debian 13                  everything from apt
#   Ubuntu 24.04 (untested)    the same
#   Debian 12                  its libwebsockets (4.1) and hiredis (0.14) are too old: Debian 13's
#                              packages of these two are unpacked into the private prefix .deps/,
#                              from the mirror that apt already uses, signatures verified by apt
#
# With --tests Debian may start its own Redis service; the tests start theirs and do not use it.
# ROOMCAST_DEPS names another prefix (several checkouts may share one).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
prefix=${ROOMCAST_DEPS:-$root/.deps}

say() { printf 'install-deps: %s\n' "$*" >&2; }
die() {
	say "$*"
	exit 1
}

tests=no
compose=no
for arg; do
	case $arg in
	--tests) tests=yes ;;
	--compose) compose=yes ;;
	-h | --help)
		sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"
		exit 0
		;;
	*) die "unknown argument '$arg' (known: --tests, --compose, --help)" ;;
	esac
done

# What to install. A package behind "command:" is left out when PATH has that command already.

build='gcc libc6-dev cmake ninja-build git curl ca-certificates
	libevent-dev libcjson-dev libssl-dev libinih-dev libcmocka-dev libcurl4-openssl-dev libncurses-dev'
test='python3 python3-pytest python3-pytest-timeout python3-pytest-xdist python3-websockets python3-requests python3-jsonschema python3-jwt python3-cryptography redis-server redis-tools
	valgrind clang clang-format procps iproute2 psmisc util-linux openssl tmux groff-base
	node:nodejs npm:npm'
engine='docker:docker.io dockerd:docker.io docker-compose:docker-compose iptables:iptables mmdebstrap:mmdebstrap
	python3 python3-pytest python3-pytest-timeout python3-websockets openssl'

ID=unknown VERSION_ID=
[ ! -r /etc/os-release ] || . /etc/os-release
private=no
case "$ID $VERSION_ID" in
"debian 12")
	# libwebsockets.h includes sys/capability.h; the unpacked libraries need libcap2, libssl3, zlib1g
	build="$build libcap-dev zlib1g debian-archive-keyring"
	test="$test libclang-rt-14-dev chromium"
	private=yes
	;;
"debian 13")
	build="$build libwebsockets-dev libhiredis-dev"
	test="$test libclang-rt-19-dev chromium"
	engine="docker:docker-cli $engine"
	;;
"ubuntu 24.04")
	build="$build libwebsockets-dev libhiredis-dev"
	test="$test libclang-rt-18-dev chromium:chromium-browser"
	;;
*)
	die "'$ID $VERSION_ID' is not a system this script knows (Debian 12 and 13, Ubuntu 24.04).
  Install by hand, with headers:
    libwebsockets >= 4.3, hiredis >= 1.2 with SSL, libevent >= 2.1.12, cJSON >= 1.7.15,
    OpenSSL >= 3.0, inih, cmocka >= 1.1.5, libcurl >= 7.85, ncurses; cmake >= 3.25, ninja, a C11 compiler
  and build with: cmake --preset release && cmake --build --preset release
  For the tests also:
    python3 with pytest, pytest-timeout, pytest-xdist, websockets, requests, jsonschema and PyJWT (with cryptography);
    redis-server, valgrind, clang with its run-time library, clang-format 14, node >= 18 with npm, chromium, tmux, groff"
	;;
esac
[ $tests = no ] || build="$build $test"
[ $compose = no ] || build="$build $engine"

# Debian 13's keys came with Debian 12.11's version of debian-archive-keyring
keys_too_old() {
	v=$(dpkg-query -W -f '${Version}' debian-archive-keyring 2>/dev/null) || v=0
	dpkg --compare-versions "$v" lt 2023.3+deb12u2
}

missing_packages() {
	wanted=
	for p in $build; do
		case $p in
		*:*) command -v "${p%%:*}" >/dev/null || wanted="$wanted ${p#*:}" ;;
		*) wanted="$wanted $p" ;;
		esac
	done
	have=$(dpkg-query -W -f '${Package}:${db:Status-Status}\n' $wanted 2>/dev/null) || :
	for p in $wanted; do
		case "
$have
" in
		*"
$p:installed
"*) ;;
		*) printf ' %s' "$p" ;;
		esac
	done
	if [ $private = yes ] && keys_too_old; then
		printf ' debian-archive-keyring'
	fi
}

# The libraries' directory in the prefix is usr/lib/TRIPLE; there is one triple only.
private_complete() {
	grep -qs 'LWS_LIBRARY_VERSION_MINOR 3' "$prefix/usr/include/lws_config.h" &&
		grep -qs 'HIREDIS_MINOR 2' "$prefix/usr/include/hiredis/hiredis.h" &&
		[ -e "$(echo "$prefix"/usr/lib/*/libwebsockets.so)" ] &&
		[ -e "$(echo "$prefix"/usr/lib/*/libhiredis_ssl.so)" ]
}

all_there() {
	missing=$(missing_packages)
	[ -z "$missing" ] && { [ $private = no ] || private_complete; }
}

! all_there || exit 0

# One at a time in a checkout; who waited looks again.
exec 9<"$root"
flock 9
! all_there || exit 0

if [ -n "$missing" ]; then
	if [ "$(id -u)" = 0 ]; then
		sudo=
	else
		sudo=sudo
		command -v sudo >/dev/null || die "needs root (or sudo) to install:$missing"
	fi
	say "installing:$missing"
	apt="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3"
	log=$(mktemp)
	# a source of the machine that does not answer need not concern us: installing tells
	$apt update >"$log" 2>&1 9<&- || say "apt-get update: $(tail -n 2 "$log")"
	if ! $apt install -y --no-install-recommends $missing >"$log" 2>&1 9<&-; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		die "apt-get could not install:$missing"
	fi
	rm -f "$log"
fi
[ $private = yes ] || exit 0
! private_complete || exit 0

# Debian 13's two libraries. The mirror is the one of the machine's own "bookworm main".
say "unpacking libwebsockets and hiredis of Debian 13 into $prefix"
uri=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
	'Identifier: Packages' |
	awk '($2 == "bookworm" || $2 == "oldstable") && $3 == "main" { print $1; exit }')
[ -n "$uri" ] || die "no 'bookworm main' in apt's sources to take Debian 13's packages from"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/lists/partial" "$tmp/cache/archives/partial" "$tmp/root"
key=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$key] $uri trixie main" >"$tmp/sources.list"
: >"$tmp/status"
cat >"$tmp/apt.conf" <<EOT
Dir::Etc::sourcelist "$tmp/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$tmp/lists";
Dir::State::status "$tmp/status";
Dir::Cache "$tmp/cache";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Update::Error-Mode "any";
APT::Sandbox::User "root";
EOT
apt="apt-get -qq -c $tmp/apt.conf"
$apt update >"$tmp/log" 2>&1 || {
	tail -n 5 "$tmp/log" >&2
	die "no signed Debian 13 at $uri (a mirror without trixie, or older keys than debian-archive-keyring 2023.3+deb12u2)"
}
cd "$tmp/root"
$apt download libwebsockets19t64 libwebsockets-dev libhiredis1.1.0 libhiredis-dev >"$tmp/log" 2>&1 || {
	tail -n 5 "$tmp/log" >&2
	die "could not download Debian 13's packages from $uri"
}
for deb in *.deb; do
	dpkg-deb -x "$deb" .
	rm "$deb"
done
# these name /usr and files that are not unpacked here: nobody may find them
rm -rf usr/lib/*/cmake usr/lib/*/pkgconfig usr/share
for so in usr/lib/*/lib*.so; do
	# hiredis_ssl needs its neighbour hiredis, which programs find by their RUNPATH
	if LD_LIBRARY_PATH=$(dirname "$PWD/$so") ldd "$so" 2>&1 | grep 'not found' >&2; then
		die "$so of Debian 13 does not fit this system"
	fi
done
rm -rf "$prefix"
mkdir -p "$(dirname "$prefix")"
cd /
mv "$tmp/root" "$prefix"
chmod 755 "$prefix"
private_complete || die "Debian 13's packages at $uri are not the versions expected (libwebsockets 4.3, hiredis 1.2)"
