#!/bin/bash
# No source file over 500 lines.
. "$(dirname "$0")/lib.sh"

files '*.c' '*.h' '*.def' '*.py' '*.js' '*.mjs' '*.sh' '*.lua' '*.cmake' '*.html' '*.css' CMakeLists.txt |
	xargs -r -d '\n' awk '
		FNR == 501 { print FILENAME ":501: over 500 lines; split it"; bad = 1 }
		END { exit bad }'
