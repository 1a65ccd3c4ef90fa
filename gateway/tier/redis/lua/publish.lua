-- Claims a key and publishes, or neither. KEYS: the server's `keys`; ARGV: key, how long it is
-- kept in ms, how many are (0: none), channel, parcel, whether the key is free again when nobody
-- listens. Answers {duplicate, subscribers}.
local EXPIRED = 100 -- forgotten with each new one, so that there is never much to do at once
local keys, key = KEYS[1], redis.sha1hex(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2] -- µs: the oldest go first, also those of one ms
local most = tonumber(ARGV[3])

if most == 0 then
	return { 0, redis.call('PUBLISH', ARGV[4], ARGV[5]) }
end
local kept = redis.call('ZSCORE', keys, key)
if kept and tonumber(kept) > now then
	return { 1, 0 }
end
redis.call('ZADD', keys, now + ARGV[2] * 1000, key)
local expired = #redis.call('ZRANGEBYSCORE', keys, '-inf', now, 'LIMIT', 0, EXPIRED)
local over = math.max(expired, redis.call('ZCARD', keys) - most)
if over > 0 then
	redis.call('ZREMRANGEBYRANK', keys, 0, over - 1)
end
local subscribers = redis.call('PUBLISH', ARGV[4], ARGV[5])
if subscribers == 0 and ARGV[6] == '1' then
	redis.call('ZREM', keys, key)
end
return { 0, subscribers }
