-- Step 6, first part: how a partition stands before a write, while its epoch and its count of writes are watched.
-- KEYS, all of one slot, written by the partition's owner alone:
--   1 epoch       integer
--   2 generation  string   names of the last takes, newest first; changes with the epoch alone, so is not watched
--   3 writes      integer  writes that the partition has seen
--   4 states, 5 aggregates, 6 offsets: hashes; 7 timers: sorted set; 8 days: hash; 9 suppressed: set; all are counted
--   and on        hashes whose fields are wanted
-- ARGV: for each of the last the number of fields, then these
-- Returns {epoch, generation, writes, {states, aggregates, offsets, timers, days, suppressed}, {value, ...}, ...},
-- false where there is nothing.
local found = {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3]), {
  redis.call('HLEN', KEYS[4]),
  redis.call('HLEN', KEYS[5]),
  redis.call('HLEN', KEYS[6]),
  redis.call('ZCARD', KEYS[7]),
  redis.call('HLEN', KEYS[8]),
  redis.call('SCARD', KEYS[9]),
}}
local at = 1
for key = 10, #KEYS do
  local values, last = {}, at + ARGV[at]
  for i = at + 1, last do
    values[#values + 1] = redis.call('HGET', KEYS[key], ARGV[i])
  end
  found[#found + 1] = values
  at = last + 1
end
return found
