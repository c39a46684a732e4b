---@meta skynet
-- Made by lua/doc/generate.py out of lua/doc/ref/skynet.ref: edit it there.

---The table that every service works with. Its fields come into being when they are first used;
---programs cannot tell.
---@class skynet
---@field PTYPE_TEXT integer The type 0: plain text. `skynet.register_protocol` takes these.
---@field PTYPE_RESPONSE integer The type 1: answers and timers.
---@field PTYPE_MULTICAST integer The type 2.
---@field PTYPE_CLIENT integer The type 3: packets of clients, which a gate passes on.
---@field PTYPE_SYSTEM integer The type 4.
---@field PTYPE_HARBOR integer The type 5.
---@field PTYPE_SOCKET integer The type 6.
---@field PTYPE_ERROR integer The type 7.
---@field PTYPE_QUEUE integer The type 8: `skynet.mqueue`.
---@field PTYPE_DEBUG integer The type 9.
---@field PTYPE_LUA integer The type 10.
---@field PTYPE_SNAX integer The type 11.
---@field PTYPE_TRACE integer The type 12.
---@field cache skynet.codecache The module skynet.codecache.
---@field _proto table A picture of the protocols of this service, by name and by number.
---@field pcall function The global `pcall`.
local skynet = {}

---Says that the main chunk is complete and that `f` begins the service. `f` runs with the next
---message, after the main chunk has ended, and may wait. `skynet.newservice` returns to its caller
---when `f` has returned. A service whose main chunk ends without this call is ended with an error in
---the log.
---
---```lua run=hello
---local skynet = require "skynet"
---
---skynet.start(function()
---	print("hello from", skynet.address(skynet.self()):match "^:%x+$" ~= nil)
---end)
---```
---```output
---hello from	true
---```
---
---* Since 0.1.0.
---@param f function called without arguments, as a task
function skynet.start(f) end

---Has `f` run before the start function; several of them run in the order of their registration. In a
---module that a task loads with `require`, `f` runs before `require` returns. Libraries use it to find
---the services that they need.
---
---* Raises `skynet.init outside of the main chunk and of require` when it comes too late
---* Since 0.1.0.
---@param f function called without arguments, as a part of the start
function skynet.init(f) end

---Runs what `skynet.init` has collected, then `f`, and tells the launcher how that went.
---`skynet.start` does all this; only programs with a dispatcher of their own call it.
---
---* May wait: when one of the functions does
---* Since 0.1.0.
---@async
---@param f function
function skynet.init_service(f) end

---Ends this service; it never returns. Callers whose request is still open get an error that says that
---the callee exited, to-be-closed variables of suspended tasks are closed, messages that come later
---are answered with an error.
---
---* Since 0.1.0.
---@async
function skynet.exit() end

---Starts a Lua service on this node and waits until its start function has returned. The arguments are
---joined with spaces and split again at blanks, so that a text with blanks arrives as several words;
---send structured data in a first message.
---
---* Raises `call failed: error in callee: WHY` when it cannot be loaded or its start function raises; WHY is its error
---* Since 0.1.0.
---@async
---@param name string the Lua service, looked for along `lua.service_path`
---@param ... string|number arguments of its main chunk, which gets them as strings; they may not contain blanks
---@return integer|nil handle of the new service; nil when it called `skynet.exit` while it started
function skynet.newservice(name, ...) end

---Returns the one service of that name on this node, which the first call starts; callers that come
---meanwhile wait for it. Services that wait for each other in their start functions wait for ever; the
---log names them after a second.
---
---With `true` as the first argument there is one in the whole cluster, on the node of the master. It
---survives that node: when it is dead (`cluster.dead_after`), another node starts the service again
---within two seconds, with the arguments of its first start, and that node decides about all of them
---from then on, also when the first one is back. A service that ended while its node lives is started
---again by the next who asks, `skynet.queryservice` included; what it knew is lost either way. Old
---handles are errors: ask again. It owns the global name `"@NAME"`, so the master sees to it that
---there is one; the old one of a node that was only cut off is ended as soon as that node is back. In
---between both may run: what must not be done twice needs the number of that name (`harbor.check`).
---More than 4,096 of these services, or arguments of more than 64 KiB, are not started again
---elsewhere; a name that is no global name behind its `@` lives and dies with the node that decides.
---
---* Raises `call failed: WHY` or the reason why the service failed to start; later calls raise the same
---* Since 0.1.0.
---@async
---@param name string the Lua service
---@param ... string|number arguments for the first call, which starts it
---@return integer handle
---@overload fun(everywhere: boolean, name: string, ...): integer
function skynet.uniqueservice(name, ...) end

