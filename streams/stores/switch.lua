-- Puts a verified copy of a partition in the place of what was there. All or nothing; a second call changes nothing.
-- KEYS, all of one slot:
--   1 epoch   integer   compared, never written
--   2 layout  integer   over how many partitions the states are spread
--   3 next    integer   customers in the copy; written when the copy was found right
--   4 states, 5 their copy, and so on by pairs: what is there, and its copy; one without entries does not exist
-- ARGV: 1 the epoch of whoever made the copy, 2 the new layout
-- Returns 'switched' | 'done' (it was already) | 'taken' (by another epoch) | 'gone' (the copy is not there).
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
