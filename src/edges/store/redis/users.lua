-- Who somebody is, and the way from WeChat's number of a message to its outcome.
--
-- A user is kept as text, '@<until> <openid>'. One who is kept with a message lies under the key of its outcome: the outcome takes his
-- place, and with that he is forgotten, at no cost for messages that keep nobody. Where there is an outcome already, it is the answer.

-- Clocks differ: the time in the text decides, and the key may live on for so long.
local LEAST_LIFE_MS = 60000

local function keep()
  local key = next_key()
  local openid, until_ms, now = next_argument(), next_argument(), next_argument()
  local settled = read_outcome(key)
  if settled then
    return { 'settled', settled }
  end
  local life_ms = math.max(tonumber(until_ms) - tonumber(now), LEAST_LIFE_MS)
  redis.call('SET', key, '@' .. until_ms .. ' ' .. openid, 'PX', digits(life_ms))
  return { 'kept' }
end

-- Where nobody is kept, the message may have been sent for another record.
local function nobody(claim_key)
  local entry = claim_key and read_claim(claim_key)
  if entry and entry.holder == SENT then
    return { 'duplicate', entry.outcome_id }
  end
  return { 'nobody' }
end

local function recall()
  local outcome_key, now, claim_key = next_key(), next_argument(), nil
  if next_argument() == 'message' then
    claim_key = next_key()
  end
  local text = get('outcome', outcome_key)
  if not text then
    return nobody(claim_key)
  end
  if not is_user(text) then
    return { 'settled', text }
  end
  local until_ms, openid = string.match(text, '^@(%-?%d+) (.*)$')
  if not until_ms then
    unreadable('user')
  end
  if tonumber(until_ms) <= tonumber(now) then
    return nobody(claim_key)
  end
  return { 'user', openid }
end

local function join()
  local mark_key, number_key = next_key(), next_key()
  if get('mark', mark_key) then
    return { 'published' }
  end
  local outcome_id = get('number', number_key)
  local outcome = outcome_id and read_outcome(prefix .. ':outcome:' .. outcome_id)
  if not outcome then
    return { 'unknown' }
  end
  return { 'joined', outcome }
end

local function done()
  redis.call('SET', next_key(), '1', 'PX', remember_ms)
  return { 'noted' }
end
