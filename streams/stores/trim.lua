-- Step 7, last part: the oldest batch of messages leaves the outbox, if it is the one that was published.
-- KEYS: 1 epoch integer, 2 outbox list (both of one slot)
-- ARGV: 1 epoch, 2 the blob that was published
-- Returns 1 when it was removed; a repeat of the call removes nothing.
if redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('LINDEX', KEYS[2], 0) == ARGV[2] then
  redis.call('LPOP', KEYS[2])
  return 1
end
return 0
