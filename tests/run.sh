#!/bin/bash
# Installs what build and tests need, builds, runs the tests and ends with one line that counts.
#
#   tests/run.sh              all parts
#   tests/run.sh --sanitize   C and integration tests, with everything built under ASan and UBSan
#   tests/run.sh --long       also what takes long: soak tests, minutes of fuzzing for each target, and
#                             docker-compose.yml for real (installs and starts Docker)
#   tests/run.sh --only PART  one part (may be repeated):
#                             lint unit cluster contract integration perf fuzz browser js compose
#
# What a part printed is in build/test-logs/PART.log. Exit 0: nothing failed.
set -um

root=$(cd "$(dirname "$0")/.." && pwd) && cd "$root" || exit 1
preset=release
long=
only=

bad_usage() {
	echo "tests/run.sh: $* (see tests/run.sh --help)" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	--sanitize) preset=asan ;;
	--long) long=1 ;;
	--only)
		case ${2-} in
		lint | unit | cluster | contract | integration | perf | fuzz | browser | js | compose) only="$only $2" ;;
		*) bad_usage "--only needs a part" ;;
		esac
		shift
		;;
	-h | --help)
		sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"
		exit 0
		;;
	*) bad_usage "unknown argument '$1'" ;;
	esac
	shift
done

parts="lint unit cluster contract integration perf fuzz browser js"
[ $preset = release ] || parts="unit cluster contract integration"
[ -z "$long" ] || [ $preset != release ] || parts="$parts compose"
parts=${only:-$parts}
jobs=$(nproc)
build=$root/build/$preset
logs=$root/build/test-logs
[ $preset = release ] || logs=$logs/$preset
mkdir -p "$logs"

# The tests ask these; nothing else of the caller's surroundings shall matter to them.
export ROOMCAST_BUILD=$build ROOMCAST_LONG=$long ROOMCAST_SANITIZE=
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTEST_ADDOPTS NODE_OPTIONS
for name in $(compgen -e ROOMCAST_); do
	case $name in
	ROOMCAST_BUILD | ROOMCAST_LONG | ROOMCAST_SANITIZE | ROOMCAST_DEPS) ;;
	*) unset "$name" ;; # an option of the gateway
	esac
done
# node trusts its own list of authorities; the machine's may have more
store=/etc/ssl/certs/ca-certificates.crt
[ -n "${NODE_EXTRA_CA_CERTS-}" ] || [ ! -r $store ] || export NODE_EXTRA_CA_CERTS=$store

# A finding ends the program (exit code 97) and leaves a file, so that none gets lost in a test that
# does not look at exit codes.
findings=$logs/findings
if [ $preset = asan ]; then
	ROOMCAST_SANITIZE=1
	common="log_path=$findings/report:exitcode=97:halt_on_error=1:print_stacktrace=1"
	# handle_segv=2: not cmocka, which would hide the report
	export ASAN_OPTIONS=$common:detect_leaks=1:handle_segv=2:strict_string_checks=1:detect_stack_use_after_return=1
	export UBSAN_OPTIONS=$common
fi

passed=0 failed=0 skipped=0
child=
trap 'echo; [ -z "$child" ] || kill -TERM -- "-$child" 2>/dev/null; exit 130' INT TERM

# limited SECONDS LOG COMMAND...: the command's exit code; it and its children end with us
limited() {
	local seconds=$1 log=$2
	shift 2
	timeout --foreground -k 10 "$seconds" "$@" >>"$log" 2>&1 </dev/null &
	child=$!
	wait $child
	local code=$?
	kill -KILL -- "-$child" 2>/dev/null # what it left behind
	child=
	[ $code != 124 ] || echo "run.sh: stopped, it took longer than $seconds s" >>"$log"
	return $code
}

