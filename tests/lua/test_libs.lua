-- SPDX-License-Identifier: MIT
-- Standard libraries that open when used: no program can tell. Each text runs in
-- a state where nothing was touched before.
local skynet = require "skynet"
local tap = require "tap"
local equal = tap.equal

-- Texts travel as service arguments, which blanks would cut; a form feed is a blank for Lua only.
local function fresh(text)
	return skynet.call(skynet.newservice("lazy", (text:gsub("%s+", "\f"))), "lua")
end

local names = [[_G _VERSION assert collectgarbage coroutine debug dofile error getmetatable io
	ipairs load loadfile math next os package pairs pcall print rawequal rawget rawlen rawset
	require select setmetatable string table tonumber
	tostring type utf8 warn xpcall]]

tap.run {
	{ "pairs, next and rawget find everything", function()
		for _, how in ipairs {
			"local t={} for k in pairs(_G) do t[k]=true end return t",
			"local t={} local k=next(_G) while k do t[k]=true k=next(_G,k) end "
			.. "return t",
			"local t={} for w in ([[" .. names
				.. "]]):gmatch[[%S+]] do t[w]=rawget(_G,w)~=nil end return t",
			"local t={} for k in next,_G do t[k]=true end return t",
		} do
			local seen = fresh(how)
			for name in names:gmatch "%S+" do
				if not seen[name] then error(name .. " is not found by " .. how) end
			end
		end
	end },
	{ "the table of globals has no metatable and takes one", function()
		equal(fresh "return getmetatable(_G)==nil", true)
		equal(fresh "return debug.getmetatable(_G)==nil", true)
		equal(fresh("local mt={__index=function(_,k) return k end} setmetatable(_G,mt) "
			.. "return print==rawget(_G,'print') and foo"),
			"foo")
		equal(fresh("debug.setmetatable(_G,{__index=function() return 1 end}) "
			.. "return math.type(foo)"), "integer")
	end },
	{ "what a program takes away stays away", function()
		equal(fresh "print=nil return print==nil and type(tostring)", "function")
		equal(fresh "rawset(_G,'os',nil) return os==nil", true)
		equal(fresh "string=nil return ('x'):rep(3)", "xxx")
		equal(fresh "io={} return next(io)==nil", true)
	end },
	{ "strings have methods and arithmetic at once", function()
		equal(fresh "return ('x'):rep(3)", "xxx")
		equal(fresh "return '10'+1", 11)
		equal(fresh "return 2^'3'", 8.0)
		equal(fresh "return getmetatable('').__index==string", true)
		equal(fresh "local s=string return getmetatable('').__index==s", true)
		equal(fresh "return #('x').format('%d',7)", 1)
		equal(fresh("return (select(2,pcall(function() return 'a'+1 end))"
			.. ":match'attempt%Wto%Wadd')"),
			"attempt to add")
	end },
	{ "a library is one table wherever it is had from", function()
		for _, lib in ipairs { "string", "table", "io", "os", "math", "utf8", "debug",
			"coroutine", "package" } do
			equal(fresh(("return require'%s'==%s"):format(lib, lib)), true)
			equal(fresh(("return package.loaded.%s==%s"):format(lib, lib)), true)
			equal(fresh(("local a=%s package.path=package.path "
				.. "return a==package.loaded.%s"):format(lib, lib)), true)
		end
		equal(fresh "return require'_G'==_G and _G._G==_G", true)
		equal(fresh("local n=0 for k in pairs(package.loaded) do "
			.. "if _G[k]==package.loaded[k] then n=n+1 end end return n"), 10)
	end },
	{ "environments that look into the globals see them", function()
		equal(fresh("local e=setmetatable({},{__index=_G}) "
			.. "return load('return math.max(1,#tostring(12))','x','t',e)()"), 2)
		equal(fresh("local e={} for k,v in pairs(_G) do e[k]=v end "
			.. "return load('return type(print)','x','t',e)()"), "function")
	end },
}
