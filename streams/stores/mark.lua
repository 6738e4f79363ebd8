-- Moves a partition's marker to a revision of the definitions, and notes how far the states have been looked at.
-- KEYS, all of one slot: 1 epoch integer, 2 generation string; 3 definitions hash, which is written
-- ARGV: 1 the epoch, 2 the owner's generation, 3 the revision, 4 states left to look at
-- Returns 1; 0 where another owner has taken the partition.
local newest = string.match(redis.call('GET', KEYS[2]) or '', '^%S*')
if redis.call('GET', KEYS[1]) ~= ARGV[1] or newest ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[3], 'revision', ARGV[3], 'left', ARGV[4])
if ARGV[4] == '0' then
  redis.call('HSET', KEYS[3], 'looked', ARGV[3])
end
return 1
