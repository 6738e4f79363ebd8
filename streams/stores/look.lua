-- Step 6, first part: reads a partition before a write, while its epoch and its count of writes are watched.
-- KEYS, all of one slot, all written by the partition's owner alone; only read here:
--   1 epoch       integer  the owner's epoch
--   2 generation  string   names of the last takes, newest first; it changes with the epoch alone, so is not watched
--   3 writes      integer  writes that the partition has seen
--   4 definitions hash     the marker is read
--   5 states, 6 aggregates, 7 offsets: hashes; 8 timers: sorted set; 9 days: hash; 10 suppressed: set; all are counted
--   and on        hashes of which fields are read: offsets, aggregates, days
-- ARGV: for each of these hashes, the number of fields, then the fields
-- Returns {epoch, generation, writes, revision, {states, aggregates, offsets, timers, days, suppressed}, {value, ...}, ...},
-- with false for what does not exist.
-- One call instead of one HMGET a hash: a single round trip between WATCH and MULTI.
local found = {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3]),
  redis.call('HGET', KEYS[4], 'revision'), {
  redis.call('HLEN', KEYS[5]),
  redis.call('HLEN', KEYS[6]),
  redis.call('HLEN', KEYS[7]),
  redis.call('ZCARD', KEYS[8]),
  redis.call('HLEN', KEYS[9]),
  redis.call('SCARD', KEYS[10]),
}}
local at = 1
for key = 11, #KEYS do
  local values, last = {}, at + ARGV[at]
  for i = at + 1, last do
    values[#values + 1] = redis.call('HGET', KEYS[key], ARGV[i])
  end
  found[#found + 1] = values
  at = last + 1
end
return found