---Returns the service that `skynet.uniqueservice` started under that name. Waits until somebody has
---done so. A service of the cluster that was started once is started again if it is gone.
---
---* Raises `call failed: WHY` or the reason why the service failed to start
---* Since 0.1.0.
---@async
---@param name string
---@return integer handle
---@overload fun(everywhere: boolean, name: string): integer
function skynet.queryservice(name) end

---Bounds the Lua heap of this service. It has an effect only in the main chunk and only once:
---afterwards the function is gone from the table. A request that would pass the limit fails with
---`not enough memory`; the service goes on. The configuration's `lua.memory_limit` bounds all
---services.
---
---* Since 0.1.0.
---@param bytes integer
function skynet.memlimit(bytes) end

---Has `f` called when this node begins to drain; at once if it drains already. A gate tells its
---players, a matchmaker begins no new game. The last `f` counts.
---
---* Raises `skynet.on_drain needs a function`
---* Since 0.1.0.
---@param f fun() runs in a task of its own
---@param undo? fun() called when the node drains no more (`harborctl drain NODE --undo`)
function skynet.on_drain(f, undo) end

---Has `f` called when the node is asked to stop, while all services are still there and global names
---can be called: a service saves what it must not lose. The node waits until all have returned, but no
---longer than `admin.stop_timeout`. A gate stops reading its clients `"before"`, and hands them over
---`"after"`. All functions count; an error in one is logged. A node that dies calls none.
---
---* Raises `skynet.on_stop needs a function`
---* Raises `the stages are before and after`
---* Since 0.1.0.
---@param f fun() runs in a task of its own, and may wait
---@param stage? string `"before"` all others, or `"after"` them
function skynet.on_stop(f, stage) end

---Says that this service can move. `f` runs in a task and may wait; if it raises, the service stays.
---The state may be as large as a message. The last `f` counts.
---
---* Raises `skynet.on_handover needs a function`
---* Since 0.1.0.
---@param f fun(reason: string): ... returns the state: values that `skynet.pack` takes. reason: `"drain"` or `"move"`
function skynet.on_handover(f) end

---Can be called in the main chunk, in the start function, and later.
---
---* Since 0.1.0.
---@return ... what the `f` of `skynet.on_handover` returned in the last life; nothing in a first one
function skynet.handover_state() end

---Moves a service. A service cannot wait for its own move: use `skynet.fork` or `skynet.send` for it.
---
---* Raises `call failed: WHY`: it cannot move, its requests do not end, no such node, or the node could not start it
---* Since 0.1.0.
---@async
---@param address integer|string a service of any node: handle, `":HEX"`, local or global name
---@param node? string|integer name or harbor id; nil: any node that is up and does not drain
---@return integer handle that the service has now; the old one stays good
function skynet.handover(address, node) end

---Sends a message for which no answer is wanted. Messages from one service to another arrive in the
---order in which they were sent. That a message to another node or to a global name was sent says
---nothing about its arrival.
---
---* Raises `Invalid service address 0` for the handle 0
---* Raises `dest address type (T) must be a string or number.`
---* Raises `protocol P is not registered`
---* Raises `Unsupport type T to serialize` for a value that cannot be packed
---* Since 0.1.0.
---@param addr integer|string handle, `":HEX"`, `".local name"` or global name
---@param typename string|integer the protocol, mostly `"lua"`
---@param ... any packed by the protocol
---@return integer|boolean|nil sent 0; nothing when no service of this node has that handle or local name; false when the message is refused: it is too large, the receiver's mailbox is full, or the way to the other node is shut
function skynet.send(addr, typename, ...) end

