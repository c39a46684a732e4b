-- SPDX-License-Identifier: MIT
thread = 2
harbor = 0
luaservice = "./?.lua"
logservice = "snlua"
logger = "mylogger"
logfile = "./my.log"
