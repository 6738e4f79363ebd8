-- Takes a partition so that nobody who held it before can write: for commands that change what workers have stored.
-- KEYS, all of one slot: 1 epoch integer, 2 writes integer, 3 layout integer
-- ARGV: 1 floor, the lowest epoch to take (the wall clock in ms)
-- Returns {epoch, writes, layout ('' for none)}.
local epoch = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') + 1, tonumber(ARGV[1]))
epoch = string.format('%.0f', epoch)
redis.call('SET', KEYS[1], epoch)
return {epoch, redis.call('GET', KEYS[2]) or '0', redis.call('GET', KEYS[3]) or ''}
