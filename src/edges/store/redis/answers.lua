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

local answers = {}
while n_arguments_taken < #ARGV do
  answers[#answers + 1] = handlers[next_argument()]()
end
return answers
