# Files as C arrays. embed_files(VAR GLOB...) puts the generated sources into VAR; demo/page.html
# becomes
#     extern const char demo_page_html[];    ends with a NUL that the length does not count
#     extern const size_t demo_page_html_len;
# The same file is the script that writes one of them.

if(CMAKE_SCRIPT_MODE_FILE)
	file(READ ${IN} hex HEX)
	string(REGEX REPLACE "(................................)" "\\1\n\t" hex "${hex}")
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
	file(WRITE ${OUT} "/* Written by cmake/embed.cmake. */
#include <stddef.h>

extern const char ${NAME}[];
extern const size_t ${NAME}_len;

const char ${NAME}[] = {
	${hex}0x00
};
const size_t ${NAME}_len = sizeof(${NAME}) - 1;
")
	return()
endif()

set(embed_script ${CMAKE_CURRENT_LIST_FILE})

function(embed_files var)
	file(GLOB files CONFIGURE_DEPENDS ${ARGN})
	set(sources "")
	foreach(file IN LISTS files)
		cmake_path(GET file PARENT_PATH parent)
		cmake_path(GET parent FILENAME parent)
		cmake_path(GET file FILENAME name)
		string(MAKE_C_IDENTIFIER "${parent}_${name}" name)
		set(out ${CMAKE_BINARY_DIR}/generated/embedded/${name}.c)
		add_custom_command(OUTPUT ${out} DEPENDS ${file} ${embed_script} VERBATIM
			COMMAND ${CMAKE_COMMAND} -DIN=${file} -DOUT=${out} -DNAME=${name} -P ${embed_script})
		list(APPEND sources ${out})
	endforeach()
	set(${var} ${sources} PARENT_SCOPE)
endfunction()
