-- ARGV: incarnation, lease_ms, first. Answers {0, incarnations whose lease is over...}: each is
-- given to one gateway at a time, which has a third of a lease for clearing up after it.
local CLAIMS, LOOKS = 16, 64
local LONGEST = 600000 -- ms; `lease_ms` allows no more
local inc, lease = ARGV[1], tonumber(ARGV[2])
local now = math.floor(now_us() / 1000)
local answer = { 0 }
local over = false

if ARGV[3] ~= '1' then
	if not leased(inc) then
		return { 2 }
	end
	over = tonumber(call('ZSCORE', KEYS[1], inc)) <= now
	refuse_nothing()
end
call('ZADD', KEYS[1], now + lease, inc)
-- Redis' clock was put back: who lives renews, and the dead have to end.
for _, far in ipairs(call('ZRANGEBYSCORE', KEYS[1], now + LONGEST + 1, '+inf', 'LIMIT', 0, LOOKS)) do
	call('ZADD', KEYS[1], now + lease, far)
end
if over then
	-- And nobody has claimed it: it was Redis that could not be written to. The others live too.
	return answer
end
for _, other in ipairs(call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, LOOKS)) do
	if call('SET', P .. 'r:' .. other, inc, 'NX', 'PX', math.floor(lease / 3)) then
		call('ZADD', KEYS[1], 0, other) -- given back: it cannot be renewed any more
		answer[#answer + 1] = other
		if #answer > CLAIMS then
			break
		end
	end
end
return answer
