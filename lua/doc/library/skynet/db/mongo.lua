---@meta skynet.db.mongo
-- Made by lua/doc/generate.py out of lua/doc/ref/mongo.ref: edit it there.

---A client of MongoDB from 3.6 on. One client is one connection; many tasks may use it at once, and
---nobody waits for the answer of another. It connects again when a request finds the connection lost,
---with its logins; a request that was waiting then fails with the error object of
---`skynet.socketchannel`, for nobody knows whether the server has seen it.
---
---
---
---Fields of a client are its data bases, their fields are collections, by any name that is not the
---name of a method, `name` or `full_name`; those are had by `client:getDB(name)` and
---`db:getCollection(name)`. A field of a collection is a collection too, but its commands use the last
---name only, as in skynet: the collection `a.b` is `db:getCollection "a.b"`.
---
---Values are those of `bson`. After each connect the client logs in and asks the server whether it is
---primary. If another is, it goes there; those that the server names are tried when nobody answers. A
---server that says that it is primary no more loses its connection: the next request looks for the one
---that is.
---
---What the server refuses is an answer like any other: `ok` is 0, `errmsg` and `code` say why. A
---server that breaks the protocol, answers more than it was asked or more than `answer_max` ends the
---connection, and the requests raise why. There is no compression.
---@class skynet.db.mongo
---@field null string `bson.null`
---@field minkey string
---@field maxkey string
local mongo = {}

---@class skynet.db.mongo.client.conf
---@field host string
---@field port? integer 27017
---@field rs? table the hosts of a replica set, `{ { host =, port = }, ... }`, in place of `host`. The first has `username` and the rest of a login, unless `conf` has it
---@field username? string
---@field password? string
---@field authdb? string where the user is known; `admin`
---@field authmod? string `scram_sha1`, the default, `scram_sha256` (not in skynet) or `mongodb_cr`, which servers from 4.0 on do not have
---@field overload? function as that of a channel
---@field timeout? integer centiseconds that the connection and an answer may take. Then the request fails, and if the server was silent all the time the connection ends. Nil: for ever. Not in skynet
---@field ssl? boolean|table true, or options of `skynet.db.tls`: the connection is in TLS or there is none; `name` is the same for all servers of a set. Not in skynet
---@field answer_max? integer bytes of one answer; 64 MiB. Not in skynet

---Connects. A login needs `skynet.crypt`, and so OpenSSL. Server and client prove to each other that
---they know the password (RFC 5802); the server may want 4,096 to 1,000,000 rounds of its digest. A
---password for `scram_sha256` with other than ASCII letters is to be in the form NFKC.
---
---* Raises the error object of `skynet.socketchannel` when it cannot connect or log in, or finds no primary; the log says why
---* Raises `mongo.client needs a host, or rs with the hosts of a replica set`
---* Raises `mongo.client: unknown authmod 'NAME'`
---* Since 0.1.0.
---@async
---@param conf skynet.db.mongo.client.conf
---@return skynet.db.mongo.client client
function mongo.client(conf) end

---Adds `db:run_transaction`.
---
---* Raises `mongo.enable: there is the feature transaction, no 'NAME'`
---* Since 0.1.0.
---@param feature string `transaction`
function mongo.enable(feature) end

---What a value is.
---
---* Since 0.1.0.
---@param value any
---@return any ... as `bson.type`
function mongo.type(value) end

---@class skynet.db.mongo.client
local client = {}

---A data base, which need not exist.
---
---* Since 0.1.0.
---@param name string
---@return skynet.db.mongo.db db
function client:getDB(name) end

---A command on the data base `admin`.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param command string
---@param value? any 1 unless it is given
---@param ...? any a key, its value, the next key...
---@return table reply
function client:runCommand(command, value, ...) end

---Writes into several collections at once. MongoDB has it from 8.0 on.
---
---* Raises `bulkWrite: operation N is neither insert nor update nor delete, but WHAT`
---* Raises `bulkWrite: operation N needs a collection like 'db.name'`
---* Since 0.1.0.
---@async
---@param ops table `{ op = "insert", collection = "db.name", insert = document }`, `{ op = "update", collection =, filter =, update =, multi =, upsert = }`, `{ op = "delete", collection =, filter =, multi = }`
---@param comment? any
---@param ordered? boolean false: one that fails does not keep the next from being tried
---@param bypass? boolean without validation
---@param errors_only? boolean the reply says nothing of what went well
---@return boolean ok
---@return string|nil why the first that failed did
---@return table reply
---@return table failed the places in `ops` of those that failed
function client:bulkWrite(ops, comment, ordered, bypass, errors_only) end