# count PART PASSED FAILED SKIPPED SECONDS
count() {
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	printf '%-12s %s passed, %s failed%s (%s s)\n' "$1" "$2" "$3" "$([ "$4" = 0 ] || echo ", $4 skipped")" "$5"
	if [ "$3" != 0 ]; then
		echo "---- $logs/$1.log"
		grep -aE '^(FAILED|ERROR|not ok)|\[  (FAILED|ERROR) |\*\*\*|ERROR: .*Sanitizer|runtime error:' "$logs/$1.log" |
			sort -u | head -n 100
		echo "---- its end"
		tail -n 40 "$logs/$1.log"
		echo "----"
	fi
}

finish() {
	echo "$passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
	[ $failed = 0 ]
	exit
}

# ---- ground: packages, programs ----

wanted() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac }

deploy/install-deps.sh --tests || {
	failed=1
	finish
}

# build_preset NAME
build_preset() {
	local log=$logs/build-$1.log start=$SECONDS
	: >"$log"
	if limited 900 "$log" cmake --preset "$1" && limited 900 "$log" cmake --build --preset "$1" -j "$jobs"; then
		printf '%-12s %s (%s s)\n' built "$1" $((SECONDS - start))
	else
		count "build-$1" 0 1 0 $((SECONDS - start))
		return 1
	fi
}

if wanted unit || wanted cluster || wanted contract || wanted integration || wanted perf ||
	wanted browser || wanted js; then
	build_preset $preset || finish
fi

# ---- the parts: each sets p, f, s ----

part_lint() {
	local lint
	for lint in tests/lint/*.sh; do
		[ -x "$lint" ] || continue # the library
		echo "== $lint" >>"$log"
		limited 120 "$log" "$lint"
		case $? in
		0) p=$((p + 1)) ;;
		77) s=$((s + 1)) ;;
		*)
			f=$((f + 1))
			echo "FAILED $lint" >>"$log"
			;;
		esac
	done
}

# cmocka's tests are counted one by one; a program that ends badly besides counts as one more.
part_ctest() {
	limited $((long ? 3600 : 600)) "$log" \
		ctest --test-dir "$build" -L "^$1\$" -j "$jobs" --verbose --no-tests=error
	local code=$?
	read -r p f s < <(awk '
		match($0, /^[0-9]+: /) {
			n = substr($0, 1, RLENGTH - 2)
			line = substr($0, RLENGTH + 1)
			if (line ~ /^\[       OK \] /) ok++
			if (line ~ /^\[  SKIPPED \] [^ ]+$/) skipped[n, line]
			if (line ~ /^\[  (FAILED  |ERROR   )\] [^ ]+$/) {
				failed[n, line]
				has[n] = 1
			}
		}
		/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
			n = $0
			sub(/^[^#]*#/, "", n)
			sub(/:.*/, "", n)
			if ($0 !~ / Passed +[0-9.]+ sec/ && !has[n]) failed[n, "program"]
		}
		END {
			for (k in failed) bad++
			for (k in skipped) left++
			print ok + 0, bad + 0, left + 0
		}' "$log")
	[ $code = 0 ] || [ "$f" != 0 ] || f=1
}

# pytests DIRECTORY SECONDS ARGUMENT...
pytests() {
	local directory=$1 seconds=$2
	shift 2
	limited "$seconds" "$log" /usr/bin/python3 -s -m pytest "$directory" -q -p no:cacheprovider "$@"
	local code=$? n what
	while read -r n what; do
		case $what in
		passed | xpassed) p=$((p + n)) ;;
		failed | error | errors) f=$((f + n)) ;;
		skipped | xfailed) s=$((s + n)) ;;
		esac
	done < <(grep -aE '^(=+ )?[0-9]+ (passed|failed|skipped|errors?|xfailed|xpassed|warnings?|deselected).* in [0-9]' "$log" |
		tail -n 1 | grep -oE '[0-9]+ [a-z]+')
	[ $code = 0 ] || [ $f != 0 ] || f=1
}

