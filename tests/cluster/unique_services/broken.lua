-- SPDX-License-Identifier: MIT
error "broken on purpose"
