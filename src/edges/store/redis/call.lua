-- Carries out a batch of requests, in order and as one, as pipeline::claims::Book does.
--
-- KEYS: the asker's fence; then the keys of each request. ARGV: how long to remember, in milliseconds; what all keys begin with; the
-- number of this call; then for each request its kind, and what belongs to that kind. Each handler takes its own keys and arguments, in
-- the order in which redis/request.rs puts them. Times are Unix milliseconds.
--
-- Gives for each request a list of texts: the kind of answer, then its parts.
--
-- What does not change while the program runs is defined in front of this, in capitals, by redis.rs.

local remember_ms, prefix = ARGV[1], ARGV[2]

-- A call that its asker gave up may still be on its way, and arrive after later ones: then it must not be carried out any more. The
-- network forgets within minutes, so a fence need not stand for ever.
local fence, number = KEYS[1], tonumber(ARGV[3])
local FENCE_MS = 3600000
if tonumber(redis.call('GET', fence) or 0) >= number then
  return redis.error_reply('LATE this call was made again meanwhile')
end
redis.call('SET', fence, ARGV[3], 'PX', FENCE_MS)

local n_keys_taken, n_arguments_taken = 1, 3

local function next_key()
  n_keys_taken = n_keys_taken + 1
  return KEYS[n_keys_taken]
end

local function next_argument()
  n_arguments_taken = n_arguments_taken + 1
  return ARGV[n_arguments_taken]
end
