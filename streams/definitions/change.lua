-- Changes the record of definitions, if nobody else has changed it since it was read.
-- KEYS: 1 the record, a hash
-- ARGV: 1 what the field `revision` was when the record was read ('0': it was not there, or the key is no hash), 2 '1'
--   where the record is damaged and removed first, and on: fields and values to write
-- Returns 1; 0 where another revision is there by now.
local revision = redis.pcall('HGET', KEYS[1], 'revision') or '0'
if type(revision) == 'table' and ARGV[2] == '1' then
  revision = '0'
end
if revision ~= ARGV[1] then
  return 0
end
if ARGV[2] == '1' then
  redis.call('DEL', KEYS[1])
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
return 1
