-- ARGV: from, to (as ZRANGEBYLEX has them), limit. Answers topic, connections, topic, …
local answer = {}
for i, name in ipairs(call('ZRANGEBYLEX', P .. 'topics', ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do
	c = P .. 'c:' .. name
	answer[2 * i - 1], answer[2 * i] = name, connections()
end
return answer
