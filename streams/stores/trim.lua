-- Step 7, last part: the outbox is empty once its newest batch of messages is published; those before it were earlier.
-- KEYS, all of one slot: 1 epoch integer, 2 sequence integer, 3 outbox list
-- ARGV: 1 epoch, 2 the sequence after the batch that was published
-- Returns 1 when that was the newest; a repeat of the call, or one that comes too late, removes nothing.
if redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('GET', KEYS[2]) == ARGV[2] then
  return redis.call('DEL', KEYS[3])
end
return 0
