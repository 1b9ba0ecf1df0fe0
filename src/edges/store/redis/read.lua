-- Reads what lies under each key, all at one moment: '' where there is nothing, '=' and the text, or '!' for what is no text.

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
