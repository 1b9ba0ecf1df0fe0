-- Writes all of this, if everything is as it was when it was read; else nothing.
--
-- KEYS: the asker's fence; the identity of what is kept; then every key that was read. ARGV: the number of this call; the identity that the
-- asker knows, '' if none; the one that it gives where there is none; then for each key what was read, as read.lua gives it, what is done
-- ('' for nothing, 'delete', 'keep' for a text that lives as long as the one before, or for ever where there is none, or for how many
-- milliseconds the text lives), and the text.
--
-- Gives 'done', or 'changed' if something is not as it was.

-- A call that its asker gave up may still be on its way, and arrive after later ones: then it must not be carried out any more. The
-- network forgets within minutes, so a fence need not stand for ever.
local fence, number = KEYS[1], tonumber(ARGV[1])
local FENCE_MS = 3600000
if tonumber(redis.call('GET', fence) or 0) >= number then
  return redis.error_reply('LATE this call was made again meanwhile')
end

-- A process that knows what was kept here before must not go on as if nothing had been.
local identity = redis.call('GET', KEYS[2]) or ''
if ARGV[2] ~= '' and identity ~= ARGV[2] then
  return redis.error_reply('LOST what was kept here is gone')
end
if ARGV[2] == '' and identity ~= '' then
  return 'changed'
end

local function found(key)
  local text = redis.pcall('GET', key)
  if type(text) == 'table' and text.err then
    if not string.find(text.err, 'WRONGTYPE', 1, true) then
      error(text.err, 0)
    end
    return '!'
  end
  return text and '=' .. text or ''
end

for i = 3, #KEYS do
  if found(KEYS[i]) ~= ARGV[3 * i - 5] then
    return 'changed'
  end
end

redis.call('SET', fence, ARGV[1], 'PX', FENCE_MS)
if identity == '' then
  redis.call('SET', KEYS[2], ARGV[3])
end
for i = 3, #KEYS do
  local key, what, text = KEYS[i], ARGV[3 * i - 4], ARGV[3 * i - 3]
  if what == 'delete' then
    redis.call('DEL', key)
  elseif what == 'keep' then
    redis.call('SET', key, text, 'KEEPTTL')
  elseif what ~= '' then
    redis.call('SET', key, text, 'PX', what)
  end
end
return 'done'
