-- Step 6: one batch's changes, all or none, if the writer still owns the partition.
-- KEYS, all of one slot, written by the partition's owner alone:
--   1 epoch       integer     compared, never written
--   2 offsets     hash        topic -> next offset to apply
--   3 states      hash        customer -> record
--   4 aggregates  hash        field -> integer
--   5 timers      sorted set  customer by due ms
--   6 outbox      list        one blob of messages a batch
--   7 sequence    integer     messages ever put into the outbox
--   8 writes      integer     writes that the partition has seen
-- ARGV:
--   1 epoch  2 writes before  3 outbox blob ('' for none)  4 sequence after
--   5 number of values for offsets, 6 states, 7 aggregates, 8 timers, 9 settled timers; then these values, flat
-- Returns {'applied'} | {'again'} (this very batch is in already) | {'fenced', epoch} | {'lost', writes}.
local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then
  return {'fenced', epoch or ''}
end
-- Every write counts, whichever topic it is of: a store that has lost its last writes may still hold this topic's
-- offset, and states that the owner has cached since would bring half of what was lost.
local writes = tonumber(redis.call('GET', KEYS[8]) or '0')
local before = tonumber(ARGV[2])
local OFFSETS = 10
local states_at = OFFSETS + tonumber(ARGV[5])
if writes ~= before then
  local again = writes == before + 1
  for i = OFFSETS, states_at - 1, 2 do
    again = again and redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[i + 1]
  end
  return again and {'again'} or {'lost', tostring(writes)}
end
-- The first write is one that Redis refuses when its memory is full, so that a refusal leaves nothing behind.
redis.call('HSET', KEYS[2], unpack(ARGV, OFFSETS, states_at - 1))
redis.call('INCR', KEYS[8])
-- Lua unpacks fewer than 8,000 values at once.
local CHUNK = 4000
local first = states_at
local function each_chunk(count, write)
  local last = first + count - 1
  while first <= last do
    write(first, math.min(first + CHUNK - 1, last))
    first = first + CHUNK
  end
  first = last + 1
end
each_chunk(tonumber(ARGV[6]), function(from, to) redis.call('HSET', KEYS[3], unpack(ARGV, from, to)) end)
local last = first + tonumber(ARGV[7]) - 1
for i = first, last, 2 do
  if redis.call('HINCRBY', KEYS[4], ARGV[i], ARGV[i + 1]) == 0 then
    redis.call('HDEL', KEYS[4], ARGV[i])
  end
end
first = last + 1
each_chunk(tonumber(ARGV[8]), function(from, to) redis.call('ZADD', KEYS[5], unpack(ARGV, from, to)) end)
each_chunk(tonumber(ARGV[9]), function(from, to) redis.call('ZREM', KEYS[5], unpack(ARGV, from, to)) end)
if ARGV[3] ~= '' then
  redis.call('RPUSH', KEYS[6], ARGV[3])
  redis.call('SET', KEYS[7], ARGV[4])
end
return {'applied'}
