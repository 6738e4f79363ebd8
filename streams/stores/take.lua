-- Takes a partition for a new owner: the next epoch, and a name that no other take has.
-- KEYS, all of one slot, all written by the partition's owner alone; epoch and generation are written here:
--   1 epoch       integer   the owner's epoch
--   2 generation  string    names of the last takes, newest first, with spaces between them
--   3 offsets     hash      topic -> next offset to apply; also the fields of sweeps and of routed messages
--   4 sequence    integer   messages ever put into the outbox
--   5 outbox      list      batches of messages that Kafka may not have yet
--   6 writes      integer   writes that the partition has seen
--   7 suppressed  set       digests of erased names
--   8 sizes       string    entries that the keys have at least
--   9 states, 10 aggregates, 3 again: offsets, 11 timers, 12 days: counted
--   13 published       hash      topic -> offset before which everything was published
--   14 topics          hash      topic -> Kafka's id of it; `before TOPIC` -> id and offset of the one before
--   15 definitions     hash      the marker and how far the states have been looked at
-- ARGV:
--   1 floor       the lowest epoch to take: above every epoch that the caller's process has held
--   2 name        of this take
--   3 most        how many names are kept
-- Returns {epoch, generation, {topic, offset, ...}, sequence, {blob, ...}, writes, {digest, ...}, sizes,
--   {states, aggregates, offsets, timers, days, suppressed}, {topic, offset, ...}, {topic, id, ...},
--   {revision, number, left, states, ...}}.
-- One script, so that no write of the former owner comes between the new epoch and what is read.
-- The epoch is formatted with all its digits, whatever Lua's default format for large numbers is.
local epoch = math.max((tonumber(redis.call('GET', KEYS[1]) or '0') or 0) + 1, tonumber(ARGV[1]))
epoch = string.format('%.0f', epoch)
redis.call('SET', KEYS[1], epoch)
local names = {ARGV[2]}
for name in string.gmatch(redis.call('GET', KEYS[2]) or '', '%S+') do
  if #names < tonumber(ARGV[3]) then
    names[#names + 1] = name
  end
end
local generation = table.concat(names, ' ')
redis.call('SET', KEYS[2], generation)
return {
  epoch,
  generation,
  redis.call('HGETALL', KEYS[3]),
  redis.call('GET', KEYS[4]) or '0',
  redis.call('LRANGE', KEYS[5], 0, -1),
  redis.call('GET', KEYS[6]) or '0',
  redis.call('SMEMBERS', KEYS[7]),
  redis.call('GET', KEYS[8]) or '',
  {
    redis.call('HLEN', KEYS[9]),
    redis.call('HLEN', KEYS[10]),
    redis.call('HLEN', KEYS[3]),
    redis.call('ZCARD', KEYS[11]),
    redis.call('HLEN', KEYS[12]),
    redis.call('SCARD', KEYS[7]),
  },
  redis.call('HGETALL', KEYS[13]),
  redis.call('HGETALL', KEYS[14]),
  redis.call('HGETALL', KEYS[15]),
}
