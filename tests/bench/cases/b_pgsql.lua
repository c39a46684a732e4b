-- The PostgreSQL driver against a real server on 127.0.0.1:PGSQL_PORT (environment).
local skynet = require "skynet"
local pgsql = require "skynet.db.pgsql"
local B = require "lib_bench"

B.start(function()
	local port = tonumber(os.getenv "PGSQL_PORT")
	local db = pgsql.connect { host = "127.0.0.1", port = port, user = "postgres" }
	local st = assert(db:prepare "select 1 as x")
	local function seq(n)
		for _ = 1, n do
			assert(db:execute(st)[1].x == 1)
		end
	end
	seq(500)
	local t = B.now(); seq(8000)
	B.report("pgsql.sequential", 8000 / (B.now() - t), "queries/s")
	t = B.now()
	B.parallel(64, function() seq(500) end)
	B.report("pgsql.concurrent", 64 * 500 / (B.now() - t), "queries/s")
	local sql = "select i, i::text t, i * 1.5 n, i % 2 = 0 b, null z"
		.. " from generate_series(1, 100000) i"
	t = B.now()
	for _ = 1, 5 do assert(#db:query(sql) == 100000) end
	B.report("pgsql.rows", 5 * 100000 / (B.now() - t), "rows/s")
	db:disconnect()
end)
