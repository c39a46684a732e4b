-- SPDX-License-Identifier: MIT
return require "skynet.dns"
