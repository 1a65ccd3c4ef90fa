-- The head of every script that changes or reads who is where. KEYS[1] is always the partition's
-- `nodes`; the others are made from it, as they all carry its tag. Answers begin with a status:
-- 0 done, 1 the room is full, 2 the lease is lost, 3 that incarnation lives.
--
-- Nothing is written before all is checked, and Redis refuses (out of memory) the first write of a
-- script or none: so each script does all or nothing.
local call = redis.call
local P = string.sub(KEYS[1], 1, -6)

-- The topic at hand: its keys, and the state of its visible members.
local topic, c, u, p
local rev, n, max
local changed

local function open(name)
	topic, c, u, p = name, P .. 'c:' .. name, P .. 'u:' .. name, P .. 'p:' .. name
	changed = false
end

local function read_state()
	local state = call('HMGET', p, 'rev', 'n', 'max')
	rev, n, max = tonumber(state[1]) or 0, tonumber(state[2]) or 0, tonumber(state[3]) or 0
end

local function seats(inc)
	return P .. 'm:' .. topic .. ':' .. inc
end

local function now_us()
	local time = call('TIME')
	return time[1] * 1000000 + time[2]
end

-- False for an incarnation that is gone or given back (score 0): others may be clearing up after it.
local function leased(inc)
	local deadline = call('ZSCORE', KEYS[1], inc)
	return deadline and tonumber(deadline) > 0
end

-- Leaving must work on a full Redis too: a script that has written may go on writing.
local function refuse_nothing()
	call('DEL', P .. '-')
end

-- And on how many gateways they are.
local function connections()
	local sum, gateways = 0, 0
	for _, count in ipairs(call('HVALS', c)) do
		sum = sum + count
		gateways = gateways + (tonumber(count) > 0 and 1 or 0)
	end
	return sum, gateways
end

-- A member came to (or went from) the seats: count, and tell everybody in this very step.
local function change(blob, joined)
	local client = string.byte(blob, 1) or 0
	local user = string.byte(blob, 2 + client) or 0
	local one, flags = joined and 1 or -1, joined and 1 or 0
	-- A room that was forgotten begins again above whatever it was told before.
	rev = rev > 0 and rev + 1 or now_us()
	n = math.max(n + one, 0)
	if user > 0 then
		local name = string.sub(blob, 3 + client, 2 + client + user)
		local left = call('HINCRBY', u, name, one)
		if left <= 0 then
			call('HDEL', u, name)
		end
		if left == (joined and 1 or 0) then
			flags = flags + 2
		end
	end
	if n > max then
		flags = flags + 4
	end
	changed = true
	local parts = struct.pack('<BI4BBI4c0BI4c0BI4BBI4I8BI4I8BI4I8', 1, 1, 1, 2, #topic, topic,
		12, #blob, blob, 13, 1, flags, 14, 8, rev, 15, 8, n, 16, 8, call('HLEN', u))
	call('PUBLISH', string.match(P, '^{(.*):%d+}$') .. ':' .. topic,
		struct.pack('<c0BBI4', 'RC', 1, 0, #parts) .. parts)
end

-- The incarnation has nobody in the topic any more; nobody has: the topic is forgotten.
local function vacate(inc)
	call('HDEL', c, inc)
	call('SREM', P .. 'n:' .. inc, topic)
	if call('EXISTS', c) == 0 then
		call('DEL', p, u)
		call('ZREM', P .. 'topics', topic)
		changed = false
	end
end

local function save()
	if changed then
		call('HSET', p, 'rev', rev, 'n', n, 'max', max)
	end
end

-- {0, rev, count, users, connections, gateways, counts only, members...}; above `limit` without
-- members.
local function room(limit)
	local sum, gateways = connections()
	local answer = { 0, rev, n, call('HLEN', u), sum, gateways, n > limit and 1 or 0 }
	if n == 0 or n > limit then
		return answer
	end
	local at = #answer
	for _, inc in ipairs(call('HKEYS', c)) do
		for _, blob in ipairs(call('HVALS', seats(inc))) do
			at = at + 1
			answer[at] = blob
		end
	end
	return answer
end
