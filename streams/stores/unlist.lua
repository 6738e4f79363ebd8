-- Step 6, erased names: removes them from the lists of all days.
-- KEYS, written by the partition's owner alone:
--   1 days  hash  day -> customers in its list
--   The lists are the keys `<days>:<day>`, in the same slot by their hash tag. They are not in KEYS, since only the
--   hash says which days there are; read inside the transaction, it cannot change in between.
-- ARGV: the names
-- A look through every list costs more than a look-up would; erasures are rare, and lists are cheap for all else.
-- Returns the number of days whose list is empty now; their fields are removed.
local emptied = 0
for _, day in ipairs(redis.call('HKEYS', KEYS[1])) do
  local taken = 0
  for _, name in ipairs(ARGV) do
    taken = taken + redis.call('LREM', KEYS[1] .. ':' .. day, 0, name)
  end
  if taken > 0 and redis.call('HINCRBY', KEYS[1], day, -taken) == 0 then
    emptied = emptied + redis.call('HDEL', KEYS[1], day)
  end
end
return emptied
