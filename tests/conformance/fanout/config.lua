-- SPDX-License-Identifier: MIT
thread = 4
harbor = 0
luaservice = "./?.lua"
