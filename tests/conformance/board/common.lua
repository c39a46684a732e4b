-- SPDX-License-Identifier: MIT
thread = 2
master = "127.0.0.1:$MASTER_PORT"
luaservice = "./?.lua"
