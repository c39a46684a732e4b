-- SPDX-License-Identifier: MIT
-- Requests as trees: of the events of one trace (skynet.trace.core), from whichever nodes they are.
-- A span is a request that a service serves: from "request" to "end". Its calls are its children;
-- whoever serves a call is known by who asked and with which session. Clocks of nodes differ, so
-- only differences of one node's times are used: what a call took is the caller's, what serving it
-- took is the callee's, and what is between the two, the ways and the mailbox, is the rest.
local M = {}

local FIELDS <const> =
	"^(%S+) (%a) (%-?%d+) (%-?%d+) (%-?%d+) (%-?%d+) (%-?%d+) (%-?%d+) ?(.*)$"

-- A line of skynet.trace.core.records as a table.
function M.parse(line)
	local tag, event, ns, handle, source, session, to, to_session, command = line:match(FIELDS)
	return tag and { tag = tag, event = event, ns = tonumber(ns), handle = tonumber(handle),
		source = tonumber(source), session = tonumber(session), to = tonumber(to),
		to_session = tonumber(to_session), command = command }
end

local function key(handle, source, session)
	return ("%08x %08x %d"):format(handle, source, session)
end

-- One event of a span, in the order in which they came.
local function follow(span, e)
	span.last = e.ns
	if e.event == "c" or e.event == "s" then
		span.open = { kind = e.event, began = e.ns, to = e.to, session = e.to_session,
			command = e.command, from = span.handle }
		table.insert(span.waits, span.open)
	elseif e.event == "r" and span.open then
		span.open.seconds = (e.ns - span.open.began) / 1e9
		span.open = nil
	elseif e.event == "e" or e.event == "x" then
		span.seconds = (e.ns - span.began) / 1e9
		span.failed = e.event == "x"
	end
end

-- The spans of a trace by who asked for them: { [source session] = span }, and the first of all.
local function spans_of(records)
	local spans, asked, first = {}, {}, nil
	for _, e in ipairs(records) do
		local k = key(e.handle, e.source, e.session)
		local span = spans[k]
		if e.event == "q" then
			span = { handle = e.handle, source = e.source, session = e.session,
				began = e.ns, waits = {}, command = e.command }
			spans[k] = span
			if e.session ~= 0 then
				asked[e.source .. " " .. e.session] = span
			end
			first = first or span
		elseif span then
			follow(span, e)
		end
	end
	return asked, first
end

-- The sums of a span: what it waited for others and slept, and the rest, which it worked itself.
local function sum(span)
	local called, slept = 0, 0
	for _, w in ipairs(span.waits) do
		if w.kind == "s" then
			slept = slept + (w.seconds or 0)
		else
			called = called + (w.seconds or 0)
		end
	end
	span.called, span.slept = called, slept
	span.own = span.seconds and math.max(0, span.seconds - called - slept)
end

-- Tells which spans hang below which calls. Returns how many there are.
local function link(span, asked, seen)
	local n = 1
	seen[span] = true
	sum(span)
	for _, w in ipairs(span.waits) do
		local below = w.kind == "c" and asked[span.handle .. " " .. w.session]
		if below and not seen[below] then
			w.span = below
			n = n + link(below, asked, seen)
			if w.seconds and below.seconds then
				w.way = math.max(0, w.seconds - below.seconds)
			end
		end
	end
	return n
end

-- The tree of the records of one tag: its first span, and the number of spans; nil: none is known.
function M.build(records)
	local asked, first = spans_of(records)
	if not first then
		return nil
	end
	return first, link(first, asked, {})
end

-- The nodes whose records are missing: { [harbor id] = true } of calls whose other end is unknown.
function M.missing(span, ret)
	ret = ret or {}
	for _, w in ipairs(span.waits) do
		if w.span then
			M.missing(w.span, ret)
		elseif w.kind == "c" and w.to ~= 0 then
			ret[w.to >> 24] = true
		end
	end
	return ret
end

local function time(seconds)
	if not seconds then
		return "?"
	end
	return seconds >= 1 and ("%.2fs"):format(seconds) or seconds >= 0.001
		and ("%.2fms"):format(seconds * 1e3) or ("%.0fus"):format(seconds * 1e6)
end

local function line_of(span, name)
	return ("%s %s%s: %s, own %s, calls %s%s"):format(name(span.handle),
		span.command and span.command ~= "" and span.command .. " " or "",
		span.failed and "failed" or span.seconds and "served" or "is still at it",
		time(span.seconds), time(span.own), time(span.called),
		span.slept > 0 and ", slept " .. time(span.slept) or "")
end

local function draw(span, name, indent, out)
	out[#out + 1] = indent .. line_of(span, name)
	for _, w in ipairs(span.waits) do
		if w.kind == "c" then
			out[#out + 1] = ("%s  call %s to %s: %s%s"):format(indent, w.command,
				w.to ~= 0 and name(w.to) or "a name", time(w.seconds),
				w.way and ", of that on the way " .. time(w.way) or "")
			if w.span then
				w.span.command = w.command ~= "" and w.command or w.span.command
				draw(w.span, name, indent .. "    ", out)
			end
		else
			out[#out + 1] = ("%s  wait %s"):format(indent, time(w.seconds))
		end
	end
	return out
end

-- The tree as a text. name(handle) is what people call a service.
function M.text(span, name)
	return table.concat(draw(span, name, "", {}), "\n") .. "\n"
end

return M
