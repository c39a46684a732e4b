-- SPDX-License-Identifier: MIT
include "config.lua"
start = "client"
