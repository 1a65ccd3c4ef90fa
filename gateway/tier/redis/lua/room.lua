-- ARGV: topic, limit. Answers the room.
open(ARGV[1])
read_state()
return room(tonumber(ARGV[2]))