---Sends a request and waits for the answer. There is no limit of time; `skynet.calltimeout` has one.
---The call fails with a reason as soon as it is known that no answer can come: the callee raised,
---ended, forgot to answer, or its node is lost.
---
---```lua file=adder.lua
---local skynet = require "skynet"
---
---skynet.start(function()
---	skynet.dispatch("lua", function(session, source, a, b)
---		skynet.retpack(a + b)
---	end)
---end)
---```
---```lua run=calling
---local skynet = require "skynet"
---
---skynet.start(function()
---	local adder = skynet.newservice "adder"
---	print(skynet.call(adder, "lua", 1, 2))
---	local ok, why = pcall(skynet.call, adder, "lua", 1, {})
---	print(ok, why:match "attempt.*")
---end)
---```
---```output
---3
---false	attempt to perform arithmetic on a table value (local 'b')
---```
---
---* Raises `call to invalid address A` when nobody has the handle or the local name
---* Raises `call failed: WHY` when no answer will come; see the texts of errors
---* Raises the errors of `skynet.send`
---* Since 0.1.0.
---@async
---@param addr integer|string as for `skynet.send`
---@param typename string|integer
---@param ... any
---@return any ... what the callee answered
function skynet.call(addr, typename, ...) end

---The same as `skynet.call`, with a deadline. The callee is not told: what it does, it does to the
---end.
---
---```lua run=deadline
---local skynet = require "skynet"
---
---skynet.start(function()
---	local kitchen = skynet.newservice "kitchen" -- see skynet.response
---	print(pcall(skynet.calltimeout, 5, kitchen, "lua", "order"))
---end)
---```
---```output
---false	call failed: timeout
---```
---
---* Raises `call failed: timeout` when there is no answer in time; the one that comes later is thrown away
---* Raises the errors of `skynet.call`
---* Since 0.1.0, not in skynet.
---@async
---@param ti integer centiseconds until the call fails
---@param addr integer|string
---@param typename string|integer
---@param ... any
---@return any ... what the callee answered
function skynet.calltimeout(ti, addr, typename, ...) end

---Sends bytes that are packed already.
---
---* Raises `invalid param T` for another kind of message
---* Since 0.1.0.
---@param addr integer|string
---@param typename string|integer
---@param msg string|lightuserdata a string, or a block of memory with its size; the block is taken
---@param size? integer bytes of the block
---@return integer|boolean|nil sent as of `skynet.send`
function skynet.rawsend(addr, typename, msg, size) end

---Sends bytes that are packed already and returns the bytes of the answer.
---
---* Raises the errors of `skynet.call`
---* Since 0.1.0.
---@async
---@param addr integer|string
---@param typename string|integer
---@param msg string|lightuserdata
---@param size? integer
---@return lightuserdata msg of the answer, valid until this task waits again
---@return integer size
function skynet.rawcall(addr, typename, msg, size) end

---Sends packed bytes as if they came from `source`. A task that passes on the request that it serves,
---with its session, need not answer it any more.
---
---* Since 0.1.0.
---@param addr integer|string the receiver
---@param source integer the service in whose name it is sent; 0 is this one
---@param typename string|integer
---@param session integer of the request that is passed on, or of the answer
---@param msg string|lightuserdata
---@param size? integer
---@return integer|boolean|nil session nothing when the receiver does not exist, false when it is refused
function skynet.redirect(addr, source, typename, session, msg, size) end

---Begins a list of calls that are made at the same time. `r { ... }` and `r:add { ... }` add one;
---`r:select([ti])` sends all of them and returns an iterator for a generic `for`, whose every step
---waits and returns a request and its answer: a table as of `table.pack`, `false` when the call
---failed, nil when nobody has the address. It ends when all are answered or after `ti` centiseconds;
---then `r.timeout` is true. Leaving the loop gives up the rest.
---
---```lua run=several
---local skynet = require "skynet"
---
---skynet.start(function()
---	local a, b = skynet.newservice "adder", skynet.newservice "adder"
---	local sum = 0
---	for req, resp in skynet.request { a, "lua", 1, 2 } { b, "lua", 3, 4 }:select(500) do
---		sum = sum + resp[1]
---	end
---	print(sum)
---end)
---```
---```output
---10
---```
---
---* Since 0.1.0.
---@param req? table the first request, `{ address, protocol, arguments ..., n = count? }`
---@return skynet.request request object
function skynet.request(req) end

