# shellcheck shell=bash
# For the lints: sourced by each. A lint says what is wrong as "file:line: sentence" and ends with
# 1; 77 means that it could not run here (tests/run.sh counts it as skipped).

cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C.UTF-8

# files PATTERN...: the files of the project (tracked, or new and not ignored), * crosses slashes.
# Without git (an unpacked archive, another owner) whatever lies there, but what is built.
files() {
	local pattern list=()
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard -- "$@" | while IFS= read -r f; do
			[ ! -f "$f" ] || printf '%s\n' "$f"
		done
		return
	fi
	for pattern; do
		list+=(-o -path "./$pattern")
	done
	find . \( -path ./.git -o -path ./build -o -path ./.deps -o -name node_modules -o -name __pycache__ \) \
		-prune -o -type f \( "${list[@]:1}" \) -print | sed 's|^\./||'
}

# A lint that looks at nothing would pass for ever.
[ -n "$(files '*.c')" ] || {
	echo "$0: there are no C files to look at"
	exit 1
}
