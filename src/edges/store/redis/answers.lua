-- Every kind of request, and who answers it.

local handlers = {
  ['claim'] = claim,
  ['release'] = release,
  ['settle'] = settle,
  ['report'] = report,
  ['look'] = look,
  ['set'] = set,
  ['keep'] = keep,
  ['recall'] = recall,
  ['join'] = join,
  ['done'] = done,
}

local function carry_out(handler)
  local is_done, answer = pcall(handler)
  if is_done then
    return answer
  end
  if type(answer) == 'table' and answer.unreadable then
    return { 'unreadable', answer.unreadable }
  end
  error(answer, 0)
end

local answers = { { identity } }
while n_arguments_taken < #ARGV do
  answers[#answers + 1] = carry_out(handlers[next_argument()])
end
return answers
