-- SPDX-License-Identifier: MIT
include "common.lua"
harbor = 1
standalone = "127.0.0.1:$MASTER_PORT"
address = "127.0.0.1:$FIRST_PORT"
start = "writer"
