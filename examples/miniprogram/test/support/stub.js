// Stands in for the service and for the sandbox's users, so that the mini program can be tested alone. It keeps the same promises:
// a code works once, a session can end, the same answer counts once.
'use strict'

const http = require('node:http')

async function startStub() {
  const state = {
    requests: [], // { path, body } of everything that came to the service's side
    scripted: [], // { path, status, body, headers }: answers for the next requests to a path, instead of the true one
    codes: new Map(), // code → 'fresh' | 'used' | 'expired'
    sessions: new Set(),
    answersSeen: new Set(),
    counted: 0, // accepts
    events: new Map(), // id → event
    mainSwitchOff: false, // of the sandbox's user
    subscribeAnswers: [], // what the sandbox's user was asked
  }
  let serial = 0

  const handlers = {
    '/sandbox/users/login': () => {
      const code = `code-${++serial}`
      state.codes.set(code, 'fresh')
      return [200, { code }]
    },

    '/sandbox/users/subscribe': ({ body }) => {
      if (state.mainSwitchOff) return [200, { errMsg: 'requestSubscribeMessage:fail', errCode: 20004 }]
      state.subscribeAnswers.push(body.answers)
      return [200, Object.assign({ errMsg: 'requestSubscribeMessage:ok' }, body.answers)]
    },

    '/miniapp/login': ({ body }) => {
      const code = state.codes.get(body.code)
      if (code === undefined) return refuse(400, 'bad_request')
      if (code !== 'fresh') return refuse(401, `login_code_${code}`)
      state.codes.set(body.code, 'used')
      const token = `session-${++serial}`
      state.sessions.add(token)
      return [200, { token, expires_in: 7200 }]
    },

    '/miniapp/subscriptions': withSession(({ body }) => {
      const accepts = Object.values(body.answers).filter((answer) => answer.toLowerCase().startsWith('accept')).length
      const counted = state.answersSeen.has(body.id) ? 0 : accepts
      state.answersSeen.add(body.id)
      state.counted += counted
      return [200, { counted }]
    }),

    '/miniapp/send': withSession(({ body }) => {
      if (body.type !== 'reminder.requested') return refuse(403, 'type_not_allowed')
      state.events.set(body.id, body)
      return [202, { id: `user1-${body.id}` }] // an id of one user is not that of another
    }),
  }

  function withSession(handler) {
    return (request) => {
      const token = (request.authorization || '').replace(/^Bearer /, '')
      return state.sessions.has(token) ? handler(request) : refuse(401, 'session_expired')
    }
  }

  const server = http.createServer((request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const path = request.url
      const body = JSON.parse(Buffer.concat(chunks).toString() || 'null')
      if (path.startsWith('/miniapp/')) state.requests.push({ path, body })
      const index = state.scripted.findIndex((script) => script.path === path)
      if (index >= 0) {
        const [script] = state.scripted.splice(index, 1)
        if (script.status === undefined) {
          request.socket.destroy()
          return
        }
        response.writeHead(script.status, script.headers || {})
        response.end(typeof script.body === 'string' ? script.body : JSON.stringify(script.body))
        return
      }
      const handler = handlers[path]
      const [status, answer] = handler ? handler({ body, authorization: request.headers.authorization }) : refuse(404, 'not_found')
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answer))
    })
  })
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  const url = `http://127.0.0.1:${server.address().port}`
  const stop = () =>
    new Promise((stopped) => {
      server.close(stopped)
      server.closeAllConnections()
    })
  return { url, state, stop }
}

const refuse = (status, error) => [status, { error, message: `stub: ${error}` }]

module.exports = { startStub }
