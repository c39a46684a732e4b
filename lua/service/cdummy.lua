-- SPDX-License-Identifier: MIT
-- .cslave of a single node. Here it is the same service as in a cluster: the control plane in C
-- answers for both.
assert(loadfile(SERVICE_PATH .. "cslave.lua"))(...)
