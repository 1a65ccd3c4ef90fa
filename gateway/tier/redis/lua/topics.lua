-- ARGV: from, to (as ZRANGEBYLEX has them), limit. Answers topic, connections,
-- gateways, topic, …
local answer = {}
for i, name in ipairs(call('ZRANGEBYLEX', P .. 'topics', ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do
	c = P .. 'c:' .. name
	answer[3 * i - 2] = name
	answer[3 * i - 1], answer[3 * i] = connections()
end
return answer