---Ends all logins of this client, those of later connections too.
---
---* Since 0.1.0.
---@async
---@return boolean ok
function client:logout() end

---Closes the connection, for good: later requests raise `assertion failed!`.
---
---* Since 0.1.0.
function client:disconnect() end

---The number of the next message.
---
---* Since 0.1.0.
---@return integer id
function client:genId() end

---@class skynet.db.mongo.db
local db = {}

---A collection, which need not exist.
---
---* Since 0.1.0.
---@param name string
---@return skynet.db.mongo.collection collection
function db:getCollection(name) end

---Sends a command whose keys have this order, and waits for the answer.
---
---* Raises the error object of `skynet.socketchannel` when the connection is lost
---* Raises `socket: no answer from ADDRESS within N s` with the option timeout
---* Raises `mongo: a request of N bytes is larger than the server takes, N`
---* Raises `mongo: REASON`, `Unsupported OP_MSG WHAT` or `Invalid bson block: REASON` when the server breaks the protocol
---* Raises the errors of `bson.encode`
---* Since 0.1.0.
---@async
---@param command string
---@param value? any 1 unless it is given
---@param ...? any a key, its value, the next key...
---@return table reply
function db:runCommand(command, value, ...) end

---Sends a command that nobody answers (`writeConcern = { w = 0 }`).
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param command string
---@param value? any 1 unless it is given
---@param ...? any a key, its value, the next key...
---@return table reply `{ ok = 1 }`
function db:send_command(command, value, ...) end

---Logs a user in whom this data base knows, on later connections too.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param user string
---@param password string
---@return boolean ok
---@return string|nil why
function db:auth(user, password) end

---Runs a function as one transaction of a replica set: what this task asks meanwhile, on any data base
---and collection of the client, becomes true when `func` returns, and none of it if it raises. Other
---tasks are not part of it. Present after `mongo.enable "transaction"`.
---
---* Raises `mongo: this task is in a transaction already`
---* Since 0.1.0.
---@async
---@param func function `func(db)`
---@return any why nil when it is done; else what `func` raised, or what the server has against it
function db:run_transaction(func) end

---@class skynet.db.mongo.collection
local collection = {}

---Adds a document, without an answer.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param doc table gets an `_id` unless it has one
function collection:insert(doc) end

---Adds a document. Without an `_id` it gets one from the server.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param doc table
---@return boolean ok
---@return string|nil why
---@return table reply
function collection:safe_insert(doc) end

---Adds a document that is encoded already.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param document bson.document
---@return boolean ok
---@return string|nil why
---@return table reply
function collection:raw_safe_insert(document) end

---Adds documents, each with an `_id`, without an answer. `collection:insert_many` is the same.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param docs table an array, whose items become encoded documents
function collection:batch_insert(docs) end

---The same as `collection:batch_insert`.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param docs table
function collection:insert_many(docs) end

---Adds documents, each with an `_id`. `collection:safe_insert_many` is the same.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param docs table an array, whose items become encoded documents
---@return boolean ok
---@return string|nil why
---@return table reply
function collection:safe_batch_insert(docs) end

---The same as `collection:safe_batch_insert`.
---
---* Since 0.1.0.
---@async
---@param docs table
---@return boolean ok
---@return string|nil why
---@return table reply
function collection:safe_insert_many(docs) end

---Changes documents, without an answer.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param query table
---@param update table
---@param upsert? boolean adds a document when none is found
---@param multi? boolean all that are found, not only the first
function collection:update(query, update, upsert, multi) end

---Changes documents.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param query table
---@param update table
---@param upsert? boolean
---@param multi? boolean
---@return boolean ok
---@return string|nil why
---@return table reply
function collection:safe_update(query, update, upsert, multi) end

---An update that is encoded already.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param document bson.document `{ q =, u =, upsert =, multi = }`
---@return boolean ok
---@return string|nil why
---@return table reply
function collection:raw_safe_update(document) end

---Several updates, without an answer.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param list table an array of `{ query =, update =, upsert =, multi = }`
function collection:batch_update(list) end

