-- SPDX-License-Identifier: MIT
thread = 2
harbor = 0
luaservice = "./?.lua"
cpath = "./cservice/?.so"
lua_cpath = "./luaclib/?.so"