---Behaves as if that service had ended: all calls of this service to it fail, and what it waits for
---from us is forgotten.
---
---* Since 0.1.0.
---@param addr integer|string handle, or the global name that was called
function skynet.term(addr) end

---Sets the function that serves the messages of a protocol; without `f` it only returns the present
---one. Each message is served in a task of its own. An error in the function fails the request, and
---the caller gets its first line.
---
---* Raises `protocol P is not registered`
---* Since 0.1.0.
---@param typename string|integer a registered protocol
---@param f? function `f(session, source, ...)`; session is 0 for a send, `...` is the unpacked message
---@return function|nil previous the function until now
function skynet.dispatch(typename, f) end

---Answers the request that this task serves.
---
---* Raises `No session` when there is no request, or it is answered already
---* Since 0.1.0.
---@param msg? string|lightuserdata packed bytes; the block is taken. Nothing is an empty answer
---@param size? integer
---@return boolean delivered false when it was a send, when the caller is gone, or when the answer is too large
function skynet.ret(msg, size) end

---Answers with these values: `skynet.ret(skynet.pack(...))`.
---
---* Raises `No session`
---* Since 0.1.0.
---@param ... any
---@return boolean delivered
function skynet.retpack(...) end

---Takes the request out of this task, so that it can be answered later and by any task. If the
---function is lost without having been used, the caller's request fails.
---
---```lua file=kitchen.lua
---local skynet = require "skynet"
---
---local waiting = {}
---
---skynet.start(function()
---	skynet.dispatch("lua", function(session, source, what)
---		if what == "order" then
---			waiting[#waiting + 1] = skynet.response()
---		else
---			for _, answer in ipairs(waiting) do
---				answer(true, "here you are")
---			end
---			skynet.ret()
---		end
---	end)
---end)
---```
---```lua run=response
---local skynet = require "skynet"
---
---skynet.start(function()
---	local kitchen = skynet.newservice "kitchen"
---	skynet.fork(function()
---		print(skynet.call(kitchen, "lua", "order"))
---	end)
---	skynet.yield() -- the fork runs, and orders
---	skynet.call(kitchen, "lua", "serve")
---end)
---```
---```output
---here you are
---```
---
---* Raises `no session`
---* Raises `Can't response more than once` by the function, when it is used again
---* Since 0.1.0.
---@param pack? function in place of `skynet.pack`
---@return function answer `answer(true, ...)` answers with these values, `answer(false [, why])` fails the request, `answer "TEST"` returns whether the requester still waits, as far as this node knows. The first two return whether it was delivered
function skynet.response(pack) end

---Forgets the request without an answer and without the warning in the log. Its caller waits on.
---
---* Since 0.1.0.
function skynet.ignoreret() end

---Returns whose request this task serves; two nils when it serves none.
---
---* Since 0.1.0.
---@return integer|nil session of the request of this task; nil when it was answered
---@return integer|nil source
function skynet.context() end

---Sets what is done with a send of a protocol that nobody serves; otherwise it is an error in the log.
---A request of such a protocol fails at once.
---
---* Since 0.1.0.
---@param f? function `f(session, source, msg, size, protocol)`
---@return function previous
function skynet.dispatch_unknown_request(f) end

---Sets what is done with an answer for which nobody waits; otherwise it is an error in the log.
---
---* Since 0.1.0.
---@param f? function `f(session, source, msg, size)`
---@return function previous
function skynet.dispatch_unknown_response(f) end

---@class skynet.register_protocol.class
---@field name string
---@field id integer 0 to 255; 13 and above are free for programs
---@field pack? function `pack(...)` returns a string, or a block and its size
---@field unpack? function `unpack(msg, size)` returns the values; the block is valid until the task waits
---@field dispatch? function as of `skynet.dispatch`
---@field trace? boolean as of `skynet.traceproto`