---Several updates.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param list table an array of `{ query =, update =, upsert =, multi = }`
---@return boolean ok
---@return string|nil why
---@return table reply
function collection:safe_batch_update(list) end

---Removes documents, without an answer.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
---@param query table
---@param single? boolean the first that is found, not all
function collection:delete(query, single) end

---Removes documents.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param query table
---@param single? boolean
---@return boolean ok
---@return string|nil why
---@return table reply
function collection:safe_delete(query, single) end

---Removes what several queries find.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param queries table an array
---@param single? boolean
---@return boolean ok
---@return string|nil why
---@return table reply
function collection:safe_batch_delete(queries, single) end

---A removal that is encoded already.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param document bson.document `{ q =, limit = }`
---@return boolean ok
---@return string|nil why
---@return table reply
function collection:raw_safe_delete(document) end

---The first document that is found.
---
---* Raises the server's `errmsg`
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param query? table
---@param projection? table
---@return table|nil doc
function collection:findOne(query, projection) end

---What the query finds. Nothing is asked before `cursor:hasNext`.
---
---* Since 0.1.0.
---@param query? table
---@param projection? table
---@return skynet.db.mongo.cursor cursor
function collection:find(query, projection) end

---What a pipeline makes of the collection. `sort`, `skip` and `limit` of the cursor become stages at
---its end.
---
---* Since 0.1.0.
---@param pipeline table an array of stages
---@param options? table other keys of the command
---@return skynet.db.mongo.cursor cursor
function collection:aggregate(pipeline, options) end

---Changes or removes one document, and returns it.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param doc table `query`, `update` or `remove`, `sort`, `new`, `fields`, `upsert`...
---@return table reply whose `value` is the document
function collection:findAndModify(doc) end

---Makes an index. It is called `k1_1_k2_1` unless the option `name` says otherwise.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param keys table `{ k = 1 }` with options beside it; or `{ { k1 = 1 }, "k2", unique = true }`, with keys in this order and options among them
---@param options? table
---@return table reply
function collection:createIndex(keys, options) end

---The same as `collection:createIndex`.
---
---* Since 0.1.0.
---@async
---@param keys table
---@param options? table
---@return table reply
function collection:ensureIndex(keys, options) end

---Makes several indexes.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param ... table indexes, each in the second form of `collection:createIndex`
---@return table reply
function collection:createIndexes(...) end

---Removes an index.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param name string
---@return table reply
function collection:dropIndex(name) end

---Removes the collection.
---
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@return table reply
function collection:drop() end

---@class skynet.db.mongo.cursor
local cursor = {}

---In which order.
---
---* Since 0.1.0.
---@param ... table `{ k = 1 }`, or `{ k1 = 1 }, { k2 = -1 }` for several in this order
---@return skynet.db.mongo.cursor cursor
function cursor:sort(...) end

---How many to leave out at the beginning.
---
---* Since 0.1.0.
---@param n integer
---@return skynet.db.mongo.cursor cursor
function cursor:skip(n) end

---How many at most.
---
---* Since 0.1.0.
---@param n integer
---@return skynet.db.mongo.cursor cursor
function cursor:limit(n) end

---Which index to use.
---
---* Since 0.1.0.
---@param index string|table
---@return skynet.db.mongo.cursor cursor
function cursor:hint(index) end

---How long the server may work on it.
---
---* Since 0.1.0.
---@param ms integer
---@return skynet.db.mongo.cursor cursor
function cursor:maxTimeMS(ms) end

---How many documents come in one answer.
---
---* Since 0.1.0.
---@param n integer
---@return skynet.db.mongo.cursor cursor
function cursor:batchSize(n) end

---How many there are.
---
---* Raises the server's `errmsg`
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@param with_range? boolean true: of what skip and limit leave
---@return integer n
function cursor:count(with_range) end

---Whether there is another document.
---
---* Raises the server's `errmsg`
---* Raises the errors of `db:runCommand`
---* Since 0.1.0.
---@async
---@return boolean more
function cursor:hasNext() end

---The next document.
---
---* Raises `Call hasNext first`
---* Since 0.1.0.
---@return table doc
function cursor:next() end

---Lets the server forget what is left. A cursor that was read to its end needs it not, one in a
---`<close>` variable is closed with it.
---
---* May wait: for the connection
---* Since 0.1.0.
---@async
function cursor:close() end

return mongo
