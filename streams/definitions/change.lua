-- Changes the record of definitions, if nobody else has changed it since it was read.
-- KEYS: 1 the record, a hash
-- ARGV: 1 the revision that was read ('0': none), and on: fields and values to write
-- Returns 1; 0 where another revision is there by now.
if (redis.call('HGET', KEYS[1], 'revision') or '0') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
