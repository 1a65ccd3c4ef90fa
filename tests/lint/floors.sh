#!/bin/bash
# Includes point down, and each third-party library is known to one place.
. "$(dirname "$0")/lib.sh"

files 'broker-common/*.[ch]' 'broker-common/*.def' 'gateway/*.[ch]' 'gateway/*.def' 'tools/*.[ch]' 'clients/*.[ch]' |
	xargs -r -d '\n' awk '
function floor(path)
{
	if (path ~ /^broker-common\//) return 0
	if (path ~ /^gateway\/base\//) return 1
	if (path ~ /^gateway\/tier\//) return 2
	if (path ~ /^gateway\/core\//) return 3
	if (path ~ /^gateway\/verbs\//) return 4
	if (path ~ /^gateway\/server\//) return 5
	if (path == "gateway/main.c") return 6
	return -1
}

function wrong(sentence)
{
	print FILENAME ":" FNR ": " sentence
	bad = 1
}

# the libraries: which files may include them
function library(header)
{
	if (header ~ /^event2\// || header == "event.h")
		return place("libevent", "^(gateway/base|gateway/tier/redis|tools|clients/c)/")
	if (header == "libwebsockets.h" || header ~ /^libwebsockets\//)
		return place("libwebsockets", "^(gateway/server|tools|clients/c)/|^gateway/base/lws_loop\\.[ch]$")
	if (header ~ /^hiredis\// || header ~ /^hiredis/)
		return place("hiredis", "^gateway/tier/redis/")
	if (header ~ /^curl\//)
		return place("libcurl", "^(tools/ctl/http|gateway/base/fetch)\\.c$")
	if (header ~ /^n?curses/)
		return place("ncurses", "^tools/ctl/")
	if (header == "ini.h")
		return place("inih", "^gateway/base/")
	if (header == "cmocka.h")
		return place("cmocka", "^tests/")
}

function place(name, where)
{
	if (FILENAME !~ where)
		wrong("includes " name ", which is known to " where " only")
}

/^[ \t]*#[ \t]*include[ \t]*</ {
	split($0, part, /[<>]/)
	library(part[2])
	next
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, part, "\"")
	seen++
	to = part[2]
	here = floor(FILENAME)
	there = floor(to)
	if (to !~ /\//)
		wrong("includes \"" to "\": write the whole path from the root of the repository")
	else if (FILENAME ~ /^tools\//) {
		if (to !~ /^(broker-common|clients|tools)\//)
			wrong("a tool includes \"" to "\": it may use broker-common and clients only")
	} else if (FILENAME ~ /^clients\//) {
		if (to !~ /^(broker-common|clients)\//)
			wrong("a client includes \"" to "\": it may use broker-common only")
	} else if (there < 0)
		wrong("includes \"" to "\", which is on no floor")
	else if (here < 0)
		wrong("this file is on no floor (broker-common, gateway/base, tier, core, verbs, server)")
	else if (there > here)
		wrong("includes \"" to "\" of floor " there " from floor " here ": includes point down")
	else if (FILENAME ~ /^gateway\/tier\/[^\/]*\// && to ~ /^gateway\/tier\/[^\/]*\//) {
		split(FILENAME, a, "/")
		split(to, b, "/")
		if (a[3] != b[3])
			wrong("one tier includes another one: \"" to "\"")
	} else if (FILENAME ~ /^gateway\/(core|verbs|server)\// && to ~ /^gateway\/tier\/[^\/]*\//)
		wrong("includes \"" to "\": above the tier only gateway/tier/*.h is known")
}

END {
	if (!bad && !seen) {
		print "floors.sh: no include found at all, something is wrong with this lint"
		bad = 1
	}
	exit bad
}'
