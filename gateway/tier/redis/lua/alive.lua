-- KEYS: a partition's `nodes`; ARGV: node id. 1 when an incarnation of it lives, else 0.
local time = redis.call('TIME')
local now = string.format('(%.0f', math.floor(time[1] * 1000 + time[2] / 1000))
for _, inc in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')) do
	if string.sub(inc, 1, #ARGV[1] + 1) == ARGV[1] .. '.' then
		return 1
	end
end
return 0
