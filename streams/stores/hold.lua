-- Takes a partition for a command that changes what workers have stored: no earlier holder can write any more.
-- KEYS, all of one slot:
--   1 epoch   integer  the owner's; raised here, so that the command is the owner
--   2 writes  integer  the owner's; writes that the partition has seen; only read
--   3 layout  integer  of the repartition; the number of partitions of the last move; only read
-- Returns {epoch, writes, layout ('' for none)}.
-- The epoch is formatted with all its digits, whatever Lua's default format for large numbers is.
local epoch = string.format('%.0f', tonumber(redis.call('GET', KEYS[1]) or '0') + 1)
redis.call('SET', KEYS[1], epoch)
return {epoch, redis.call('GET', KEYS[2]) or '0', redis.call('GET', KEYS[3]) or ''}
