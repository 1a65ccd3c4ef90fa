-- The incarnations that live, and how many clients each has: incarnation, connections, 0, …
-- KEYS[1] is of the partition of `all`, the topic in which every client is.
local answer = {}
local now = string.format('(%.0f', math.floor(now_us() / 1000))
for i, inc in ipairs(call('ZRANGEBYSCORE', KEYS[1], now, '+inf')) do
	answer[3 * i - 2] = inc
	answer[3 * i - 1] = tonumber(call('HGET', P .. 'c:all', inc)) or 0
	answer[3 * i] = 0
end
return answer
