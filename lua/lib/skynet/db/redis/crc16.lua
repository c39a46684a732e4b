-- SPDX-License-Identifier: MIT
-- skynet.db.redis.crc16: the module is the function. crc16(text) returns the CRC-16/XMODEM of the
-- text, an integer from 0 to 65535.
return require "skynet.db.redis.core".crc16
