-- SPDX-License-Identifier: MIT
return require "skynet.datacenter"
