---@meta skynet.datasheet
-- Made by lua/doc/generate.py out of lua/doc/ref/datasheet.ref: edit it there.

---Sheets as ordinary tables that follow updates in place. A table is filled when it is first looked
---at. After an update the same tables show the new content; one that is gone raises
---`Invalid proxy (index = N)`.
---@class skynet.datasheet
local datasheet = {}

---Returns a sheet.
---
---* Raises `the datasheet N is not there`; a name that was unknown stays so for this service
---* Since 0.1.0.
---@param name string
---@return table sheet
function datasheet.query(name) end

return datasheet
