-- Step 6, erased names: taken out of the list of every day.
-- KEYS: 1 days hash: day -> customers in its list, which is the key `<days>:<day>` (in the same slot, by its name)
-- ARGV: names
-- Returns the number of days whose list is empty now; their fields are gone.
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
