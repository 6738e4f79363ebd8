-- Notes of which topics the offsets are, and changes the offsets of those that were created anew, in one step.
-- KEYS, all of one slot, all written by the partition's owner alone:
--   1 epoch       integer  compared
--   2 generation  string   names of the last takes, newest first; compared
--   3 topics      hash     topic -> Kafka's id of it; `before TOPIC` -> id and offset of the one before
--   4 offsets     hash     topic -> next offset to apply; only fields that exist are written, so its size stays
-- ARGV:
--   1 epoch       of the owner
--   2 generation  of the owner
--   3 count       of the fields of `topics` that follow, each with its value
--   and on        fields of `offsets`, each with its value
-- Returns 1; 0 where another owner has taken the partition.
local newest = string.match(redis.call('GET', KEYS[2]) or '', '^%S*')
if redis.call('GET', KEYS[1]) ~= ARGV[1] or newest ~= ARGV[2] then
  return 0
end
local last = 3 + 2 * tonumber(ARGV[3])
for i = 4, #ARGV, 2 do
  redis.call('HSET', i <= last and KEYS[3] or KEYS[4], ARGV[i], ARGV[i + 1])
end
return 1
