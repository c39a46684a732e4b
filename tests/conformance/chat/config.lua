-- SPDX-License-Identifier: MIT
root = "./"
thread = 4
harbor = 0
start = "main"
lualoader = root .. "lualib/loader.lua"
lua_path = root .. "lualib/?.lua;" .. root .. "lualib/?/init.lua"
luaservice = root .. "service/?.lua"
chat_port = 0
motd = "welcome to $CHAT_NAME"
