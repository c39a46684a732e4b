-- SPDX-License-Identifier: MIT
__nowaiting = true
back = "127.0.0.1:BACK_PORT"
down = false
