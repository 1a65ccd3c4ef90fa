#!/bin/bash
# What the tables say is in the documentation: every option, metric, verb, error and close code.
. "$(dirname "$0")/lib.sh"

bad=0
complain() {
	echo "$*"
	bad=1
}

# rows FILE: line number and the row's arguments, one row a line (rows begin in the first column)
rows() {
	grep -nE '^[A-Z_]+ ?\(' "$1" || complain "$1:1: no rows in this table"
}

# named WORD FILE...: whether one of the files has it as a word of its own
named() {
	local word=$1
	shift
	cat "$@" 2>/dev/null | grep -qE "(^|[^A-Za-z0-9_])$word([^A-Za-z0-9_]|\$)"
}

# table FILE SED KIND PAGE...: SED turns a row into the word that one of PAGE must contain
table() {
	local def=$1 extract=$2 kind=$3 line row word
	shift 3
	local pages="$*"
	if [ ! -f "$def" ]; then
		complain "$def:1: this table does not exist"
		return
	fi
	while IFS=: read -r line row; do
		word=$(sed -E "$extract" <<<"$row")
		if [ -z "$word" ] || [ "$word" = "$row" ]; then
			complain "$def:$line: this lint does not understand the row"
		elif ! named "$word" "$@"; then
			complain "$def:$line: $kind '$word' is not named in ${pages// / or }"
		fi
	done < <(rows "$def")
}

first='s/^[A-Z_]+ ?\( *([A-Za-z0-9_]+).*/\1/'
metric='s/^(COUNTER|BY_[A-Z]+) ?\( *([a-z0-9_]+).*/roomcast_\2_total/
	s/^(GAUGE|GAUGE_MS|HISTOGRAM) ?\( *([a-z0-9_]+).*/roomcast_\2/'
quoted='s/^[^"]*"([^"]+)".*/\1/'
table gateway/base/config.def "$first" option deploy/README.md gateway/README.md
table gateway/base/room_policy.def "$first" "a room's option" deploy/README.md gateway/README.md
table gateway/base/metrics.def "$metric" metric deploy/README.md
table broker-common/verbs.def "$quoted" verb broker-common/PROTOCOL.md
table broker-common/err.def "$quoted" error broker-common/PROTOCOL.md
table broker-common/close.def 's/^[A-Z_]+ ?\([^,]*, *([0-9]+).*/\1/' 'close code' broker-common/PROTOCOL.md
exit $bad
