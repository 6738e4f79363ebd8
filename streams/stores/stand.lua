-- Notes where a partition stands still during a switch, if the caller still owns it.
-- KEYS, all of one slot: 1 epoch integer, 2 generation string; 3 standstill string, which is written
-- ARGV: 1 the epoch, 2 the owner's generation, 3 the JSON of `Standstill` (streams/definitions/switching.py)
-- Returns 1; 0 where another owner has taken the partition.
local newest = string.match(redis.call('GET', KEYS[2]) or '', '^%S*')
if redis.call('GET', KEYS[1]) ~= ARGV[1] or newest ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[3], ARGV[3])
return 1
