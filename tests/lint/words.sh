#!/bin/bash
# Nothing unfinished, and nothing that only means something on one machine.
. "$(dirname "$0")/lib.sh"

bad=0
forbid() { # pattern, sentence
	files '*' | grep -vx 'tests/lint/words.sh' | xargs -r -d '\n' grep -nHIE -e "$1" |
		cut -c1-160 | sed "s|\$|   <- $2|" | grep . && bad=1
}
forbid '\b(TODO|FIXME|XXX|HACK)\b' 'unfinished'
forbid '(^|[^A-Za-z0-9_.$}])/(work|home|root)/' 'a path of one machine'
forbid '(^|[^A-Za-z0-9_/.-])shared/' 'a path outside the project'
forbid '\b(deb|security|ftp|archive|snapshot)\.(debian|ubuntu)\.(org|com)\b|\bregistry\.npmjs|\bregistry\.yarnpkg|\bpypi\.(org|python)|\bpythonhosted\.org|\bnodesource\.com|\bdocker\.io/|\bghcr\.io|\bquay\.io|\bproxy\.golang' \
	'the host of a package registry'
exit $bad
