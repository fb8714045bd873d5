-- Deletes a conversation with its threads if it has expired; its receipts keep their own time.
-- KEYS: row, threads. Both in one slot.
-- ARGV: now in milliseconds. Returns -1 when it is gone, otherwise when it expires.
local expiresAt = redis.call("HGET", KEYS[1], "expiresAt")
if expiresAt and tonumber(expiresAt) > tonumber(ARGV[1]) then return expiresAt end
redis.call("UNLINK", KEYS[1], KEYS[2])
return "-1"