---Adds a protocol to this service. Protocols `lua`, `response`, `error` and `debug` are there from the
---start.
---
---* Raises `assertion failed! ...` when the name or the id is taken or invalid
---* Since 0.1.0.
---@param class skynet.register_protocol.class
function skynet.register_protocol(class) end

---Bounds the mailbox of this service, or only tells its state. A call that is refused raises, a send
---returns false. Answers, errors, socket messages and timers are always let in. `lua.mailbox_max` and
---`lua.mailbox_policy` set it for all services.
---
---```lua run=mailbox
---local skynet = require "skynet"
---
---skynet.start(function()
---	print(skynet.mailbox(1000, "refuse"))
---end)
---```
---```output
---1000	0	0
---```
---
---* Since 0.1.0, not in skynet.
---@param max? integer most requests that wait; 0 is no bound
---@param policy? "refuse"|"warn" what becomes of one more: it is refused (the default), or only counted
---@return integer max
---@return integer waiting messages in the mailbox now
---@return integer refused how many did not fit so far
function skynet.mailbox(max, policy) end

---Has `f` run as a task of its own after that time.
---
---* Since 0.1.0.
---@param ti integer centiseconds; 0 or less: after the messages that wait now
---@param f function
---@return integer session a number for `skynet.killthread`
function skynet.timeout(ti, f) end

---The same as `skynet.timeout`, with an object to cancel it.
---
---```lua run=timer
---local skynet = require "skynet"
---
---skynet.start(function()
---	local timer = skynet.timer(6000, function()
---		print "too late"
---	end)
---	skynet.timeout(1, function()
---		print "a timeout"
---	end)
---	print(timer:cancel(), timer:cancel())
---end)
---```
---```output
---true	false
---a timeout
---```
---
---* Since 0.1.0, not in skynet.
---@param ti integer
---@param f function
---@return skynet.timer timer whose `:cancel()` returns true if `f` will not run any more
function skynet.timer(ti, f) end

---Waits for that time.
---
---* Raises `token duplicative` when a task waits on that token already
---* Since 0.1.0.
---@async
---@param ti integer centiseconds
---@param token? any what `skynet.wakeup` names; the coroutine if it is nil
---@return "BREAK"|nil why `"BREAK"` when it was woken before the time was over
function skynet.sleep(ti, token) end

---Lets the messages that are in the mailbox run first: `skynet.sleep(0)`.
---
---* Since 0.1.0.
---@async
function skynet.yield() end

---Waits until somebody wakes that token.
---
---* Raises `token duplicative`
---* Since 0.1.0.
---@async
---@param token? any the coroutine if it is nil
function skynet.wait(token) end

---Wakes the task that sleeps or waits on the token. It runs when the present task waits or ends. A
---task that waits for the answer to a call is not woken.
---
---```lua run=wakeup
---local skynet = require "skynet"
---
---skynet.start(function()
---	local box = {}
---	skynet.fork(function()
---		box.content = "a letter"
---		skynet.wakeup(box)
---	end)
---	skynet.wait(box)
---	print(box.content)
---end)
---```
---```output
---a letter
---```
---
---* Since 0.1.0.
---@param token any
---@return boolean|nil found true when a task waits on it
function skynet.wakeup(token) end

---Begins a task that runs `f` as soon as the present one waits or ends, before the next message.
---
---* Raises `the service has ended` while the service is taken down
---* Since 0.1.0.
---@param f function
---@param ... any its arguments
---@return thread co
function skynet.fork(f, ...) end

---Ends another task: its to-be-closed variables are closed, and its request fails.
---
---* Since 0.1.0.
---@param thread thread|string|integer a coroutine, a pattern for its text (`"thread: 0x..."`), or what `skynet.timeout` returned
---@return thread|integer|nil killed nothing when it is not there, or is the caller itself
function skynet.killthread(thread) end

---Raises unless a function that waits may be called here. Modules call it before they change something
---that they could not take back if waiting failed.
---
---* Raises `skynet.wait must run in a task of the service ...`
---* Raises `attempt to yield across a C-call boundary`
---* Since 0.1.0, not in skynet.
function skynet.checkwait() end

