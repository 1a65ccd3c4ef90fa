#!/bin/bash
# What alert rules and the dashboard ask for exists: every metric that they name is one of
# gateway/base/metrics.def, or one that metrics.c writes besides. And every alert has its paragraph.
. "$(dirname "$0")/lib.sh"

known=$(
	sed -nE 's/^(COUNTER|BY_[A-Z]+) ?\( *([a-z0-9_]+).*/roomcast_\2_total/p
		s/^GAUGE(_[A-Z]+)? ?\( *([a-z0-9_]+).*/roomcast_\2/p
		s/^HISTOGRAM ?\( *([a-z0-9_]+).*/roomcast_\1_bucket\nroomcast_\1_sum\nroomcast_\1_count/p' gateway/base/metrics.def
	grep -oE '"(roomcast|process)_[a-z0-9_]+"' gateway/base/metrics.c | tr -d '"'
)
bad=0
for file in deploy/prometheus/rules.yml deploy/prometheus/rules_test.yml deploy/grafana/roomcast.json; do
	used=$(grep -onE '\b(roomcast|process)_[a-z0-9_]+' "$file") || {
		echo "$file:1: names no metric at all"
		bad=1
	}
	while IFS=: read -r line name; do
		grep -qxF "$name" <<<"$known" || {
			echo "$file:$line: there is no metric '$name' (gateway/base/metrics.def)"
			bad=1
		}
	done <<<"$used"
done
while IFS=: read -r line name; do
	grep -qF "**$name**" deploy/README.md || {
		echo "deploy/prometheus/rules.yml:$line: deploy/README.md does not say what to do when $name fires"
		bad=1
	}
done < <(sed -nE 's/^ *- alert: //;T;=;p' deploy/prometheus/rules.yml | paste -d: - -)
exit $bad
