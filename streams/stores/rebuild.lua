-- Takes away all of a partition that Kafka brings again; whoever holds it takes it anew and reads from the beginning.
-- The outbox, its sequence, the digests of erased names and the epoch stay.
-- KEYS, all of one slot:
--   1 epoch       integer  compared
--   2 generation  string   names of the last takes, newest first; compared
--   3 writes      integer  raised by more than one write does, so that the owner sees at its next look that it has lost
--   4 days        hash     day -> customers in its list, which is the key `<days>:<day>` (in the same slot)
--   and on        keys to remove
-- ARGV:
--   1 epoch       of the owner, or '' for whoever it is
--   2 generation  of the owner, or ''
--   3 last        day of which there may be a list, though the hash that says so is gone
-- Returns 1; 0 where another owner has taken the partition.
if ARGV[1] ~= '' then
  local newest = string.match(redis.call('GET', KEYS[2]) or '', '^%S*')
  if redis.call('GET', KEYS[1]) ~= ARGV[1] or newest ~= ARGV[2] then
    return 0
  end
end
for day = 0, tonumber(ARGV[3]) do
  redis.call('UNLINK', KEYS[4] .. ':' .. day)
end
for key = 4, #KEYS do
  redis.call('UNLINK', KEYS[key])
end
local writes = redis.pcall('GET', KEYS[3])
if type(writes) == 'table' or not tonumber(writes or '0') then
  -- It holds no number: begun anew, since no owner knows what it was.
  redis.call('SET', KEYS[3], '0')
end
redis.call('INCRBY', KEYS[3], 2)
return 1
