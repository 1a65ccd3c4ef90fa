#!/bin/bash
# The images that deploy/Dockerfile and docker-compose.yml begin with, where no registry can be
# reached: debian:trixie-slim from the packages of the mirror that apt here already uses, and on it
# stand-ins for redis, haproxy, prometheus and nginx (tests/compose/images), which local-images.yml
# puts in the place of the originals. Where there is a registry, debian:trixie-slim is pulled.
#
#   tests/compose/base-images.sh          what is missing (half a minute for all)
#   tests/compose/base-images.sh --again  all of them anew
#
# Needs root, a Docker engine and mmdebstrap. An image named debian:trixie-slim that is here already
# is taken as it is.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
base=debian:trixie-slim
key=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf 'base-images: %s\n' "$*" >&2; }
die() {
	say "$*"
	exit 1
}

again=no
case ${1-} in
'') ;;
--again) again=yes ;;
-h | --help)
	sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"
	exit 0
	;;
*) die "unknown argument '$1' (known: --again, --help)" ;;
esac

have() { [ $again = no ] && docker image inspect "$1" >/dev/null 2>&1; }

tar=$(mktemp) log=$(mktemp)
trap 'rm -f "$tar" "$log"' EXIT
docker info >/dev/null 2>&1 || die "no Docker engine answers"

# mirror RELEASE: where this machine takes Debian's RELEASE from, bookworm and trixie look alike
mirror() {
	apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
		awk -v r="$1" '$3 == "main" && ($2 == "bookworm" r || $2 == "trixie" r) { print $1; exit }'
}

if ! have $base && ! docker pull -q $base >/dev/null 2>&1; then
	command -v mmdebstrap >/dev/null || die "mmdebstrap is not installed"
	uri=$(mirror '')
	security=$(mirror -security)
	[ -n "$uri" ] || die "apt has no Debian mirror here to take packages from"
	sources=("deb [signed-by=$key] $uri trixie main")
	[ -z "$security" ] || sources+=("deb [signed-by=$key] $security trixie-security main")
	say "making $base from $uri"
	# apt's two caches of its lists would be a third of the image; documentation nobody reads there
	mmdebstrap --quiet --mode=root --variant=minbase --format=tar \
		--aptopt='Dir::Cache::pkgcache ""' --aptopt='Dir::Cache::srcpkgcache ""' \
		--aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
		--customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin' \
		trixie "$tar" "${sources[@]}"
	docker import --change 'CMD ["bash"]' "$tar" $base >/dev/null
fi

for dockerfile in "$here"/images/*.Dockerfile; do
	name=$(basename "$dockerfile" .Dockerfile)
	have "roomcast-local/$name" && continue
	say "making roomcast-local/$name"
	docker build -q -t "roomcast-local/$name" -f "$dockerfile" "$here/images" >/dev/null 2>"$log" || {
		cat "$log" >&2
		die "$dockerfile cannot be built"
	}
done
