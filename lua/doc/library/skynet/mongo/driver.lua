---@meta skynet.mongo.driver
-- Made by lua/doc/generate.py out of lua/doc/ref/mongo-driver.ref: edit it there.

---Messages of MongoDB's wire protocol, in C: OP_MSG with one document. `skynet.db.mongo` stands on it.
---@class skynet.mongo.driver
local driver = {}

---A message with this document.
---
---* Since 0.1.0.
---@param id integer the number of the message
---@param flags integer 0, or 2: no answer is wanted
---@param document any a document of `bson`, or a pointer to one
---@return string message
function driver.op_msg(id, flags, document) end

---The size of a message.
---
---* Since 0.1.0.
---@param head string the first 4 bytes of a message
---@return integer size how many follow; a hostile server may say anything
function driver.length(head) end

---Takes an answer apart. The document itself is not looked at: `bson.decode` does that.
---
---* Raises `Unsupported opcode:N`
---* Raises `Unsupported OP_MSG WHAT`
---* Raises `mongo: the server sent a message of N bytes`
---* Since 0.1.0.
---@param message string without its first 4 bytes
---@return boolean ok true
---@return integer id of the message that it answers
---@return lightuserdata document a pointer into `message`, which must be kept meanwhile
function driver.reply(message) end

return driver
