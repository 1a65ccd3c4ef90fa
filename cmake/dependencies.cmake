# The third-party libraries, as deps::NAME. On Debian 12 two of them are in the private prefix
# .deps/ (see deploy/install-deps.sh), which is looked at first. Results are not kept in CMake's
# cache: whoever installs a library only has to run CMake again. Versions are read from the headers
# that will be compiled, as old ones may lie in the system's own directory.

set(deps $ENV{ROOMCAST_DEPS})
if(NOT deps)
	set(deps ${CMAKE_SOURCE_DIR}/.deps)
endif()

set(problems "")

# dependency(NAME HEADER header LIBS lib... MINIMUM version VERSION_IN header MACROS macro... [TIMES n])
# MACROS: one macro with the version in quotes, or three with the numbers.
function(dependency name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "HEADER;MINIMUM;VERSION_IN" "LIBS;MACROS")
	find_path(include ${arg_HEADER} HINTS ${deps}/usr/include NO_CACHE)
	set(paths "")
	foreach(lib IN LISTS arg_LIBS)
		find_library(path ${lib} HINTS ${deps}/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE} NO_CACHE)
		list(APPEND paths ${path})
		unset(path)
	endforeach()
	if(NOT include OR paths MATCHES "NOTFOUND")
		list(APPEND problems "${name} ${arg_MINIMUM} is missing (${arg_HEADER}, ${arg_LIBS})")
		set(problems ${problems} PARENT_SCOPE)
		return()
	endif()

	if(arg_MINIMUM)
		file(READ ${include}/${arg_VERSION_IN} text)
		set(numbers "")
		foreach(macro IN LISTS arg_MACROS)
			if(text MATCHES "#[ \t]*define[ \t]+${macro}[ \t]+\"?([0-9.]+)")
				list(APPEND numbers ${CMAKE_MATCH_1})
			endif()
		endforeach()
		list(JOIN numbers "." version)
		if(NOT version VERSION_GREATER_EQUAL arg_MINIMUM)
			list(APPEND problems "${name} '${version}' in ${include} is too old: ${arg_MINIMUM} is needed")
			set(problems ${problems} PARENT_SCOPE)
			return()
		endif()
	endif()

	add_library(deps::${name} INTERFACE IMPORTED)
	target_include_directories(deps::${name} INTERFACE ${include})
	target_link_libraries(deps::${name} INTERFACE ${paths})
	message(STATUS "${name} ${version} ${paths}")
endfunction()

dependency(cjson HEADER cjson/cJSON.h LIBS cjson MINIMUM 1.7.15 VERSION_IN cjson/cJSON.h
	MACROS CJSON_VERSION_MAJOR CJSON_VERSION_MINOR CJSON_VERSION_PATCH)
dependency(crypto HEADER openssl/evp.h LIBS crypto MINIMUM 3.0 VERSION_IN openssl/opensslv.h
	MACROS OPENSSL_VERSION_MAJOR OPENSSL_VERSION_MINOR OPENSSL_VERSION_PATCH)
dependency(ssl HEADER openssl/ssl.h LIBS ssl crypto)
dependency(event HEADER event2/event.h LIBS event MINIMUM 2.1.12 VERSION_IN event2/event-config.h
	MACROS EVENT__VERSION)
dependency(websockets HEADER libwebsockets.h LIBS websockets MINIMUM 4.3 VERSION_IN lws_config.h
	MACROS LWS_LIBRARY_VERSION_MAJOR LWS_LIBRARY_VERSION_MINOR LWS_LIBRARY_VERSION_PATCH)
dependency(hiredis HEADER hiredis/hiredis.h LIBS hiredis_ssl hiredis MINIMUM 1.2
	VERSION_IN hiredis/hiredis.h MACROS HIREDIS_MAJOR HIREDIS_MINOR HIREDIS_PATCH)
dependency(curl HEADER curl/curl.h LIBS curl MINIMUM 7.85 VERSION_IN curl/curlver.h MACROS LIBCURL_VERSION)
dependency(ncurses HEADER curses.h LIBS ncursesw tinfo)
dependency(inih HEADER ini.h LIBS inih)
dependency(cmocka HEADER cmocka.h LIBS cmocka)

if(problems)
	list(JOIN problems "\n  " problems)
	message(FATAL_ERROR "the build is missing something; deploy/install-deps.sh installs it:\n  ${problems}")
endif()
