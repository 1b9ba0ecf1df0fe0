-- Carries out a batch of requests, in order and as one, as pipeline::claims::Book does.
--
-- KEYS: the asker's fence; then for each request, the key of its claim and the key of its outcome.
-- ARGV: how long to remember, in milliseconds; the number of this call; then for each request six fields:
--   kind         'claim', 'release', 'settle sent' (its claim stays as a mark) or 'settle other' (its claim goes)
--   outcome id   of the record that asks
--   holder       who asks, or '' if nobody
--   over         the holder who is taken over, or ''
--   now          in Unix milliseconds
--   outcome      as JSON, of a settlement
-- Gives for each request a list: the kind of answer, then its parts.
--
-- A claim is kept as text, '<since> <holder> <outcome id>'; the holder is '-' when the message was sent, or may have been.

local remember_ms = ARGV[1]
local SENT = '-'

-- A call that its asker gave up may still be on its way, and arrive after later ones: then it must not be carried out any more. The
-- network forgets within minutes, so a fence need not stand for ever.
local fence, number = KEYS[1], tonumber(ARGV[2])
local FENCE_MS = 3600000
if tonumber(redis.call('GET', fence) or 0) >= number then
  return redis.error_reply('LATE this call was made again meanwhile')
end
redis.call('SET', fence, ARGV[2], 'PX', FENCE_MS)

local function read_claim(key)
  local text = redis.call('GET', key)
  if not text then
    return nil
  end
  local since, holder, outcome_id = string.match(text, '^(%S+) (%S+) (.*)$')
  return { since = since, holder = holder, outcome_id = outcome_id }
end

local function write_claim(key, since, holder, outcome_id)
  redis.call('SET', key, since .. ' ' .. holder .. ' ' .. outcome_id, 'PX', remember_ms)
end

local function held(entry)
  return { 'held', entry.outcome_id, entry.holder, entry.since }
end

local function claim(claim_key, outcome_key, outcome_id, holder, over, now)
  local settled = redis.call('GET', outcome_key)
  if settled then
    return { 'settled', settled }
  end
  local entry = read_claim(claim_key)
  if entry then
    if entry.holder == SENT then
      return { 'duplicate', entry.outcome_id }
    end
    local is_ours = entry.holder == holder
    local is_taken_over = entry.outcome_id == outcome_id and entry.holder == over
    if not is_ours and not is_taken_over then
      return held(entry)
    end
  end
  write_claim(claim_key, now, holder, outcome_id)
  return { 'granted' }
end

local function release(claim_key, holder)
  local entry = read_claim(claim_key)
  if entry and entry.holder == holder then
    redis.call('DEL', claim_key)
  end
  return { 'released' }
end

local function settle(kind, claim_key, outcome_key, outcome_id, holder, now, outcome)
  local earlier = redis.call('GET', outcome_key)
  if earlier then
    return { 'settled', earlier }
  end
  local entry = read_claim(claim_key)
  local ends_claim = false
  if not entry then
    -- What was claimed may have been forgotten meanwhile.
    ends_claim = holder ~= ''
  elseif entry.outcome_id == outcome_id and entry.holder ~= SENT then
    if holder == '' then
      return held(entry)
    end
    if entry.holder ~= holder then
      return { 'taken over' }
    end
    ends_claim = true
  end
  -- Another record's claim or message stays; this record's outcome is its own.
  if ends_claim and kind == 'settle sent' then
    write_claim(claim_key, now, SENT, outcome_id)
  elseif ends_claim then
    redis.call('DEL', claim_key)
  end
  redis.call('SET', outcome_key, outcome, 'PX', remember_ms)
  return { 'written' }
end

local answers = {}
for i = 1, (#KEYS - 1) / 2 do
  local claim_key, outcome_key = KEYS[2 * i], KEYS[2 * i + 1]
  local kind, outcome_id, holder, over, now, outcome = unpack(ARGV, 6 * i - 3, 6 * i + 2)
  if kind == 'claim' then
    answers[i] = claim(claim_key, outcome_key, outcome_id, holder, over, now)
  elseif kind == 'release' then
    answers[i] = release(claim_key, holder)
  else
    answers[i] = settle(kind, claim_key, outcome_key, outcome_id, holder, now, outcome)
  end
end
return answers
