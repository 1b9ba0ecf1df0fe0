// The driver as others run it: a child process, here against the stub.
'use strict'

const { test, beforeEach, afterEach } = require('node:test')
const assert = require('node:assert/strict')
const path = require('node:path')
const { execFile } = require('node:child_process')
const { startStub } = require('./support/stub')

let stub

beforeEach(async () => {
  stub = await startStub()
})

afterEach(() => stub.stop())

function drive(settings) {
  const env = { PATH: process.env.PATH, COURIER_URL: stub.url, SANDBOX_URL: stub.url, OPENID: 'oUser1', TEMPLATE_IDS: 't1,t2', ...settings }
  return new Promise((resolve) => {
    execFile(process.execPath, [path.join(__dirname, 'drive.js')], { env, timeout: 60000 }, (error, stdout) => {
      const lines = stdout.trim().split('\n')
      assert.equal(lines.length, 1, stdout)
      resolve({ code: error ? error.code : 0, line: lines[0], report: JSON.parse(lines[0]) })
    })
  })
}

test('the whole way: login, accept, send', async () => {
  const { code, line, report } = await drive({ SEND_DATA: '{"order_no":"SO7","amount_fen":990}' })
  assert.equal(code, 0, line)
  assert.deepEqual(report, {
    ok: true,
    steps: { login: true, subscribe: true, send: true },
    page: {
      reminder: { state: 'accepted', text: '好的，到时候提醒你', reported: true },
      payment: { state: 'sent', text: '好了，完成后会提醒你', event: 'SO7' },
    },
    statuses: { '/miniapp/login': [200], '/miniapp/subscriptions': [200], '/miniapp/send': [202] },
  })
  assert.deepEqual(stub.state.subscribeAnswers, [{ t1: 'accept', t2: 'accept' }])
  assert.equal(stub.state.events.get('SO7').data.amount_fen, 990)
  for (const token of stub.state.sessions) assert.ok(!line.includes(token))
  for (const loginCode of stub.state.codes.keys()) assert.ok(!line.includes(loginCode))
})

test('a user who says no', async () => {
  const { code, report } = await drive({ ANSWER: 'reject', STEPS: 'subscribe' })
  assert.equal(code, 0)
  assert.equal(report.page.reminder.state, 'refused')
  assert.equal(stub.state.counted, 0)
})

test('a user who switched messages off altogether', async () => {
  stub.state.mainSwitchOff = true
  const { code, report } = await drive({ STEPS: 'subscribe' })
  assert.equal(code, 1)
  assert.equal(report.page.reminder.state, 'main_switch_off')
})

test('a step that the service refuses ends the drive', async () => {
  const { code, report } = await drive({ STEPS: 'login,send,subscribe', SEND_TYPE: 'order.refunded' })
  assert.equal(code, 1)
  assert.deepEqual(report.steps, { login: true, send: false })
  assert.deepEqual(report.statuses['/miniapp/send'], [403])
})

test('a service that is not there', async () => {
  const { code, report } = await drive({ COURIER_URL: 'http://127.0.0.1:1' })
  assert.equal(code, 1)
  assert.deepEqual(report.steps, { login: false })
})

test('a step that nobody knows', async () => {
  const { code, report } = await drive({ STEPS: 'dance' })
  assert.equal(code, 1)
  assert.match(report.error, /dance/)
})
