-- KEYS: a topic's `c`. Its connections on all gateways.
local sum = 0
for _, count in ipairs(redis.call('HVALS', KEYS[1])) do
	sum = sum + count
end
return sum
