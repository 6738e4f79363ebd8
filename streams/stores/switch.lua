-- Step 6 of a repartition: replaces a partition by its verified copy. All or nothing; a second call changes nothing.
-- KEYS, all of one slot:
--   1 epoch   integer  the owner's; only compared
--   2 layout  integer  of the repartition; the number of partitions of the last move; set here
--   3 next    integer  of the repartition; customers in the copy, written when the copy was verified; deleted here
--   4 states  hash     the owner's, 5 its copy; then further pairs of a key of the owner's and its copy:
--             timers sorted set, days hash, aggregates hash, suppressed set, the list of each day.
--             A key without entries does not exist.
-- ARGV:
--   1 epoch   of the command that made the copy
--   2 layout  the new number of partitions
-- Returns 'switched' | 'done' (it was before) | 'taken' (under another epoch) | 'gone' (the copy is not there).
-- The order of the checks matters: after a switch the copy is gone, and the answer must be 'done', not 'gone'.
if redis.call('GET', KEYS[2]) == ARGV[2] then
  return 'done'
end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 'taken'
end
if tonumber(redis.call('GET', KEYS[3]) or '-1') ~= redis.call('HLEN', KEYS[5]) then
  return 'gone'
end
for i = 4, #KEYS, 2 do
  redis.call('UNLINK', KEYS[i])
  if redis.call('EXISTS', KEYS[i + 1]) == 1 then
    redis.call('RENAME', KEYS[i + 1], KEYS[i])
  end
end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[3])
return 'switched'
