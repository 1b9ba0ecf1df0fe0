-- Reads what lies under each key but the first, all at one moment: '' where there is nothing, '=' and the text, or '!' for what is no text.

-- The first key is one that never is. A server that takes no writes refuses this, and everywhere else it does nothing: so no answer rests on a
-- replica that does not know yet what its master has acknowledged.
redis.call('DEL', KEYS[1])

local found = {}
for i = 2, #KEYS do
  local key = KEYS[i]
  local text = redis.pcall('GET', key)
  if type(text) == 'table' and text.err then
    if not string.find(text.err, 'WRONGTYPE', 1, true) then
      error(text.err, 0)
    end
    found[i - 1] = '!'
  else
    found[i - 1] = text and '=' .. text or ''
  end
end
return found