# Most of these wait most of the time: four files at once.
part_integration() {
	pytests tests/integration $((long ? 7200 : 900)) -ra --timeout=$((long ? 1800 : 120)) --durations=5 \
		-n 4 --dist loadfile
}

# -rA: the log keeps the counts of every run
part_perf() {
	pytests tests/perf 300 -rA --timeout=120
	grep -aoE "(better|worse): [a-z-]+: [a-z]+ [0-9][^']*\$" "$log" | sort -u
}

# A target that runs clean is one test. New inputs stay in build/; findings in build/test-logs/.
part_fuzz() {
	local target name seconds=$((long ? 300 : 5))
	build_preset fuzz || {
		f=1
		return
	}
	for target in tests/fuzz/fuzz_*.c; do
		name=$(basename "$target" .c)
		name=${name#fuzz_}
		mkdir -p "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" "$logs/fuzz"
		echo "== fuzz_$name" >>"$log"
		if limited $((seconds + 60)) "$log" "build/fuzz/fuzz_$name" -max_total_time=$seconds -timeout=5 \
			-rss_limit_mb=2048 -print_final_stats=1 -verbosity=1 \
			-artifact_prefix="$logs/fuzz/$name-" "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"; then
			p=$((p + 1))
		else
			f=$((f + 1))
			echo "FAILED fuzz_$name" >>"$log"
		fi
	done
}

# docker-compose.yml for real; skipped where no engine can be started
part_compose() {
	deploy/install-deps.sh --compose >>"$log" 2>&1 || :
	ROOMCAST_LONG=1 pytests tests/compose 900 -ra --timeout=300
}

# node_tests SECONDS TEST...: with the packages that package-lock.json here names
node_tests() {
	local seconds=$1 n what code
	shift
	if ! cmp -s package-lock.json node_modules/.installed; then
		if ! limited 300 "$log" npm ci --no-audit --no-fund; then
			echo "FAILED npm ci" >>"$log"
			f=1
			return
		fi
		cp package-lock.json node_modules/.installed
	fi
	# one file after the other: some measure times
	limited "$seconds" "$log" node --test --test-concurrency=1 --test-reporter=tap "$@"
	code=$?
	while read -r what n; do
		case $what in
		pass) p=$n ;;
		fail | cancelled) f=$((f + n)) ;;
		skipped | todo) s=$((s + n)) ;;
		esac
	done < <(sed -n 's/^# \(pass\|fail\|cancelled\|skipped\|todo\) \([0-9]*\)$/\1 \2/p' "$log")
	[ $code = 0 ] || [ "$f" != 0 ] || f=1
}

find_chromium() {
	CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
		echo "no chromium here" >>"$log"
		return 1
	}
	export CHROMIUM
}

part_browser() {
	find_chromium || {
		s=1
		return
	}
	cd tests/browser && node_tests 300 *.test.js
	cd "$root" || exit 1
}

# Without chromium its own tests in a browser are skipped.
part_js() {
	if [ "$(node -p 'process.versions.node.split(".")[0] >= 20')" != true ]; then
		echo "needs node 20" >>"$log"
		s=1
		return
	fi
	find_chromium
	cd clients/js && node_tests 600 test/*.test.js
	cd "$root" || exit 1
}

rm -rf "$findings"
mkdir -p "$findings"
for part in $parts; do
	log=$logs/$part.log start=$SECONDS
	: >"$log"
	p=0 f=0 s=0
	case $part in
	unit | cluster | contract) part_ctest "$part" ;;
	*) "part_$part" ;;
	esac
	for report in "$findings"/*; do
		[ -e "$report" ] || continue
		cat "$report" >>"$log"
		f=$((f + 1))
	done
	rm -f "$findings"/*
	if [ $((p + f + s)) = 0 ]; then
		echo "run.sh: there is no test in this part" >>"$log"
		f=1
	fi
	count "$part" $p $f $s $((SECONDS - start))
done
finish
