import { setTimeout as sleep } from 'node:timers/promises'
import { TokenBucket } from 'limiter'
import { Agent, request } from 'undici'
import { settings } from './settings.js'

// undici's `request` with a pool of kept connections is what its own benchmarks advise for throughput; `fetch` costs several times as
// much: https://github.com/nodejs/undici#benchmarks, https://undici.nodejs.org/#/docs/api/Agent
const agent = new Agent({
  connections: settings.inFlight,
  pipelining: 1,
  keepAliveTimeout: 60_000,
  connect: { timeout: 3000 },
  headersTimeout: settings.timeoutMs,
  bodyTimeout: settings.timeoutMs,
})

const ATTEMPTS = 5
const BACKOFF_MS = 500
const TOKEN_MARGIN_MS = 300_000
const BUSY = new Set([-1, 43108])
const TOKEN_REFUSED = new Set([40001, 40014, 42001])
const REJECTED = new Set([43101, 40003, 47003, 41030, 40037])

const post = async (path, body) => {
  const answer = await request(settings.baseUrl + path, {
    method: 'POST',
    dispatcher: agent,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await answer.body.text()
  if (answer.statusCode !== 200) throw new Error(`HTTP ${answer.statusCode}`)
  // A msgid exceeds 2^53: it becomes text before JSON.parse rounds it.
  return JSON.parse(text.replace(/"msgid":\s*(\d+)/, '"msgid":"$1"'))
}

// One token for the process, as the handler always had it. Calls that come while it is being fetched wait for the same answer.
let cached
let fetching

const fetchToken = async () => {
  const answer = await post('/cgi-bin/stable_token', {
    grant_type: 'client_credential',
    appid: settings.appid,
    secret: settings.secret,
  })
  if (!answer.access_token) throw new Error(`no token: ${answer.errcode} ${answer.errmsg}`)
  const lifeMs = answer.expires_in * 1000
  cached = { token: answer.access_token, until: Date.now() + lifeMs - Math.min(TOKEN_MARGIN_MS, lifeMs / 5) }
  return cached.token
}

const accessToken = async () => {
  if (cached && Date.now() < cached.until) return cached.token
  fetching ??= fetchToken().finally(() => { fetching = undefined })
  return fetching
}

const forget = (token) => {
  if (cached?.token === token) cached = undefined
}

// The bucket alone, not limiter's RateLimiter: that one counts by intervals too, each of which begins when a timer has come late, and so
// gives less than the rate. It holds a tenth of a second's sends, so that a late timer costs nothing.
const limiter = settings.rate > 0
  ? new TokenBucket({ bucketSize: Math.max(1, settings.rate / 10), tokensPerInterval: settings.rate, interval: 'second' })
  : undefined

const backoff = (attempt) => sleep(Math.random() * BACKOFF_MS * 2 ** (attempt - 1))

/** Sends one message. Never throws: what became of it is the answer. */
export const send = async (message) => {
  let last = { status: 'failed', detail: 'not tried' }
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    try {
      const token = await accessToken()
      if (limiter) await limiter.removeTokens(1)
      const { errcode = 0, errmsg, msgid } = await post(`/cgi-bin/message/subscribe/send?access_token=${token}`, message)
      if (errcode === 0) return { status: 'sent', errcode, msgid, attempts: attempt }
      last = { status: REJECTED.has(errcode) ? 'rejected' : 'failed', errcode, errmsg, attempts: attempt }
      if (TOKEN_REFUSED.has(errcode)) {
        forget(token)
        continue
      }
      if (!BUSY.has(errcode)) return last
    } catch (error) {
      last = { status: 'failed', detail: error.code ?? error.message, attempts: attempt }
    }
    if (attempt < ATTEMPTS) await backoff(attempt)
  }
  return last
}

export const close = () => agent.close()