---Tells what the tasks of this service wait for.
---
---* Since 0.1.0.
---@param what? table|integer|thread|"init" a table is filled with `"thread: 0x... session: N"` and the stack of each suspended task; a session returns its stack, a thread its session, `"init"` the stack of the start function
---@return integer|string|nil result without an argument how many tasks are suspended
function skynet.task(what) end

---The same, with tasks that wait at the same place put together.
---
---* Since 0.1.0.
---@return table groups `"COUNT\tsessions:[...]"` to stack
function skynet.uniqtask() end

---Returns a session number that nothing of this service uses.
---
---* Since 0.1.0.
---@return integer session
function skynet.genid() end

---Returns the own handle.
---
---* Since 0.1.0.
---@return integer handle of this service
function skynet.self() end

---Finds a service of this node by its local name.
---
---* Since 0.1.0.
---@param name string with the dot in front: `".launcher"`
---@return integer|nil handle
function skynet.localname(name) end

---Makes an address readable.
---
---* Since 0.1.0.
---@param addr any
---@return string text `:0100000a` for a handle, else as `tostring`
function skynet.address(addr) end

---Tells where a handle belongs.
---
---* Since 0.1.0.
---@param handle integer
---@return integer id of the node that the handle belongs to
---@return boolean remote true when that is another node
function skynet.harbor(handle) end

---The clock for measuring: it does not jump, except by `harborctl clock` on a node for tests.
---
---* Since 0.1.0.
---@return integer cs since the node started
function skynet.now() end

---The wall clock of the start.
---
---* Since 0.1.0.
---@return integer seconds since 1970 when the node started
function skynet.starttime() end

---`starttime()` plus `now()`: it does not follow later changes of the wall clock.
---
---* Since 0.1.0.
---@return number seconds since 1970
function skynet.time() end

---For measuring: it never jumps, with `harborctl clock` neither. What that moves, on nodes for tests,
---is `now()`, `time()`, the timers, and Lua's os.time and os.date; not os.clock.
---
---* Since 0.1.0.
---@return integer ns of a monotonic clock
function skynet.hpc() end

---Reads the node's environment.
---
---* Since 0.1.0.
---@param key string a key of the configuration (`env` in YAML)
---@return string|nil value
function skynet.getenv(key) end

---Adds to the node's environment.
---
---* Raises `Can't setenv exist key : K` when it has a value already: values never change
---* Since 0.1.0.
---@param key string without a space
---@param value string|number
function skynet.setenv(key, value) end

---Writes a line to the log, at the level "info".
---
---* Since 0.1.0.
---@param ... any joined with single spaces
function skynet.error(...) end

---Writes a line to the log at that level. Below the node's level (`log.level`, `harborctl log-level`)
---the arguments are not even made a text.
---
---* Raises `bad argument #1 to 'log' ("L" is no level: debug, info, warning or error)`
---* Since 0.1.0, not in skynet.
---@param level "debug"|"info"|"warning"|"error"
---@param ... any
function skynet.log(level, ...) end

---`mqlen` is the length of the mailbox, `cpu` the seconds that this service has run, `time` those of
---the present message, `message` how many it has served.
---
---* Since 0.1.0.
---@param what "mqlen"|"cpu"|"time"|"message"|"endless"
---@return number value 0 for another word
function skynet.stat(what) end

---The length of the mailbox.
---
---* Since 0.1.0.
---@return integer messages
function skynet.mqlen() end

---Tells, once, whether a message of this service ran longer than the overseer allows (5 s).
---
---* Since 0.1.0.
---@return boolean flag
function skynet.endless() end

---Sets what the service tells of itself (`info` in the debug console). Without an argument it returns
---the function.
---
---* Since 0.1.0.
---@param f? function its results are what `debug INFO` answers
---@return function|nil previous
function skynet.info_func(f) end

---Packs values. Metatables are not packed, but `__pairs` is used.
---
---* Raises `Unsupport type T to serialize`
---* Raises `serialize can't pack too depth table` for more than 32 tables inside of each other
---* Since 0.1.0.
---@param ... nil|boolean|number|string|table|lightuserdata
---@return lightuserdata msg the caller's, to be sent or freed with `skynet.trash`
---@return integer size
function skynet.pack(...) end

