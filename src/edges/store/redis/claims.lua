-- Claims and outcomes.
--
-- A claim is kept as text, '<since> <holder> <outcome id>'; the holder is '-' when the message was sent, or may have been. An outcome is
-- kept as JSON. Holders are '' where there is none. `also` names what else a request is about: '', 'grant', 'number' or 'grant number'.
--
-- `unreadable` is 'replace' where rows that cannot be read are written anew, and `junk` then the text that the asker has found in place of
-- the outcome: whether that is one is the asker's to say, and it may be another text by now.

local SENT = '-'

local function read_claim(key)
  local text = get('claim', key)
  if not text then
    return nil
  end
  local since, holder, outcome_id = string.match(text, '^(%-?%d+) (%S+) (.*)$')
  if not since or (holder ~= SENT and not string.match(holder, '^%x+%-%d+$')) then
    unreadable('claim')
  end
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
  local text = get('outcome', key)
  if text and not is_user(text) then
    return text
  end
  return nil
end

local function duplicate_of(entry)
  return { 'duplicate', entry.outcome_id }
end

-- The same, where it may be replaced.
local function find_outcome(key, may_replace, junk)
  local text, is_junk = find(read_outcome, key, may_replace)
  if may_replace and text == junk then
    return nil, true
  end
  return text, is_junk
end

-- What speaks against a claim, but for the want of a grant; nil if nothing does.
local function why_not(claim_key, outcome_key, outcome_id, holder, over, may_replace, junk)
  local settled, is_junk = find_outcome(outcome_key, may_replace, junk)
  if settled then
    return { 'settled', settled }
  end
  local entry = find(read_claim, claim_key, may_replace)
  if not entry then
    return nil
  end
  if entry.holder == SENT then
    if is_junk and entry.outcome_id == outcome_id then
      -- The message of this very record.
      unreadable('outcome')
    end
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
  local now = next_argument()
  local may_replace, junk = next_argument() == 'replace', next_argument()
  local also = next_argument()
  local ledger_key, message_id, without
  if also == 'grant' then
    ledger_key, message_id, without = next_key(), next_argument(), next_argument()
  end
  local answer = why_not(claim_key, outcome_key, outcome_id, holder, over, may_replace, junk)
  if answer then
    return answer
  end
  local reservation = 'not asked'
  if ledger_key then
    reservation = reserve(ledger_key, message_id, without, now, may_replace)
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
  -- Nobody waits for the answer: what cannot be read is not ours.
  local entry = find(read_claim, claim_key, true)
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
  local may_replace, junk = next_argument() == 'replace', next_argument()
  local also = next_argument()
  local ledger_key, message_id, refused, number_key
  if also == 'grant' or also == 'grant number' then
    ledger_key, message_id = next_key(), next_argument()
    refused = next_argument()
  end
  if also == 'number' or also == 'grant number' then
    number_key = next_key()
  end

  local earlier = find_outcome(outcome_key, may_replace, junk)
  if earlier then
    return { 'settled', earlier }
  end
  local entry = find(read_claim, claim_key, may_replace)
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
  local ledger
  if ends_claim and ledger_key then
    ledger = find(read_ledger, ledger_key, may_replace)
  end
  -- That it did not send it is this record's own outcome; another record's claim stays.
  if ends_claim and is_sent then
    write_claim(claim_key, now, SENT, outcome_id)
  elseif ends_claim then
    redis.call('DEL', claim_key)
  end
  if ledger then
    end_grant(ledger_key, ledger, message_id, is_sent, refused, now)
  end
  if number_key then
    redis.call('SET', number_key, outcome_id, 'PX', remember_ms)
  end
  redis.call('SET', outcome_key, outcome, 'PX', remember_ms)
  return { 'written' }
end
