-- Step 7, last part: empties the outbox when its newest batch of messages has been published.
-- The earlier batches in it were published before that one, since a partition publishes in order.
-- KEYS, all of one slot, all written by the partition's owner alone:
--   1 epoch       integer  only compared
--   2 generation  string   names of the last takes, newest first; only compared
--   3 sequence    integer  messages ever put into the outbox; only compared
--   4 outbox      list     batches of messages; deleted here
-- ARGV:
--   1 epoch       of the caller
--   2 generation  of the caller
--   3 sequence    the last one of the batch that was published
-- Returns 1 when the outbox was emptied, 0 otherwise: a repeated or late call must not remove newer messages.
local is_owner = redis.call('GET', KEYS[1]) == ARGV[1]
  and string.match(redis.call('GET', KEYS[2]) or '', '^%S*') == ARGV[2]
if is_owner and redis.call('GET', KEYS[3]) == ARGV[3] then
  return redis.call('DEL', KEYS[4])
end
return 0
