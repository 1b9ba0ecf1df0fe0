-- Claims and outcomes.
--
-- A claim is kept as text, '<since> <holder> <outcome id>'; the holder is '-' when the message was sent, or may have been. An outcome is
-- kept as JSON. Holders are '' where there is none. `also` names what else a request is about: '', 'grant', 'number' or 'grant number'.

local SENT = '-'

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

-- Whether this lies under the key of an outcome, and is none: see users.lua.
local function is_user(text)
  return string.byte(text) == string.byte('@')
end

local function read_outcome(key)
  local text = redis.call('GET', key)
  if text and not is_user(text) then
    return text
  end
  return nil
end

local function duplicate_of(entry)
  return { 'duplicate', entry.outcome_id }
end

-- What speaks against a claim, but for the want of a grant; nil if nothing does.
local function why_not(claim_key, outcome_key, outcome_id, holder, over)
  local settled = read_outcome(outcome_key)
  if settled then
    return { 'settled', settled }
  end
  local entry = read_claim(claim_key)
  if not entry then
    return nil
  end
  if entry.holder == SENT then
    return duplicate_of(entry)
  end
  if entry.holder ~= holder and entry.holder ~= over then
    return held(entry)
  end
  return nil
end

local function claim()
  local claim_key, outcome_key = next_key(), next_key()
  local outcome_id, holder, over = next_argument(), next_argument(), next_argument()
  local now, also = next_argument(), next_argument()
  local ledger_key, message_id, without
  if also == 'grant' then
    ledger_key, message_id, without = next_key(), next_argument(), next_argument()
  end
  local answer = why_not(claim_key, outcome_key, outcome_id, holder, over)
  if answer then
    return answer
  end
  local reservation = 'not asked'
  if ledger_key then
    reservation = reserve(ledger_key, message_id, without, now)
  end
  if not reservation then
    return { 'no grant' }
  end
  write_claim(claim_key, now, holder, outcome_id)
  return { 'claimed', reservation }
end

local function release()
  local claim_key, holder, also = next_key(), next_argument(), next_argument()
  local ledger_key, message_id
  if also == 'grant' then
    ledger_key, message_id = next_key(), next_argument()
  end
  local entry = read_claim(claim_key)
  if entry and entry.holder == holder then
    redis.call('DEL', claim_key)
    if ledger_key then
      give_back(ledger_key, message_id)
    end
  end
  return { 'released' }
end

local function settle()
  local claim_key, outcome_key = next_key(), next_key()
  local outcome_id, holder, now = next_argument(), next_argument(), next_argument()
  -- Whether the message was sent, or may have been: then its claim stays as a mark.
  local is_sent, outcome = next_argument() == 'sent', next_argument()
  local also = next_argument()
  local ledger_key, message_id, refused, number_key
  if also == 'grant' or also == 'grant number' then
    ledger_key, message_id = next_key(), next_argument()
    refused = next_argument()
  end
  if also == 'number' or also == 'grant number' then
    number_key = next_key()
  end

  local earlier = read_outcome(outcome_key)
  if earlier then
    return { 'settled', earlier }
  end
  local entry = read_claim(claim_key)
  local ends_claim = false
  if not entry then
    -- What was claimed may have been forgotten or given up meanwhile; what was sent, or may have been, stays marked.
    ends_claim = holder ~= '' or is_sent
  elseif entry.holder ~= SENT and entry.holder == holder then
    ends_claim = true
  elseif entry.outcome_id == outcome_id then
    if entry.holder ~= SENT then
      return holder == '' and held(entry) or { 'taken over' }
    end
  elseif is_sent then
    -- Another record has the message: only one of them can have sent it.
    return entry.holder == SENT and duplicate_of(entry) or held(entry)
  end
  -- That it did not send it is this record's own outcome; another record's claim stays.
  if ends_claim and is_sent then
    write_claim(claim_key, now, SENT, outcome_id)
  elseif ends_claim then
    redis.call('DEL', claim_key)
  end
  if ends_claim and ledger_key then
    end_grant(ledger_key, message_id, is_sent, refused, now)
  end
  if number_key then
    redis.call('SET', number_key, outcome_id, 'PX', remember_ms)
  end
  redis.call('SET', outcome_key, outcome, 'PX', remember_ms)
  return { 'written' }
end
