-- ARGV: incarnation, topic, client. Visible or not; answers {0}.
local inc, client = ARGV[1], ARGV[3]

if not leased(inc) then
	return { 2 }
end
refuse_nothing()
open(ARGV[2])
local blob = call('HGET', seats(inc), client)
if blob then
	read_state()
	call('HDEL', seats(inc), client)
	change(blob, false)
end
if call('HINCRBY', c, inc, -1) <= 0 then
	vacate(inc)
end
save()
return { 0 }