---The same, as a string.
---
---* Since 0.1.0.
---@param ... any as of `skynet.pack`
---@return string bytes
function skynet.packstring(...) end

---Returns the values that were packed. It does not free the block.
---
---* Raises `Invalid serialize stream N (line:L)` for bytes that `skynet.pack` did not make
---* Since 0.1.0.
---@param msg string|lightuserdata|nil
---@param size? integer
---@return any ...
function skynet.unpack(msg, size) end

---Copies a block into a string.
---
---* Since 0.1.0.
---@param msg lightuserdata|string|nil
---@param size integer
---@return string text
function skynet.tostring(msg, size) end

---Frees a block that nobody took. A string is left alone.
---
---* Raises `skynet.trash invalid param T`
---* Since 0.1.0.
---@param msg lightuserdata|string
---@param size integer
function skynet.trash(msg, size) end

---Gives the present task a tag of its own.
---
---* Raises `skynet.trace must run in a task of the service`
---* Since 0.1.0.
---@param info? any a word for the first line
function skynet.trace(info) end

---The tag of the present task.
---
---* Since 0.1.0.
---@return string|boolean|nil tag false when the protocol of the request is never traced
function skynet.tracetag() end

---Writes a line of a trace.
---
---* Since 0.1.0.
---@param tag string
---@param text string
---@param co? thread whose places are shown; the caller's if nil
---@param level? integer
function skynet.tracelog(tag, text, co, level) end

---Sets which requests of this service are traced; `trace` of the debug console does the same from
---outside.
---
---* Since 0.1.0.
---@param typename string|integer
---@param flag boolean|nil true: every request of the protocol gets a tag; false: none has one; nil: those that bring one
function skynet.traceproto(typename, flag) end

---`skynet.rawcall` between two lines of the trace.
---
---* Since 0.1.0.
---@async
---@param tag string
---@param addr integer|string
---@param typename string|integer
---@param msg string|lightuserdata
---@param size integer
---@return lightuserdata msg
---@return integer size
function skynet.tracecall(tag, addr, typename, msg, size) end

---While it is on, `skynet.task` shows the timeouts that are pending, with the place where each was
---set.
---
---* Since 0.1.0.
---@param on boolean
function skynet.trace_timeout(on) end

---Begins the service like `skynet.start`, but messages of the types in `map` are dispatched as others,
---and their blocks are not freed: the dispatch function must pass them on or free them.
---
---* Since 0.1.0.
---@param map table type of a message to the type as which it is dispatched
---@param f function as of `skynet.start`
function skynet.forward_type(map, f) end

---Begins the service like `skynet.start`, and shows every message to `func` before it is dispatched.
---
---* Since 0.1.0.
---@param func function `func(type, msg, size, session, source)` returns the same five values, changed or not
---@param f function as of `skynet.start`
function skynet.filter(func, f) end

---Dispatches a message that a callback of `skynet.core.callback` got. The block stays the callback's.
---
---* Raises `skynet.dispatch_message belongs into skynet.core.callback`
---* Since 0.1.0.
---@param type integer
---@param msg lightuserdata|nil
---@param size integer
---@param session? integer
---@param source? integer
function skynet.dispatch_message(type, msg, size, session, source) end

---@class skynet.request
local request = {}

---Adds a request; `r { ... }` does the same.
---
---* Raises `select was called already`
---* Since 0.1.0.
---@param req table as of `skynet.request`
---@return skynet.request self
function request:add(req) end

---Sends the requests; for a generic `for`, whose steps wait.
---
---* Since 0.1.0.
---@async
---@param ti? integer centiseconds, else as long as it takes
---@return function next
---@return skynet.request self
---@return nil first
---@return skynet.request closing
function request:select(ti) end

---Gives up what is not answered yet. Leaving the loop does it.
---
---* Since 0.1.0.
function request:close() end

---@class skynet.timer
local timer = {}

---Cancels the timer.
---
---* Since 0.1.0.
---@return boolean stopped true when the function will not run; false when it has run, or was cancelled before
function timer:cancel() end

return skynet
