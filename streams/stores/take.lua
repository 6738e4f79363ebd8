-- Takes a partition for a new owner: a new epoch, above every earlier one.
-- KEYS, all of one slot, all written by the partition's owner alone; only the epoch is written here:
--   1 epoch       integer   the owner's epoch
--   2 offsets     hash      topic -> next offset to apply; also the fields of sweeps and of routed messages
--   3 sequence    integer   messages ever put into the outbox
--   4 outbox      list      batches of messages that Kafka may not have yet
--   5 writes      integer   writes that the partition has seen
--   6 suppressed  set       digests of erased names
-- ARGV:
--   1 floor       the lowest epoch to take (the wall clock in ms, which grows even after Redis has lost everything)
-- Returns {epoch, {topic, offset, ...}, sequence, {blob, ...}, writes, {digest, ...}}.
-- One script, so that no write of the former owner comes between the new epoch and what is read.
-- The epoch is formatted with all its digits, whatever Lua's default format for large numbers is.
local epoch = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') + 1, tonumber(ARGV[1]))
epoch = string.format('%.0f', epoch)
redis.call('SET', KEYS[1], epoch)
return {
  epoch,
  redis.call('HGETALL', KEYS[2]),
  redis.call('GET', KEYS[3]) or '0',
  redis.call('LRANGE', KEYS[4], 0, -1),
  redis.call('GET', KEYS[5]) or '0',
  redis.call('SMEMBERS', KEYS[6]),
}
