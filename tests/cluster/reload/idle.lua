require("skynet").start(function() end)
