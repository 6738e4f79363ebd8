-- Step 6, first part: how a partition stands before a write, while its epoch and its count of writes are watched.
-- KEYS, all of one slot, written by the partition's owner alone:
--   1 epoch       integer
--   2 generation  string   names of the last takes, newest first; changes with the epoch alone, so is not watched
--   3 writes      integer  writes that the partition has seen
--   and on        hashes
-- ARGV: for each hash the number of fields that are wanted, then these
-- Returns {epoch, generation, writes, {value, ...}, ...}, false where there is nothing.
local found = {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3])}
local at = 1
for key = 4, #KEYS do
  local values, last = {}, at + ARGV[at]
  for i = at + 1, last do
    values[#values + 1] = redis.call('HGET', KEYS[key], ARGV[i])
  end
  found[key] = values
  at = last + 1
end
return found
