-- Ledgers of grants. This means what grants::Ledger of the core means, method by method; there are the reasons.
--
-- A ledger is kept as JSON: { granted, used, reserved = { message id -> since }, void = { message id -> '1' }, recent = { { at, source,
-- source, at, … }, … }, known }. An accept has its time, who told of it first, and then each other source with the time that it told; an
-- older version kept no times there. Numbers are texts in it, because cjson keeps only fourteen digits. Only this script reads it, so it is no matter
-- that an empty list looks like an empty object.

local function digits(number)
  return string.format('%.0f', number)
end

local function new_ledger()
  return { granted = 0, used = 0, reserved = {}, void = {}, recent = {}, known = '0' }
end

local function is_count(value)
  local number = tonumber(value)
  return number and number >= 0 and number < math.huge
end

-- Whether this is a ledger that everything below can work with.
local function is_ledger(kept)
  if type(kept) ~= 'table' or not is_count(kept.granted) or not is_count(kept.used) then
    return false
  end
  if type(kept.reserved) ~= 'table' or type(kept.recent) ~= 'table' then
    return false
  end
  if kept.void and type(kept.void) ~= 'table' or kept.known and not tonumber(kept.known) then
    return false
  end
  for _, since in pairs(kept.reserved) do
    if not tonumber(since) then
      return false
    end
  end
  for at, accept in pairs(kept.recent) do
    if type(at) ~= 'number' or type(accept) ~= 'table' or not tonumber(accept[1]) then
      return false
    end
  end
  return true
end

local function read_ledger(key)
  local text = get('ledger', key)
  if not text then
    return new_ledger()
  end
  local is_json, kept = pcall(cjson.decode, text)
  if not is_json or not is_ledger(kept) then
    unreadable('ledger')
  end
  kept.granted, kept.used = tonumber(kept.granted), tonumber(kept.used)
  kept.void, kept.known = kept.void or {}, kept.known or '0'
  return kept
end

-- `life` says how long the ledger is kept: { 'PX', milliseconds }, or { 'KEEPTTL' }.
local function write_ledger(key, ledger, life)
  local is_empty = ledger.granted == 0 and ledger.used == 0
    and next(ledger.reserved) == nil and #ledger.recent == 0 and ledger.known == '0'
  if is_empty then
    redis.call('DEL', key)
    return
  end
  local text = cjson.encode({
    granted = digits(ledger.granted),
    used = digits(ledger.used),
    reserved = ledger.reserved,
    void = ledger.void,
    recent = ledger.recent,
    known = ledger.known,
  })
  redis.call('SET', key, text, unpack(life))
end

local NEWS, NO_NEWS = { 'PX', LEDGERS_FOR_MS }, { 'KEEPTTL' }

local function put_back(ledger, message_id)
  if ledger.reserved[message_id] and ledger.void[message_id] then
    ledger.granted = math.max(ledger.granted - 1, 0)
    ledger.void[message_id] = nil
  end
  ledger.reserved[message_id] = nil
end

