-- SPDX-License-Identifier: MIT
-- A web server by hand, as games write one: an agent for each connection that reads requests until
-- it ends.
local skynet = require "skynet"
local socket = require "skynet.socket"
local httpd = require "http.httpd"
local httpc = require "http.httpc"
local sockethelper = require "http.sockethelper"
local urllib = require "http.url"
local websocket = require "http.websocket"

local pages = {}

function pages.echo(_, body)
	return 200, body
end

function pages.chunks(query)
	local left = tonumber(query.n)
	return 200, function()
		left = left - 1
		return left >= 0 and ("chunk %d\n"):format(left) or nil
	end
end

function pages.large(query)
	return 200, ("x"):rep(tonumber(query.n))
end

-- Asks another server, as the query says.
function pages.fetch(query)
	local header = {}
	local ok, status, body = pcall(httpc.request, query.method or "GET", query.host, query.url,
		header, { ["user-agent"] = "game" }, query.content)
	if not ok then
		return 502, tostring(status)
	end
	return 200, ("%d %s %s"):format(status, header["content-type"] or "", body)
end

function pages.memory()
	collectgarbage()
	return 200, tostring(collectgarbage "count")
end

-- Talks to a WebSocket server: sends each word, and says what came.
function pages.talk(query)
	local out = {}
	local ok, why = pcall(function()
		local options = { deflate = query.deflate ~= nil }
		local id = websocket.connect(query.url, nil, 500, options)
		for word in query.words:gmatch "%S+" do
			websocket.write(id, word)
			out[#out + 1] = tostring(websocket.read(id))
		end
		websocket.close(id, 1000, "enough")
	end)
	return 200, table.concat(out, " ") .. (ok and "" or " " .. tostring(why))
end

local echo, result = {}, ""

function echo.message(id, data, kind)
	websocket.write(id, data, kind)
end

function echo.close(_, code, reason)
	result = ("close %s %s"):format(code, reason)
end

function echo.error(_, err)
	result = "error " .. tostring(err)
end

function pages.result()
	return 200, result
end

-- For a browser: talks to the WebSocket server and notes here what came of it.
local BROWSER <const> = [[
<!doctype html><title>websocket</title><script>
const lines = [];
const words = ["short", "", "grüße ".repeat(5000), "again ".repeat(20), "again ".repeat(20)];
const ws = new WebSocket("ws://127.0.0.1:PORT/browser");
ws.binaryType = "arraybuffer";
let next = 0;
function send() {
	if (next < words.length) ws.send(words[next]);
	else if (next === words.length) ws.send(new Uint8Array(70000).fill(7));
	else ws.close(4321, "enough");
}
ws.onopen = () => { lines.push("extensions " + ws.extensions); send(); };
ws.onmessage = (e) => {
	const right = next < words.length ? e.data === words[next]
		: e.data.byteLength === 70000 && new Uint8Array(e.data).every((b) => b === 7);
	lines.push(next + (right ? " right" : " wrong"));
	next++;
	send();
};
ws.onclose = (e) => {
	lines.push("closed " + e.code);
	fetch("/note", { method: "POST", body: lines.join("|") });
};
</script>]]

local ws_port

function pages.browser()
	local header = { ["content-type"] = "text/html; charset=utf-8" }
	return 200, (BROWSER:gsub("PORT", ws_port)), header
end

local noted = ""

function pages.note(_, body)
	noted = body
	return 204
end

function pages.noted()
	return 200, noted
end

local function serve(id)
	socket.start(id)
	local read, write = sockethelper.readfunc(id), sockethelper.writefunc(id)
	while true do
		local code, url, method, header, body = httpd.read_request(read, 1 << 20)
		if not code then
			break
		end
		local answer, more
		if code == 200 then
			local path, query = urllib.parse(url)
			local page = pages[path:sub(2)]
			if page then
				code, answer, more = page(urllib.parse_query(query), body)
			else
				code, answer = 404, method .. " " .. path
			end
		else
			header = { connection = "close" }
		end
		if not httpd.write_response(write, code, answer or "", more)
			or header.connection == "close" then
			break
		end
	end
	socket.close(id)
end

skynet.start(function()
	httpc.timeout = 500
	httpd.timeout = 200
	websocket.timeout = 200
	local listener, _, port = socket.listen("127.0.0.1", 0)
	socket.start(listener, function(id)
		serve(id)
	end)
	websocket.deflate = true
	local sockets
	sockets, _, ws_port = socket.listen("127.0.0.1", 0)
	socket.start(sockets, function(id, addr)
		websocket.accept(id, echo, "ws", addr)
	end)
	skynet.error(("web server on port %d, websockets on %d"):format(port, ws_port))
end)
