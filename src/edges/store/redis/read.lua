-- Reads what lies under each key, all at one moment: '' where there is nothing, '=' and the text, or '!' for what is no text.

-- Refused by a server that takes no writes, where it changes nothing otherwise: the key of the identity, the first one, has no end. So no
-- answer rests on a replica that does not know yet what its master has acknowledged.
redis.call('PERSIST', KEYS[1])

local found = {}
for i, key in ipairs(KEYS) do
  local text = redis.pcall('GET', key)
  if type(text) == 'table' and text.err then
    if not string.find(text.err, 'WRONGTYPE', 1, true) then
      error(text.err, 0)
    end
    found[i] = '!'
  else
    found[i] = text and '=' .. text or ''
  end
end
return found
