// The page and lib/courier.js together: the real page in WeChat's simulator, real HTTP to a stub of the service.
'use strict'

const { test, beforeEach, afterEach } = require('node:test')
const assert = require('node:assert/strict')
const { launch, open, inTap, text, until } = require('./support/simulator')
const { fakeWx } = require('./support/wx')
const { startStub } = require('./support/stub')

const ORDER = 'template-order'
const SHIPMENT = 'template-shipment'

let stub
let storage
let statuses
let asked // the template ids of each popup
let user // what the user does in the popup: template ids → answers; or throws what WeChat's fail says
let app

const everything = (answer) => async (ids) => Object.fromEntries(ids.map((id) => [id, answer]))
const failing = (errCode) => async () => {
  throw Object.assign(new Error('scripted'), { errCode })
}

beforeEach(async () => {
  stub = await startStub()
  storage = new Map()
  statuses = {}
  asked = []
  user = everything('accept')
})

afterEach(() => stub.stop())

// Starts the mini program as after a tap on its icon, and opens the order page.
function start(settings = {}) {
  const wx = fakeWx({
    storage,
    inTap,
    statuses,
    login: async () => (await post('/sandbox/users/login', { openid: 'oUser1' })).code,
    subscribe: (ids) => {
      asked.push(ids)
      return user(ids)
    },
  })
  Object.assign(wx, settings.wx)
  app = launch(wx, (config) => Object.assign(config, { baseUrl: stub.url, templateIds: [ORDER, SHIPMENT] }, settings.config))
  app.onShow()
  return open('pages/order/order')
}

async function post(path, body) {
  return (await fetch(stub.url + path, { method: 'POST', body: JSON.stringify(body) })).json()
}

async function remind(page) {
  page.querySelector('.remind').dispatchEvent('tap')
  await until('the popup is asked for', () => page.data.reminder.state !== 'idle')
  await until('the reminder is settled', () => page.data.reminder.state !== 'asking')
  return page.data.reminder
}

async function request(page) {
  const before = stub.state.requests.length
  page.querySelector('.send').dispatchEvent('tap')
  await until('the send began', () => page.data.send.state === 'sending' || stub.state.requests.length > before)
  await until('the send is settled', () => page.data.send.state !== 'sending')
  return page.data.send
}

const keptAnswers = () => JSON.parse(storage.get('wx-courier.answers') || '[]')
const requests = (path) => stub.state.requests.filter((request) => request.path === path)

test('an accept is counted and shown', async () => {
  const page = start()
  assert.equal(text(page, '.hint'), null)
  const reminder = await remind(page)
  assert.deepEqual(reminder, { state: 'accepted', text: '好的，到时候提醒你', reported: true })
  assert.equal(text(page, '.hint'), '好的，到时候提醒你')
  assert.deepEqual(asked, [[ORDER, SHIPMENT]])
  assert.equal(stub.state.counted, 2)
  assert.deepEqual(keptAnswers(), [])
})

test('every accept is an answer of its own', async () => {
  const page = start()
  await remind(page)
  page.setData({ reminder: { state: 'idle' } })
  await remind(page)
  assert.equal(stub.state.counted, 4)
  const [first, second] = requests('/miniapp/subscriptions')
  assert.notEqual(first.body.id, second.body.id)
})

for (const [answers, state, counted] of [
  [{ [ORDER]: 'reject', [SHIPMENT]: 'reject' }, 'refused', 0],
  [{ [ORDER]: 'accept', [SHIPMENT]: 'reject' }, 'partly', 1],
  [{ [ORDER]: 'accept', [SHIPMENT]: 'filter' }, 'accepted', 1],
  [{ [ORDER]: 'acceptWithAudio', [SHIPMENT]: 'acceptWithAlert' }, 'accepted', 2],
  [{ [ORDER]: 'acceptWithForcePush', [SHIPMENT]: 'ACCEPT' }, 'accepted', 2],
  [{ [ORDER]: 'ban', [SHIPMENT]: 'filter' }, 'banned', 0],
  [{ [ORDER]: 'ban', [SHIPMENT]: 'reject' }, 'refused', 0],
]) {
  test(`what the user chose is shown and reported: ${Object.values(answers)}`, async () => {
    user = async () => answers
    const reminder = await remind(start())
    assert.equal(reminder.state, state)
    assert.equal(reminder.reported, true)
    assert.equal(stub.state.counted, counted)
    assert.deepEqual(requests('/miniapp/subscriptions')[0].body.answers, answers)
  })
}

