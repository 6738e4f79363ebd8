-- Step 6: one batch's changes, all or none, if the writer still owns the partition.
-- KEYS, all of one slot, written by the partition's owner alone:
--   1 epoch    integer  compared, never written
--   2 writes   integer  writes that the partition has seen
--   3 offsets  hash     topic -> next offset to apply
--   4 and on   the key of each section, in their order
-- ARGV:
--   1 epoch  2 writes before
--   3 number of values for offsets, then these values
--   then the sections: a command, the number of its values, these values
-- A section is one command on its key, called with these values in as many pieces as it takes: any that takes them one
-- by one or in pairs (HSET, HDEL, SADD, ZADD, ZREM, RPUSH), or few (SET, LTRIM), or
--   SUM     hash   field, difference, ...: added up; a field at zero is removed
--   UNLIST  hash   name, ...: taken out of the list of every day that it counts (in the same slot, by its name)
-- Returns {'applied'} | {'again'} (this very batch is in already) | {'fenced', epoch} | {'lost', writes}.
local epoch = redis.call('GET', KEYS[1])
if epoch ~= ARGV[1] then
  return {'fenced', epoch or ''}
end
-- Every write counts, whichever topic it is of: a store that has lost its last writes may still hold this topic's
-- offset, and states that the owner has cached since would bring half of what was lost.
local writes = tonumber(redis.call('GET', KEYS[2]) or '0')
local before = tonumber(ARGV[2])
local OFFSETS = 4
local at = OFFSETS + tonumber(ARGV[3])
if writes ~= before then
  local again = writes == before + 1
  for i = OFFSETS, at - 1, 2 do
    again = again and redis.call('HGET', KEYS[3], ARGV[i]) == ARGV[i + 1]
  end
  return again and {'again'} or {'lost', tostring(writes)}
end
-- The first write is one that Redis refuses when its memory is full, so that a refusal leaves nothing behind.
redis.call('HSET', KEYS[3], unpack(ARGV, OFFSETS, at - 1))
redis.call('INCR', KEYS[2])
local function sum(key, first, last)
  for i = first, last, 2 do
    if redis.call('HINCRBY', key, ARGV[i], ARGV[i + 1]) == 0 then
      redis.call('HDEL', key, ARGV[i])
    end
  end
end
local function unlist(key, first, last)
  for _, day in ipairs(redis.call('HKEYS', key)) do
    local taken = 0
    for i = first, last do
      taken = taken + redis.call('LREM', key .. ':' .. day, 0, ARGV[i])
    end
    if taken > 0 and redis.call('HINCRBY', key, day, -taken) == 0 then
      redis.call('HDEL', key, day)
    end
  end
end
-- Lua unpacks fewer than 8,000 values at once; an even number keeps pairs together.
local CHUNK = 4000
local function call(command, key, first, last)
  for from = first, last, CHUNK do
    redis.call(command, key, unpack(ARGV, from, math.min(from + CHUNK - 1, last)))
  end
end
for section = 4, #KEYS do
  local command, last = ARGV[at], at + 1 + tonumber(ARGV[at + 1])
  if command == 'SUM' then
    sum(KEYS[section], at + 2, last)
  elseif command == 'UNLIST' then
    unlist(KEYS[section], at + 2, last)
  else
    call(command, KEYS[section], at + 2, last)
  end
  at = last + 1
end
return {'applied'}
