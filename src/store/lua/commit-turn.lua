-- Compare-and-set of a conversation row and one of its threads, and receipts once. All or nothing.
-- Must check everything before the first write: a script that fails halfway is not undone.
-- KEYS: row, threads, receipts, receipt order. All in one slot.
-- ARGV: tenant, expected version, body, added nano-USD, display id, state, profile, turns,
--       created at, updated at, expires at, has thread (1 or 0), thread, its expected version,
--       its body, then request id, at, expires at, body of each receipt.
-- Returns 1 when committed, 0 on a conflict.
local row, threads, receipts, order = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local tenant, expiresAt = ARGV[1], ARGV[11]
local hasThread, thread = ARGV[12] == "1", ARGV[13]
local FIRST_RECEIPT = 16
local PRUNED_PER_COMMIT = 2

local stored = redis.call("HMGET", row, "version", "tenant")
if tonumber(stored[1] or "0") ~= tonumber(ARGV[2]) then return 0 end
if stored[2] and stored[2] ~= tenant then return 0 end
if hasThread then
  local version = redis.call("HGET", threads, "version:" .. thread) or "0"
  if tonumber(version) ~= tonumber(ARGV[14]) then return 0 end
end

-- Receipts are numbered in the order of their commits; the number is the score.
local newest = redis.call("ZREVRANGE", order, 0, 0, "WITHSCORES")
local sequence = tonumber(newest[2] or "0")
local carried, fresh, lastExpiry = 0, 0, 0
for i = FIRST_RECEIPT, #ARGV, 4 do
  carried = carried + 1
  if redis.call("HSETNX", receipts, ARGV[i], ARGV[i + 2] .. ":" .. ARGV[i + 3]) == 1 then
    fresh = fresh + 1
    sequence = sequence + 1
    redis.call("ZADD", order, sequence, ARGV[i])
    lastExpiry = math.max(lastExpiry, tonumber(ARGV[i + 2]))
  end
end
if fresh > 0 then
  -- The key lives as long as its longest-lived receipt; single old receipts leave as new ones come.
  for _, requestId in ipairs(redis.call("ZRANGE", order, 0, PRUNED_PER_COMMIT - 1)) do
    local receipt = redis.call("HGET", receipts, requestId) or ""
    local expiry = tonumber(string.match(receipt, "^(-?%d+):") or "0")
    if expiry <= tonumber(ARGV[FIRST_RECEIPT + 1]) then
      redis.call("HDEL", receipts, requestId)
      redis.call("ZREM", order, requestId)
    end
  end
  if redis.call("PEXPIRETIME", receipts) < lastExpiry then
    redis.call("PEXPIREAT", receipts, lastExpiry)
    redis.call("PEXPIREAT", order, lastExpiry)
  end
end

redis.call("HSET", row, "version", tonumber(ARGV[2]) + 1, "tenant", tenant, "body", ARGV[3],
  "displayId", ARGV[5], "state", ARGV[6], "profile", ARGV[7], "turns", ARGV[8],
  "createdAt", ARGV[9], "updatedAt", ARGV[10], "expiresAt", expiresAt)
local booked = carried > 0 and fresh == 0
redis.call("HINCRBY", row, "spentNanoUsd", booked and "0" or ARGV[4])
if hasThread then
  redis.call("HSET", threads, "version:" .. thread, tonumber(ARGV[14]) + 1,
    "body:" .. thread, ARGV[15])
end
redis.call("PEXPIREAT", row, expiresAt)
redis.call("PEXPIREAT", threads, expiresAt)
return 1
