-- SPDX-License-Identifier: MIT
include "common.lua"
harbor = 2
address = "127.0.0.1:$SECOND_PORT"
start = "reader"
