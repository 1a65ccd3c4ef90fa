-- Tells again what an incarnation has in a topic, some of its visible members at a time.
-- ARGV: incarnation, topic, all its connections there, presence_max, first, how many old
-- incarnations, these, members... A member whom an old one has seated moves silently; others are
-- announced. May be repeated; answers {0}.
local inc, count, first = ARGV[1], ARGV[3], ARGV[5] == '1'
local old, members = 7, 7 + ARGV[6]

if not leased(inc) then
	return { 2 }
end
open(ARGV[2])
if first then
	call('HSET', c, inc, count)
	call('SADD', P .. 'n:' .. inc, topic)
	call('ZADD', P .. 'topics', 0, topic)
	-- Counted here now. The field stays until its last members are taken away: lists go by it.
	for i = old, members - 1 do
		if call('HEXISTS', c, ARGV[i]) == 1 then
			call('HSET', c, ARGV[i], 0)
		end
	end
end
read_state()
max = tonumber(ARGV[4])
for i = members, #ARGV do
	local blob = ARGV[i]
	local client = string.sub(blob, 2, 1 + string.byte(blob, 1))
	if call('HSET', seats(inc), client, blob) == 1 then
		local moved = 0
		for k = old, members - 1 do
			moved = moved + call('HDEL', seats(ARGV[k]), client)
		end
		if moved == 0 then
			change(blob, true)
		end
	end
end
save()
return { 0 }