for (const [code, state] of [
  [10001, 'misconfigured'],
  [10002, 'network'],
  [10003, 'network'],
  [10004, 'misconfigured'],
  [10005, 'in_background'],
  [20001, 'misconfigured'],
  [20002, 'misconfigured'],
  [20003, 'misconfigured'],
  [20004, 'main_switch_off'],
  [20005, 'banned'],
  [20013, 'misconfigured'],
  [12345, 'unknown'],
]) {
  test(`WeChat's error ${code} becomes something to say, and nothing to report`, async (t) => {
    t.mock.method(console, 'error', () => {})
    user = failing(code)
    const page = start()
    const reminder = await remind(page)
    assert.equal(reminder.state, state)
    assert.ok(reminder.text)
    assert.equal(text(page, '.settings') !== null, code === 20004)
    assert.deepEqual(stub.state.requests, [])
  })
}

test('with the main switch off, the user is shown the way to it', async () => {
  user = failing(20004)
  const page = start()
  await remind(page)
  page.querySelector('.settings').dispatchEvent('tap')
  await until('the settings were opened', () => page.data.reminder.state === 'idle')
  user = everything('accept')
  assert.equal((await remind(page)).state, 'accepted')
  assert.equal(text(page, '.settings'), null)
})

test('an old WeChat without the call is said so', async () => {
  const page = start({ wx: { requestSubscribeMessage: undefined } })
  assert.equal((await remind(page)).state, 'unsupported')
})

test('the simulator refuses a popup that no tap asked for', async (t) => {
  t.mock.method(console, 'error', () => {})
  const page = start()
  await page.instance.remindMe()
  assert.equal(page.data.reminder.state, 'unknown')
  assert.deepEqual(asked, [])
})

test('no more templates are asked for at once than WeChat takes', async () => {
  const page = start({ config: { templateIds: ['t1', 't2', 't3', 't4'] } })
  await remind(page)
  assert.deepEqual(asked, [['t1', 't2', 't3']])
})

test('one tap is one popup', async () => {
  let close
  user = () => new Promise((resolve) => (close = () => resolve({ [ORDER]: 'accept' })))
  const page = start()
  page.querySelector('.remind').dispatchEvent('tap')
  page.querySelector('.remind').dispatchEvent('tap')
  await until('the popup is open', () => close)
  close()
  await until('the reminder is settled', () => page.data.reminder.state === 'accepted')
  assert.equal(asked.length, 1)
})

test('an answer that could not be reported is kept, and reported at the next start under the same id', async (t) => {
  t.mock.method(console, 'warn', () => {})
  stub.state.scripted.push({ path: '/miniapp/subscriptions', status: 503, body: { error: 'unavailable', message: '' } })
  const reminder = await remind(start())
  assert.deepEqual([reminder.state, reminder.reported], ['accepted', false])
  assert.equal(keptAnswers().length, 1)

  // Two hours go by.
  storage.set('wx-courier.answers', JSON.stringify(keptAnswers().map((kept) => Object.assign(kept, { at: kept.at - 7200000 }))))
  start()
  await until('the answer is reported', () => stub.state.counted === 2)
  await until('the answer is forgotten', () => keptAnswers().length === 0)
  const [first, second] = requests('/miniapp/subscriptions')
  assert.deepEqual([first.body.id, first.body.answers], [second.body.id, second.body.answers])
  assert.ok(first.body.age_ms < 60000, `${first.body.age_ms}`)
  assert.ok(second.body.age_ms >= 7200000, `${second.body.age_ms}`)
})

test('an answer whose acknowledgement was lost counts once', async (t) => {
  t.mock.method(console, 'warn', () => {})
  const page = start()
  await remind(page)
  const [{ body }] = requests('/miniapp/subscriptions')
  storage.set('wx-courier.answers', JSON.stringify([body]))
  start()
  await until('the answer is forgotten', () => keptAnswers().length === 0)
  assert.equal(requests('/miniapp/subscriptions').length, 2)
  assert.equal(stub.state.counted, 2)
})

test('without a network the answer is kept, until the mini program comes to the front again', async (t) => {
  t.mock.method(console, 'warn', () => {})
  stub.state.scripted.push({ path: '/miniapp/subscriptions' }, { path: '/miniapp/subscriptions' })
  const reminder = await remind(start())
  assert.equal(reminder.reported, false)
  app.onShow()
  await until('the second try failed as well', () => requests('/miniapp/subscriptions').length === 2)
  await until('it has settled', () => statuses['/miniapp/subscriptions'].length === 2)
  assert.equal(keptAnswers().length, 1)
  app.onShow()
  await until('the answer is reported', () => keptAnswers().length === 0)
  assert.equal(stub.state.counted, 2)
})

