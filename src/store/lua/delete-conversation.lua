-- Deletes a conversation with its threads, receipts and quarantined copies.
-- Must leave another tenant's conversation alone.
-- KEYS: row, threads, receipts, receipt order, quarantine. All in one slot.
-- ARGV: tenant. Returns 1 when the conversation was there.
local tenant = redis.call("HGET", KEYS[1], "tenant")
if tenant and tenant ~= ARGV[1] then return 0 end
redis.call("UNLINK", unpack(KEYS))
return tenant and 1 or 0
