---@meta skynet.snax
-- Made by lua/doc/generate.py out of lua/doc/ref/snax.ref: edit it there.

---Services whose methods are functions of a script, and objects that call them. The key `snax` of the
---configuration (`env: { snax: ... }` in YAML) says where the scripts are: patterns with `?` for the
---name, `;` between them; without it they lie where services do (`lua.service_path`). Who calls a
---service reads its script too, to learn its methods, so all nodes need the same version of it.
---
---
---
---
---
---A script defines `function accept.NAME` and `function response.NAME`, and the functions `init`,
---`exit`, `hotfix` and `profile` if it wants; other globals are the service's own. In the service
---`SERVICE_NAME` is the name, and modules in the folder of that name beside the script are found
---first. Where a caller reads the script, `require` returns nothing and there are no other globals, so
---what stands outside of its functions must not depend on them. Another environment comes from the
---module that the key `snax_interface_g` names, another way to find the script from the file that
---`snax_loader` names: it returns a function `(path, name, env)` that returns a chunk and a pattern.
---@class skynet.snax
local snax = {}

---Starts a snax service. An object has the fields `type`, `handle`, `post` (its methods of `accept`)
---and `req` (those of `response`). `obj.post.f(...)` sends, `obj.req.f(...)` calls and returns what
---the method returned. A method that is not there raises `post T:f no exist` or
---`request T:f no exist`.
---
---* Raises `call failed: ...` when `init` raised; the service has ended then
---* Raises `please set snax in config file`
---* Since 0.1.0.
---@async
---@param name string
---@param ... any arguments of `init`
---@return table object
function snax.newservice(name, ...) end

---The same, without an object.
---
---* Raises the errors of `snax.newservice`
---* Since 0.1.0.
---@async
---@param name string
---@param ... any
---@return integer handle
function snax.rawnewservice(name, ...) end

---Returns the only one of that name on this node, which is started if there is none.
---
---* Raises why it failed to start; all later calls raise the same
---* Since 0.1.0.
---@async
---@param name string
---@param ... any arguments of `init`, if it is started
---@return table object
function snax.uniqueservice(name, ...) end

---Returns the only one of that name in the network of harbor, which runs on the master's node.
---
---* Raises why it failed to start; all later calls raise the same
---* Since 0.1.0.
---@async
---@param name string
---@param ... any arguments of `init`, if it is started
---@return table object
function snax.globalservice(name, ...) end

---Returns the only one on this node, and waits until somebody starts it.
---
---* Raises why it failed to start
---* Since 0.1.0.
---@async
---@param name string
---@return table object
function snax.queryservice(name) end

---Returns the only one in the network, and waits until somebody starts it.
---
---* Raises why it failed to start
---* Since 0.1.0.
---@async
---@param name string
---@return table object
function snax.queryglobal(name) end

---Makes an object of a handle.
---
---* Raises `:0000000a is a snax service of type 'a', not 'b'`
---* Since 0.1.0.
---@param handle integer
---@param name string
---@return table object the same one each time, while somebody has it
function snax.bind(handle, name) end

---Returns the object of this snax service.
---
---* Since 0.1.0.
---@return table object
function snax.self() end

---Has the service run `exit` and end.
---
---* Raises `call failed: ...` when `exit` raised; the service lives on then
---* Since 0.1.0.
---@async
---@param obj table
---@param ... any arguments of `exit`
function snax.kill(obj, ...) end

---Ends this service in the same way.
---
---* Since 0.1.0.
---@async
---@param ... any arguments of `exit`
function snax.exit(...) end

---Replaces functions of the service by those of the same names that the script defines. Local
---variables that the script declares without a value are the ones of the same name that the service's
---functions use. Then the script's `hotfix(...)` is called, if it has one. When anything but that call
---fails, nothing is replaced.
---
---* Raises `Patch mismatch group.name`: the service has no such function
---* Raises `ambiguity local value X`: the service's functions use several variables of that name
---* Since 0.1.0.
---@async
---@param obj table
---@param source string a script
---@param ... any arguments of its `hotfix`
---@return any ... what its `hotfix` returned
function snax.hotfix(obj, source, ...) end

---Returns the methods of a snax service. Its script is read once.
---
---* Raises why the script cannot be read
---* Since 0.1.0.
---@param name string
---@return table interface `{ name =, accept = { method = id }, response =, system = }`
function snax.interface(name) end

---Returns how often each method ran and how many seconds of processor time it took.
---
---* Since 0.1.0.
---@async
---@param obj table
---@return table rows `{ method = { count =, time = } }`
function snax.profile_info(obj) end

---Writes a line of the log, by way of `string.format`.
---
---* Since 0.1.0.
---@param fmt string
---@param ... any
function snax.printf(fmt, ...) end

---Has messages of the type `lua` call the methods too, with the id of the method and its arguments,
---for `cluster.snax` on other nodes.
---
---* Raises `snax.enablecluster belongs into a snax service`
---* Since 0.1.0.
function snax.enablecluster() end

return snax
