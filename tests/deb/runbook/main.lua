local skynet = require "skynet"
require "skynet.manager"

skynet.start(function()
	skynet.register ".main"
	skynet.dispatch("lua", function(_, _, word) skynet.ret(skynet.pack(word)) end)
end)