test('an answer that the service can never take does not hold up the next', async (t) => {
  t.mock.method(console, 'error', () => {})
  stub.state.scripted.push({ path: '/miniapp/subscriptions', status: 400, body: { error: 'bad_request', message: '' } })
  storage.set('wx-courier.answers', JSON.stringify([{ id: 'old', answers: { gone: 'accept' } }]))
  const page = start()
  await remind(page)
  await until('all are gone', () => keptAnswers().length === 0)
  assert.equal(stub.state.counted, 2)
})

test('a full storage does not stop a report', async (t) => {
  t.mock.method(console, 'warn', () => {})
  const page = start({
    wx: {
      setStorageSync() {
        throw new Error('exceed storage max size 10Mb')
      },
    },
  })
  assert.equal((await remind(page)).reported, true)
  assert.equal(stub.state.counted, 2)
})

test('one login serves many requests and the next start', async () => {
  const page = start()
  await remind(page)
  assert.equal((await request(page)).state, 'sent')
  await request(start())
  assert.equal(requests('/miniapp/login').length, 1)
  assert.equal(requests('/miniapp/login')[0].body.app, 'shop')
})

test('where one app serves, its name is left out', async () => {
  await remind(start({ config: { app: '' } }))
  assert.deepEqual(Object.keys(requests('/miniapp/login')[0].body), ['code'])
})

test('requests that need a session together share one login', async () => {
  const page = start()
  page.querySelector('.remind').dispatchEvent('tap')
  page.querySelector('.send').dispatchEvent('tap')
  await until('both are settled', () => page.data.reminder.state === 'accepted' && page.data.send.state === 'sent')
  assert.equal(requests('/miniapp/login').length, 1)
})

test('a session that the service has ended is renewed once, and the request repeated', async () => {
  const page = start()
  await remind(page)
  stub.state.sessions.clear()
  const sent = await request(page)
  assert.equal(sent.state, 'sent')
  assert.deepEqual(statuses['/miniapp/send'], [401, 202])
  assert.equal(requests('/miniapp/login').length, 2)
  const [first, second] = requests('/miniapp/send')
  assert.deepEqual(first.body, second.body)
})

test('a service that refuses every session is not asked for ever', async () => {
  const page = start()
  for (let i = 0; i < 9; i++) {
    stub.state.scripted.push({ path: '/miniapp/send', status: 401, body: { error: 'session_expired', message: '' } })
  }
  const sent = await request(page)
  assert.equal(sent.state, 'failed')
  assert.deepEqual(statuses['/miniapp/send'], [401, 401])
})

test('a session past its end is not used', async () => {
  storage.set('wx-courier.session', JSON.stringify({ token: 'old', expiresAt: Date.now() + 30 * 1000 }))
  await request(start())
  assert.deepEqual(statuses, { '/miniapp/login': [200], '/miniapp/send': [202] })
})

for (const error of ['login_code_expired', 'login_code_used']) {
  test(`a login code is replaced, once: ${error}`, async () => {
    stub.state.scripted.push({ path: '/miniapp/login', status: 401, body: { error, message: '' } })
    assert.equal((await request(start())).state, 'sent')
    assert.deepEqual(statuses['/miniapp/login'], [401, 200])
  })
}

test('a blocked user is told so', async () => {
  stub.state.scripted.push({ path: '/miniapp/login', status: 403, body: { error: 'user_blocked', message: '' } })
  const sent = await request(start())
  assert.deepEqual(sent, { state: 'failed', text: '账号暂时不能使用这个功能', event: '' })
})

test('where wx.login fails, nothing is sent', async () => {
  const page = start({ wx: { login: ({ fail }) => fail({ errMsg: 'login:fail' }) } })
  page.querySelector('.send').dispatchEvent('tap')
  await until('it failed', () => page.data.send.state === 'failed')
  assert.deepEqual(stub.state.requests, [])
})

test('an order is one event, however often the button is tapped', async () => {
  const page = start()
  assert.equal((await request(page)).event, 'user1-SO20261122001')
  await request(page)
  assert.equal(stub.state.events.size, 1)
  assert.deepEqual(stub.state.events.get('SO20261122001').data, page.data.order)
})

for (const [what, script, words] of [
  ['a type that is not allowed', { status: 403, body: { error: 'type_not_allowed', message: '' } }, '暂时不能使用这个功能'],
  ['too many requests', { status: 429, body: { error: 'too_many_requests', message: '' }, headers: { 'retry-after': '7' } }, '请稍后再试'],
  ['a gateway with HTML', { status: 502, body: '<html>bad gateway</html>' }, '请稍后再试'],
  ['a cut connection', {}, '网络不太好，请再点一次'],
]) {
  test(`a refusal becomes something to say: ${what}`, async () => {
    const page = start()
    stub.state.scripted.push(Object.assign({ path: '/miniapp/send' }, script))
    assert.equal((await request(page)).text, words)
    assert.equal((await request(page)).state, 'sent')
  })
}
