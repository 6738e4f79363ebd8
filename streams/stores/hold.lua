-- Takes a partition so that nobody who held it before can write: for commands that change what workers have stored.
-- KEYS, all of one slot: 1 epoch integer, 2 writes integer, 3 layout integer
-- Returns {epoch, writes, layout ('' for none)}.
local epoch = string.format('%.0f', tonumber(redis.call('GET', KEYS[1]) or '0') + 1)
redis.call('SET', KEYS[1], epoch)
return {epoch, redis.call('GET', KEYS[2]) or '0', redis.call('GET', KEYS[3]) or ''}
