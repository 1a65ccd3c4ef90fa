-- What all gateways of a prefix must agree on. KEYS: `meta`; ARGV: partitions, servers. The first
-- one says it. Answers OK, or what is there instead.
local here = redis.call('HMGET', KEYS[1], 'partitions', 'servers')
if not here[1] then
	redis.call('HSET', KEYS[1], 'partitions', ARGV[1], 'servers', ARGV[2])
elseif here[1] ~= ARGV[1] or here[2] ~= ARGV[2] then
	return here[1] .. ' partitions, servers: ' .. (here[2] or '')
end
return 'OK'
