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
--   1 epoch  2 topic  3 writes before  4 offset after
--   5 outbox blob ('' for none)  6 sequence after
--   7 number of values for states, 8 for aggregates, 9 for timers, 10 for settled timers; then these values, flat
-- Returns {'applied'} | {'again'} (this very batch is in already) | {'fenced', epoch} | {'lost', writes}.
local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then
  return {'fenced', epoch or ''}
end
-- Every write counts, whichever topic it is of: a store that has lost its last writes may still hold this topic's
-- offset, and states that the owner has cached since would bring half of what was lost.
local writes = tonumber(redis.call('GET', KEYS[8]) or '0')
local before = tonumber(ARGV[3])
if writes ~= before then
  if writes == before + 1 and redis.call('HGET', KEYS[2], ARGV[2]) == ARGV[4] then
    return {'again'}
  end
  return {'lost', tostring(writes)}
end
-- The first write is one that Redis refuses when its memory is full, so that a refusal leaves nothing behind.
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
redis.call('INCR', KEYS[8])
-- Lua unpacks fewer than 8,000 values at once.
local CHUNK = 4000
local first = 11
local function each_chunk(count, write)
  local last = first + count - 1
  while first <= last do
    write(first, math.min(first + CHUNK - 1, last))
    first = first + CHUNK
  end
  first = last + 1
end
each_chunk(tonumber(ARGV[7]), function(from, to) redis.call('HSET', KEYS[3], unpack(ARGV, from, to)) end)
local last = first + tonumber(ARGV[8]) - 1
for i = first, last, 2 do
  if redis.call('HINCRBY', KEYS[4], ARGV[i], ARGV[i + 1]) == 0 then
    redis.call('HDEL', KEYS[4], ARGV[i])
  end
end
first = last + 1
each_chunk(tonumber(ARGV[9]), function(from, to) redis.call('ZADD', KEYS[5], unpack(ARGV, from, to)) end)
each_chunk(tonumber(ARGV[10]), function(from, to) redis.call('ZREM', KEYS[5], unpack(ARGV, from, to)) end)
if ARGV[5] ~= '' then
  redis.call('RPUSH', KEYS[6], ARGV[5])
  redis.call('SET', KEYS[7], ARGV[6])
end
return {'applied'}
