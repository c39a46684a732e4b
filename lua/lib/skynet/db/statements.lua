-- SPDX-License-Identifier: MIT
-- skynet.db.statements: the prepared statements of a client of a data base. The server keeps a
-- statement as long as the connection; used after a later login it is prepared again. The client
-- has `channel`, `over`, and `logins`, how often it has logged in.
--
-- `prepare` is the client's function (self, sql) -> statement, the login that it belongs to.
local statements = {}

-- For the client's field `statements`: a statement that the program drops is forgotten.
function statements.new()
	return setmetatable({}, { __mode = "k" }) -- statement -> sql, login
end

function statements.prepare(self, sql, prepare)
	local stmt, login = prepare(self, sql)
	if not stmt.badresult then
		self.statements[stmt] = { sql = sql, login = login }
	end
	return stmt
end

-- Connects if need be. Returns nil when the statement is there, else why it cannot be prepared.
function statements.renew(self, stmt, prepare)
	local known = self.statements[stmt]
	if not known then
		return nil
	end
	if not self.over then
		self.channel:connect(true)
	end
	if known.login == self.logins then
		return nil
	end
	local again, login = prepare(self, known.sql)
	if again.badresult then
		return again
	end
	known.login = login
	for k, v in pairs(again) do
		stmt[k] = v
	end
	return nil
end

-- Raises at the line of who called the client's function that calls this.
function statements.check_count(stmt, n)
	if n ~= stmt.param_count then
		error(("require stmt.param_count %s get arg_num %d"):format(
			tostring(stmt.param_count), n), 3)
	end
end

return statements
