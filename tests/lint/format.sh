#!/bin/bash
# Every C file looks as .clang-format says (clang-format 14; others differ in small things).
. "$(dirname "$0")/lib.sh"

tool=$(command -v clang-format-14 || command -v clang-format)
case $("$tool" --version 2>/dev/null) in
*"version 14."*) ;;
*)
	echo "format.sh: needs clang-format 14, this system has another"
	exit 77
	;;
esac
files '*.c' '*.h' | xargs -r "$tool" --style=file --dry-run -Werror 2>&1 |
	grep 'error:' | sort -u -t: -k1,1 -k2,2n | sed 's/: error:.*/: not as .clang-format says (clang-format -i mends it)/'
[ "${PIPESTATUS[1]}" = 0 ]
