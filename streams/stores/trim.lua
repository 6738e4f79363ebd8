-- Step 7, last part: the outbox is empty once its newest batch of messages is published; those before it were earlier.
-- KEYS, all of one slot: 1 epoch integer, 2 generation string, 3 sequence integer, 4 outbox list
-- ARGV: 1 epoch, 2 the owner's generation, 3 the sequence after the batch that was published
-- Returns 1 when that was the newest; a repeat of the call, or one that comes too late, removes nothing.
local is_owner = redis.call('GET', KEYS[1]) == ARGV[1]
  and string.match(redis.call('GET', KEYS[2]) or '', '^%S*') == ARGV[2]
if is_owner and redis.call('GET', KEYS[3]) == ARGV[3] then
  return redis.call('DEL', KEYS[4])
end
return 0
