-- Carries out a batch of requests, in order and as one, as state::Book of the core does.
--
-- KEYS: the asker's fence; the identity of what is kept; then the keys of each request. ARGV: how long to remember, in milliseconds; what
-- all keys begin with; the number of this call; the identity that the asker knows, '' if none; the one that it gives where there is none;
-- then for each request its kind, and what belongs to that kind. Each handler takes its own keys and arguments, in the order in which
-- redis/request.rs puts them. Times are Unix milliseconds.
--
-- Gives the identity, and for each request a list of texts: the kind of answer, then its parts.
--
-- An entry that cannot be read costs the request that needs it, and no other one: a script that fails is not rolled back. So a handler takes
-- all of its keys and arguments first, then reads everything that it needs, and writes only then.
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

-- Whoever knows what was kept here before must not go on as if nothing had been.
local identity = redis.call('GET', KEYS[2])
if ARGV[4] ~= '' and identity ~= ARGV[4] then
  return redis.error_reply('LOST what was kept here is gone')
end
if not identity then
  identity = ARGV[5]
  redis.call('SET', KEYS[2], identity)
end
redis.call('SET', fence, ARGV[3], 'PX', FENCE_MS)

local n_keys_taken, n_arguments_taken = 2, 5

local function next_key()
  n_keys_taken = n_keys_taken + 1
  return KEYS[n_keys_taken]
end

local function next_argument()
  n_arguments_taken = n_arguments_taken + 1
  return ARGV[n_arguments_taken]
end

-- Ends the request: a row of this kind cannot be read.
local function unreadable(row)
  error({ unreadable = row })
end

-- The text under a key; nil if there is none.
local function get(row, key)
  local text = redis.pcall('GET', key)
  if type(text) == 'table' and text.err then
    if string.find(text.err, 'WRONGTYPE', 1, true) then
      unreadable(row)
    end
    error(text.err, 0)
  end
  return text or nil
end

-- What a reader finds under a key. Where it may be replaced, what cannot be read counts as nothing; the second value says that it is so.
local function find(reader, key, may_replace)
  if not may_replace then
    return reader(key), false
  end
  local is_read, found = pcall(reader, key)
  if is_read then
    return found, false
  end
  if type(found) == 'table' and found.unreadable then
    return nil, true
  end
  error(found, 0)
end
