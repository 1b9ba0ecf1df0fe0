// Drives the mini program against a running service and a running sandbox: the user opens the order page, taps its buttons, and
// the page is read. Prints one line of JSON with what happened; exit code 0 if every step ended well, 1 if not.
//
//   COURIER_URL   the service, where /miniapp/* is
//   SANDBOX_URL   the sandbox: gives the login codes, and answers the popup
//   OPENID        the user
//   TEMPLATE_IDS  what the button asks for, with commas between
//   ANSWER        what the user answers: accept (as unless said) or reject
//   STEPS         of login,subscribe,send: all unless said
//   APP           the app's name, where the service serves several
//   SEND_TYPE     the event's type, order.completed unless said
//   SEND_DATA     the event's data, as JSON; an order_no is made up where it has none, and is the event's id
'use strict'

const { launch, open, inTap, until } = require('./support/simulator')
const { fakeWx } = require('./support/wx')

const LIMIT_MS = 30000
const STEPS = ['login', 'subscribe', 'send']

const setting = (name, otherwise) => {
  const value = process.env[name] || otherwise
  if (value === undefined) throw new Error(`the environment variable ${name} is missing`)
  return value
}

// A call of the sandbox's control API. No part of its answer is printed: it holds login codes.
async function control(sandbox, path, body) {
  const response = await fetch(sandbox + path, { method: 'POST', body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${path} of the sandbox answered ${response.status}`)
  return response.json()
}

// The popup. The sandbox answers what `success` gets, or with an errCode what `fail` gets.
async function ask(sandbox, openid, answers) {
  const told = await control(sandbox, '/sandbox/users/subscribe', { openid, answers })
  if (told.errCode !== undefined) throw Object.assign(new Error(told.errMsg), { errCode: told.errCode })
  return told
}

const steps = {
  // The mini program logs in by itself when it needs to; this does it before anything else.
  async login() {
    await require('../app/lib/courier').login()
    return true
  },

  async subscribe(page) {
    page.querySelector('.remind').dispatchEvent('tap')
    await until('the page shows what became of the popup', () => !['idle', 'asking'].includes(page.data.reminder.state), LIMIT_MS)
    return page.data.reminder.reported
  },

  async send(page) {
    page.querySelector('.pay').dispatchEvent('tap')
    await until('the page shows what became of the order', () => !['idle', 'sending'].includes(page.data.payment.state), LIMIT_MS)
    return page.data.payment.state === 'sent'
  },
}

async function main() {
  const sandbox = setting('SANDBOX_URL')
  const openid = setting('OPENID')
  const answer = setting('ANSWER', 'accept')
  const wanted = setting('STEPS', STEPS.join(',')).split(',')
  const unknown = wanted.find((step) => !STEPS.includes(step))
  if (unknown !== undefined) throw new Error(`STEPS: ${unknown} is none of ${STEPS.join(', ')}`)

  const statuses = {}
  const wx = fakeWx({
    storage: new Map(),
    inTap,
    statuses,
    login: async () => (await control(sandbox, '/sandbox/users/login', { openid })).code,
    subscribe: (ids) => ask(sandbox, openid, Object.fromEntries(ids.map((id) => [id, answer]))),
  })
  const app = launch(wx, (config) => {
    config.baseUrl = setting('COURIER_URL')
    config.app = setting('APP', '')
    config.templateIds = setting('TEMPLATE_IDS', config.templateIds.join(',')).split(',')
    config.eventType = setting('SEND_TYPE', config.eventType)
  })
  app.onShow()
  const page = open('pages/order/order')
  const data = JSON.parse(setting('SEND_DATA', '{}'))
  page.setData({ order: Object.assign({}, page.data.order, { order_no: `SO${Date.now()}` }, data) })

  const report = { ok: true, steps: {} }
  for (const step of wanted) {
    try {
      report.steps[step] = await steps[step](page)
    } catch (error) {
      report.steps[step] = false
      report.error = error.message
    }
    if (!report.steps[step]) {
      report.ok = false
      break
    }
  }
  const { reminder, payment } = page.data
  console.log(JSON.stringify(Object.assign(report, { page: { reminder, payment }, statuses })))
  return report.ok
}

// The mini program's own console would mix with the one line.
for (const level of ['error', 'warn', 'info']) {
  console[level] = (...words) => process.stderr.write(words.map(String).join(' ') + '\n')
}

main().then(
  (ok) => process.exit(ok ? 0 : 1),
  (error) => {
    console.log(JSON.stringify({ ok: false, error: error.message }))
    process.exit(1)
  }
)
