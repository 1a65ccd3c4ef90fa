# Modules of JavaScript inside of a page, so that the page stays one file that may be allowed by its hash.
# inline_modules(OUT PAGE NAMES MODULE...) replaces <script src="modules.js"></script> in PAGE by the modules, in
# the order in which they are given (each after those that it imports), with NAMES of theirs for the page's own script.
# Modules have no import but of each other, one line each, and no two have a name in common.

function(inline_modules out page names)
	file(READ ${page} html)
	set(code "")
	foreach(module IN LISTS ARGN)
		file(READ ${module} text)
		string(REGEX REPLACE "(^|\n)import [^\n]*" "\\1" text "${text}")
		string(REGEX REPLACE "(^|\n)export " "\\1" text "${text}")
		string(APPEND code "${text}")
	endforeach()
	set(tag "<script src=\"modules.js\"></script>")
	string(FIND "${html}" "${tag}" at)
	if(at EQUAL -1)
		message(FATAL_ERROR "${page} has no ${tag}")
	endif()
	string(REPLACE "${tag}" "<script>\n\"use strict\";\nconst { ${names} } = (() => {\n${code}return { ${names} };\n})();\n</script>"
		html "${html}")
	file(CONFIGURE OUTPUT ${out} CONTENT "${html}" @ONLY) # leaves it alone when nothing has changed
	set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${page} ${ARGN})
endfunction()