local function tidy(ledger, now)
  for message_id, since in pairs(ledger.reserved) do
    if tonumber(since) < now - RESERVED_FOR_MS then
      put_back(ledger, message_id)
    end
  end
  local recent = {}
  for _, accept in ipairs(ledger.recent) do
    if tonumber(accept[1]) >= now - RECENT_FOR_MS then
      recent[#recent + 1] = accept
    end
  end
  ledger.recent = recent
end

local function n_reserved(ledger)
  local count = 0
  for _ in pairs(ledger.reserved) do
    count = count + 1
  end
  return count
end

local function n_left(ledger)
  return math.max(ledger.granted - ledger.used - n_reserved(ledger), 0)
end

local function leave(ledger, left)
  ledger.granted = ledger.used + n_reserved(ledger) + left
end

local function is_told_by(accept, source)
  for i = 2, #accept do
    if accept[i] == source then
      return true
    end
  end
  return false
end

-- The accept that another source tells of now, with what it tells; nil if this is a new one.
local function add_to_same(accepts, at, source)
  for _, known in ipairs(accepts) do
    local is_near = math.abs(tonumber(known[1]) - tonumber(at)) <= SAME_ACCEPT_MS
    if is_near and not is_told_by(known, source) then
      known[#known + 1] = source
      known[#known + 1] = at
      return known
    end
  end
  return nil
end

-- How many accepts there were after a moment: counted anew, from what was told of later ones alone.
local function n_accepted_after(ledger, at)
  local later = {}
  for _, accept in ipairs(ledger.recent) do
    for i = 2, #accept do
      if not tonumber(accept[i]) then
        local told = i > 2 and tonumber(accept[i + 1]) and accept[i + 1] or accept[1]
        if tonumber(told) > tonumber(at) then
          later[#later + 1] = { told, accept[i], #later }
        end
      end
    end
  end
  table.sort(later, function(one, other)
    local a, b = tonumber(one[1]), tonumber(other[1])
    return a < b or (a == b and one[3] < other[3])
  end)
  local accepts = {}
  for _, told in ipairs(later) do
    if not add_to_same(accepts, told[1], told[2]) then
      accepts[#accepts + 1] = { told[1], told[2] }
    end
  end
  return #accepts
end

local function hear_accept(ledger, at, source)
  if add_to_same(ledger.recent, at, source) then
    return 'known'
  end
  if tonumber(at) + WHOLE_SECOND_MS <= tonumber(ledger.known) then
    return 'known'
  end
  ledger.granted = ledger.granted + 1
  if #ledger.recent >= MOST_RECENT then
    table.remove(ledger.recent, 1)
  end
  ledger.recent[#ledger.recent + 1] = { at, source }
  return 'new'
end

local function hear_reject(ledger, at)
  if tonumber(at) + WHOLE_SECOND_MS <= tonumber(ledger.known) then
    return
  end
  if tonumber(at) > tonumber(ledger.known) then
    ledger.known = at
  end
  for message_id, since in pairs(ledger.reserved) do
    if tonumber(since) <= tonumber(at) then
      ledger.void[message_id] = '1'
    end
  end
  leave(ledger, math.min(n_left(ledger), n_accepted_after(ledger, at)))
end

-- Sets a grant aside; `without` says what follows if there is none, or if what there is cannot be read.
local function reserve(key, message_id, without, now, may_replace)
  local ledger = find(read_ledger, key, may_replace)
  if not ledger then
    return without == 'send' and 'missing' or nil
  end
  tidy(ledger, tonumber(now))
  local reservation
  if ledger.reserved[message_id] or n_left(ledger) > 0 then
    ledger.reserved[message_id] = now
    reservation = 'made'
  elseif without == 'send' then
    reservation = 'missing'
  end
  write_ledger(key, ledger, NEWS)
  return reservation
end

local function give_back(key, message_id)
  local ledger = find(read_ledger, key, true)
  if ledger and ledger.reserved[message_id] then
    put_back(ledger, message_id)
    write_ledger(key, ledger, NO_NEWS)
  end
end

-- What was set aside for a message has come to its end, with the message.
local function end_grant(key, ledger, message_id, is_sent, refused, now)
  tidy(ledger, tonumber(now))
  if is_sent then
    ledger.reserved[message_id], ledger.void[message_id] = nil, nil
    ledger.used = ledger.used + 1
    ledger.granted = math.max(ledger.granted, ledger.used)
  else
    put_back(ledger, message_id)
  end
  if refused ~= '' then
    hear_reject(ledger, refused)
  end
  write_ledger(key, ledger, NEWS)
end

local function report()
  local mark_key, key = next_key(), next_key()
  local word, source, at, now = next_argument(), next_argument(), next_argument(), next_argument()
  if tonumber(at) > tonumber(now) then
    at = now
  end
  if get('mark', mark_key) then
    return { 'counted', 'known' }
  end
  local ledger = read_ledger(key)
  redis.call('SET', mark_key, '1', 'PX', remember_ms)
  tidy(ledger, tonumber(now))
  local counted = 'new'
  if word == 'accept' then
    counted = hear_accept(ledger, at, source)
  else
    hear_reject(ledger, at)
  end
  write_ledger(key, ledger, NEWS)
  return { 'counted', counted }
end

-- The numbers; with `left`, that many are left from now on, whatever was there.
local function balance(key, now, left)
  local ledger = find(read_ledger, key, left ~= nil) or new_ledger()
  tidy(ledger, tonumber(now))
  if left then
    if tonumber(now) > tonumber(ledger.known) then
      ledger.known = now
    end
    leave(ledger, tonumber(left))
  end
  write_ledger(key, ledger, NEWS)
  return {
    'balance',
    digits(ledger.granted),
    digits(n_reserved(ledger)),
    digits(ledger.used),
    digits(n_left(ledger)),
  }
end

local function look()
  return balance(next_key(), next_argument(), nil)
end

local function set()
  return balance(next_key(), next_argument(), next_argument())
end
