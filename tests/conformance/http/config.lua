-- SPDX-License-Identifier: MIT
thread = 2
harbor = 0
luaservice = "./?.lua"
start = "main"
