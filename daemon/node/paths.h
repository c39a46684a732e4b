/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Where our own Lua files are, and whether a start service has a file at all. Any thread.
 */
#include <limits.h>
#include <stdbool.h>

/* The folder that holds lib/ and service/: beside the executable's source tree or in its installed
 * place, PREFIX/share/harbord/lua. 0, or -ENOENT. */
int paths_lua(char ret_path[PATH_MAX]);
/* The folder of our C modules that are shared objects: beside the executable where it was
 * built, or in its installed place, PREFIX/lib/harbord. 0, or -ENOENT. */
int paths_modules(char ret_path[PATH_MAX]);
/* The same for an executable in `directory`. */
int paths_lua_near(const char *directory, char ret_path[PATH_MAX]);
/* true: one of the ';'-separated templates with the service's name (the first word of `start`)
 * for '?' is a file that is there. */
bool paths_has_service(const char *templates, const char *start);
