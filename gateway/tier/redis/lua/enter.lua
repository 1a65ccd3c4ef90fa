-- ARGV: incarnation, topic, client, member (empty: invisible), again, list, max_members,
-- presence_max. Answers the room when a list was asked for, else {0, rev}.
local inc, client, blob = ARGV[1], ARGV[3], ARGV[4]
local again, listed = ARGV[5] == '1', ARGV[6] == '1'
local most, limit = tonumber(ARGV[7]), tonumber(ARGV[8])

if not leased(inc) then
	return { 2 }
end
open(ARGV[2])
if again and call('HEXISTS', c, inc) == 0 then
	return { 2 } -- not what its gateway believes: it shall tell everything again
end
if not again and most > 0 and connections() >= most then
	return { 1 }
end
if not again and call('HINCRBY', c, inc, 1) == 1 then
	call('SADD', P .. 'n:' .. inc, topic)
	call('ZADD', P .. 'topics', 0, topic)
end
if blob ~= '' or listed then
	read_state()
end
if blob ~= '' and call('HSETNX', seats(inc), client, blob) == 1 then
	max = limit
	change(blob, true)
	save()
end
if listed then
	return room(limit)
end
return { 0, blob ~= '' and rev or 0 }
