---@meta skynet.db.redis.crc16
-- Made by lua/doc/generate.py out of lua/doc/ref/redis-crc16.ref: edit it there.

---The module is a function: `crc16(text)` returns the CRC-16/XMODEM of a text, an integer from 0 to
---65535. A cluster of Redis servers places its keys by it.
---@class skynet.db.redis.crc16
local crc16 = {}

return crc16
