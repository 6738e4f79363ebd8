-- Step 6, first part: reads a partition before a write, while its epoch and its count of writes are watched.
-- KEYS, all of one slot, all written by the partition's owner alone; only read here:
--   1 epoch       integer  the owner's epoch
--   2 writes      integer  writes that the partition has seen
--   3 offsets     hash     topic -> next offset to apply
--   4 aggregates  hash     field -> integer
--   5 days        hash     day -> customers in its list
-- ARGV: for each hash from key 3 on, the number of fields, then the fields
-- Returns {epoch, writes, {value, ...}, ...}, with false for what does not exist.
-- One call instead of one HMGET a hash: a single round trip between WATCH and MULTI.
local found = {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])}
local at = 1
for key = 3, #KEYS do
  local values, last = {}, at + ARGV[at]
  for i = at + 1, last do
    values[#values + 1] = redis.call('HGET', KEYS[key], ARGV[i])
  end
  found[key] = values
  at = last + 1
end
return found
