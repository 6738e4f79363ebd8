-- Step 7, last part: empties the outbox when its newest batch of messages has been published.
-- The earlier batches in it were published before that one, since a partition publishes in order.
-- KEYS, all of one slot, all written by the partition's owner alone:
--   1 epoch     integer  only compared
--   2 sequence  integer  messages ever put into the outbox; only compared
--   3 outbox    list     batches of messages; deleted here
-- ARGV:
--   1 epoch     of the caller
--   2 sequence  the last one of the batch that was published
-- Returns 1 when the outbox was emptied, 0 otherwise: a repeated or late call must not remove newer messages.
if redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('GET', KEYS[2]) == ARGV[2] then
  return redis.call('DEL', KEYS[3])
end
return 0
