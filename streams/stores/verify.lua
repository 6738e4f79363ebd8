-- How a partition stands while there is nothing to write; where all is as its owner believes, its sizes are stored, and
-- that the owner has looked.
-- KEYS, all of one slot: 1 epoch integer, 2 generation string, 3 writes integer, 4 sizes string, and the keys that are
--   counted: 5 states, 6 aggregates, 7 offsets: hashes; 8 timers: sorted set; 9 days: hash; 10 suppressed: set; then
--   11 definitions hash: the marker is read
--   12 attended string, which expires: the generation of the owner that looked last
-- ARGV: 1 the epoch, 2 the owner's generation, 3 the writes and 4 what is stored of the sizes, as the owner believes;
--   5 milliseconds after which `attended` expires; 6 milliseconds that must be left of it: it is not written again then
-- Returns {epoch, generation, writes, {states, aggregates, offsets, timers, days, suppressed}, revision}.
local epoch, generation = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
local writes = redis.call('GET', KEYS[3])
local sizes = {
  redis.call('HLEN', KEYS[5]),
  redis.call('HLEN', KEYS[6]),
  redis.call('HLEN', KEYS[7]),
  redis.call('ZCARD', KEYS[8]),
  redis.call('HLEN', KEYS[9]),
  redis.call('SCARD', KEYS[10]),
}
local holds_it = epoch == ARGV[1] and string.match(generation or '', '^%S*') == ARGV[2]
local is_owner = holds_it and writes == ARGV[3]
-- Before each write only the least is known that it leaves; at rest it is known exactly.
if is_owner and ARGV[3] .. ' ' .. table.concat(sizes, ' ') == ARGV[4] and redis.call('GET', KEYS[4]) ~= ARGV[4] then
  redis.call('SET', KEYS[4], ARGV[4])
end
-- A look a second is no write a second. Where nothing was ever written there is no count of writes either.
if holds_it and (writes or '0') == ARGV[3] and redis.call('PTTL', KEYS[12]) < tonumber(ARGV[6]) then
  redis.call('SET', KEYS[12], ARGV[2], 'PX', ARGV[5])
end
return {epoch, generation, writes, sizes, redis.call('HGET', KEYS[11], 'revision')}
