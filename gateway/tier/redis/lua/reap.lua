-- Clears up after an incarnation, a bounded piece at a time: it may stop anywhere, anybody may go
-- on. ARGV: incarnation, force (it is its own gateway that gives it back, so its lease need not be
-- over). Answers {0, more, members, topics}: what is left to do (1 or 0), what was done.
local TOPICS, MEMBERS = 16, 100
local inc, force = ARGV[1], ARGV[2] == '1'
local deadline = tonumber(call('ZSCORE', KEYS[1], inc))
local removed, done = 0, 0

if deadline and not force and deadline > now_us() / 1000 then
	return { 3 }
end
refuse_nothing()
if deadline and deadline > 0 then
	call('ZADD', KEYS[1], 0, inc) -- given back: from here on nothing is written for it
end
for _, name in ipairs(call('SRANDMEMBER', P .. 'n:' .. inc, TOPICS)) do
	open(name)
	read_state()
	local found = call('HRANDFIELD', seats(inc), MEMBERS - removed, 'WITHVALUES')
	for i = 1, #found, 2 do
		call('HDEL', seats(inc), found[i])
		change(found[i + 1], false)
		removed = removed + 1
	end
	if call('EXISTS', seats(inc)) == 0 then
		vacate(inc)
		done = done + 1
	end
	save()
	if removed == MEMBERS then
		break
	end
end
local more = call('EXISTS', P .. 'n:' .. inc)
if more == 0 then
	call('ZREM', KEYS[1], inc)
	call('DEL', P .. 'r:' .. inc)
	if call('EXISTS', KEYS[1]) == 0 then
		call('DEL', P .. 'seen')
	end
end
return { 0, more, removed, done }
