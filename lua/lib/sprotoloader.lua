-- SPDX-License-Identifier: MIT
-- sprotoloader: schemas that all services of the process share, in slots 0 to 15. One service
-- registers, the others load. What was saved stays in memory: whoever loaded it may still use it.
local core = require "sproto.core"
local parser = require "sprotoparser"
local sproto = require "sproto"

local loader = {}

-- save(bundle, slot)
function loader.save(bundle, slot)
	local schema = core.newproto(bundle)
	if not schema then
		error("invalid sproto bundle", 2)
	end
	core.saveproto(schema, slot, bundle)
end

-- register(filename, slot): the schema text in a file. Raises if it cannot be read or parsed.
function loader.register(filename, slot)
	local file <close> = assert(io.open(filename, "rb"))
	loader.save(parser.parse(assert(file:read "a"), filename), slot)
end

-- load(slot) -> an object as of sproto.sharenew; raises if nothing was saved there.
function loader.load(slot)
	return sproto.sharenew(core.loadproto(slot))
end

return loader
