// node-easywechat against the sandbox. The one argument is the sandbox's address; app, secret and templates are those of config/,
// where the sandbox has them from too.
'use strict'

const assert = require('node:assert/strict')
const http = require('node:http')
const { MiniApp, CacheInterface, ServerRequest } = require('node-easywechat')

const [sandbox] = process.argv.slice(2)
const ORDER_COMPLETED = 'HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8'
const SHIPMENT_ARRIVED = 'pVsEvYJLfQd3mKTq0aQvN2yWlR7c1xUoZ9hBt4gSe6k'
const USER = 'oInteropNode1'
const APPID = 'wx0123456789abcdef'
const CALLBACK = { token: 'interopToken', aes_key: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' }
const LIMIT_MS = 20000

// One line a check; a check that throws has failed, the others go on.
let passed = 0
let failed = 0
async function check(name, run) {
  try {
    await run()
    passed++
    console.log(`ok     node-easywechat: ${name}`)
    return true
  } catch (error) {
    failed++
    console.log(`not ok node-easywechat: ${name}: ${error.message.replaceAll('\n', ' ')}`)
    return false
  }
}

// The sandbox's control API.
async function control(path, body) {
  const options = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
  const response = await fetch(sandbox + path, options)
  const text = await response.text()
  assert.equal(response.status, 200, `${path}: ${text}`)
  // A msgid is too large for a JavaScript number.
  return JSON.parse(text.replace(/"msgid":(\d+)/g, '"msgid":"$1"'))
}

const subscribe = (answers) => control('/sandbox/users/subscribe', { openid: USER, answers })

// The SDK's own cache writes tokens to a file.
class MemoryCache extends CacheInterface {
  values = new Map()
  get = async (key) => this.values.get(key)
  has = async (key) => this.values.has(key)
  set = async (key, value) => Boolean(this.values.set(key, value))
  delete = async (key) => this.values.delete(key)
}

function miniApp(kind) {
  const app = new MiniApp({
    app_id: APPID,
    secret: 'sandbox-secret',
    token: CALLBACK.token,
    aes_key: CALLBACK.aes_key,
    use_stable_access_token: kind === 'stable',
    http: { baseURL: sandbox },
  })
  app.setCache(new MemoryCache())
  return app
}

const call = async (app, method, path, options) => (await app.getClient().request(method, path, options)).toObject()

const send = (app, changes = {}) =>
  call(app, 'POST', '/cgi-bin/message/subscribe/send', { json: Object.assign(order(), changes) })

const order = () => ({
  touser: USER,
  template_id: ORDER_COMPLETED,
  page: 'pages/order/detail?id=SO1',
  data: {
    character_string1: { value: 'SO1' },
    thing2: { value: '拿铁 等2件' },
    amount3: { value: '￥128.50' },
    time4: { value: '2026年11月22日 16:30' },
    phrase5: { value: '已完成' },
  },
})

async function apiChecks(app) {
  for (const kind of ['stable', 'classic']) {
    await check(`${kind} token: fetched once, kept, and fetched again once it has expired`, async () => {
      const own = miniApp(kind)
      assert.equal((await send(own)).errcode, 0)
      const fetches = (await control('/sandbox/stats')).token_fetches
      assert.equal((await send(own)).errcode, 0)
      assert.equal((await control('/sandbox/stats')).token_fetches, fetches)
      await control('/sandbox/tokens/expire', {})
      assert.equal((await send(own)).errcode, 42001)
      await own.getAccessToken().refresh()
      assert.equal((await send(own)).errcode, 0)
    })
  }

  await check('codeToSession: the openid and a session key, once', async () => {
    const { code } = await control('/sandbox/users/login', { openid: USER })
    const session = await app.getUtils().codeToSession(code)
    assert.equal(session.openid, USER)
    assert.equal(Buffer.from(session.session_key, 'base64').length, 16)
    await assert.rejects(app.getUtils().codeToSession(code), /40163/)
  })

  await check('a send is taken as it was meant', async () => {
    assert.equal((await send(app)).errmsg, 'ok')
    const taken = (await control('/sandbox/log')).accepted.at(-1)
    assert.equal(taken.openid, USER)
    assert.equal(taken.data.thing2, '拿铁 等2件')
  })

  await check('one accept is one message, then 43101', async () => {
    await control('/sandbox/grants', { check: 'on' })
    try {
      assert.equal((await send(app)).errcode, 43101)
      await subscribe({ [ORDER_COMPLETED]: 'accept' })
      assert.equal((await send(app)).errcode, 0)
      assert.equal((await send(app)).errcode, 43101)
    } finally {
      await control('/sandbox/grants', { check: 'off' })
    }
  })

  await check('a value that breaks its rule (47003) is named', async () => {
    const answer = await send(app, { data: { ...order().data, amount3: { value: '100万元' } } })
    assert.equal(answer.errcode, 47003)
    assert.match(answer.errmsg, /data\.amount3\.value/)
  })

  await check('the templates of the app', async () => {
    const { errcode, data } = await call(app, 'GET', '/wxaapi/newtmpl/gettemplate')
    assert.equal(errcode, 0)
    assert.equal(data.length, 3)
    const shipment = data.find((template) => template.priTmplId === SHIPMENT_ARRIVED)
    assert.match(shipment.content, /\{\{enum_string4\.DATA\}\}/)
    assert.ok(shipment.keywordEnumValueList[0].enumValueList.includes('顺丰速运'))
  })

  await check('a customer message needs a word of the user (45015)', async () => {
    const path = '/cgi-bin/message/custom/send'
    const json = { touser: USER, msgtype: 'text', text: { content: '您好' } }
    assert.equal((await call(app, 'POST', path, { json })).errcode, 45015)
    await control('/sandbox/users/message', { openid: USER, text: '在吗' })
    assert.equal((await call(app, 'POST', path, { json })).errcode, 0)
  })
}

// A server that WeChat pushes to, as somebody would write it with the SDK. `read` is how its messages are read.
async function startReceiver(app, read) {
  const pushes = []
  let urlChecks = 0
  const server = http.createServer(async (request, response) => {
    try {
      const incoming = await ServerRequest.createFromIncomingMessage(request)
      if (request.method === 'GET') urlChecks++
      else pushes.push(await read(app, incoming))
      app.setRequest(incoming)
      // The SDK's default answer, which is the echostr for a URL check.
      const answer = request.method === 'GET' ? (await app.getServer().serve()).getBody().toString() : 'success'
      response.end(answer)
    } catch (error) {
      pushes.push({ problem: error.message })
      response.end('success')
    }
  })
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${server.address().port}/callback`,
    urlChecks: () => urlChecks,
    async next(event) {
      const end = Date.now() + LIMIT_MS
      while (pushes.length === 0) {
        assert.ok(Date.now() < end, `no push within ${LIMIT_MS} ms, expected ${event}`)
        await new Promise((later) => setTimeout(later, 10))
      }
      const push = pushes.shift()
      assert.equal(push.problem, undefined)
      assert.equal(push.Event, event)
      assert.equal(push.FromUserName, USER)
      return push
    },
    stop: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

// What the SDK's server hands to a listener: parsed, and decrypted where it was encrypted.
async function byServer(app, incoming) {
  let heard
  app.setRequest(incoming)
  const server = app.getServer()
  const before = [...server.getHandlers()]
  server.with(async (message) => {
    heard = message
    return 'success'
  })
  try {
    await server.serve()
  } finally {
    server.handlers = before
  }
  const message = {}
  for (const name of ['Event', 'FromUserName', 'List', 'SubscribeMsgPopupEvent', 'SubscribeMsgChangeEvent', 'SubscribeMsgSentEvent']) {
    message[name] = heard[name]
  }
  return message
}

// Its server reads what it decrypted as XML, always. So JSON is decrypted by its encryptor, which checks the signature and the appid.
async function byEncryptor(app, incoming) {
  const { Encrypt } = JSON.parse(incoming.getBody().toString())
  const query = incoming.getQueryParams()
  return JSON.parse(app.getEncryptor().decrypt(Encrypt, query.msg_signature, query.nonce, query.timestamp))
}

const items = (message, wrapper) => [(message[wrapper] || message).List].flat()

async function callbackChecks(mode, format) {
  const app = miniApp('stable')
  const receiver = await startReceiver(app, format === 'json' && mode !== 'plain' ? byEncryptor : byServer)
  const name = `callbacks, ${mode} ${format}: `
  try {
    const registered = await check(`${name}the URL check`, async () => {
      await control('/sandbox/callbacks', { appid: APPID, url: receiver.url, ...CALLBACK, mode, format })
      assert.equal(receiver.urlChecks(), 1)
    })
    if (!registered) return

    await check(`${name}a popup with one template, and with two`, async () => {
      await subscribe({ [ORDER_COMPLETED]: 'accept' })
      const [one, ...none] = items(await receiver.next('subscribe_msg_popup_event'), 'SubscribeMsgPopupEvent')
      assert.deepEqual(none, [])
      assert.equal(one.TemplateId, ORDER_COMPLETED)
      assert.equal(one.SubscribeStatusString, 'accept')
      await subscribe({ [ORDER_COMPLETED]: 'reject', [SHIPMENT_ARRIVED]: 'accept' })
      const two = items(await receiver.next('subscribe_msg_popup_event'), 'SubscribeMsgPopupEvent')
      assert.deepEqual(Object.fromEntries(two.map((item) => [item.TemplateId, item.SubscribeStatusString])), {
        [ORDER_COMPLETED]: 'reject',
        [SHIPMENT_ARRIVED]: 'accept',
      })
    })

    await check(`${name}a send, and its receipt with the same msgid`, async () => {
      assert.equal((await send(app)).errcode, 0)
      const [sent] = items(await receiver.next('subscribe_msg_sent_event'), 'SubscribeMsgSentEvent')
      assert.equal(sent.MsgID, (await control('/sandbox/log')).accepted.at(-1).msgid)
      assert.equal(sent.ErrorCode, '0')
    })

    await check(`${name}a template switched off in the settings`, async () => {
      const settings = (state) => control('/sandbox/users/settings', { openid: USER, templates: { [ORDER_COMPLETED]: state } })
      await settings('off')
      const [change] = items(await receiver.next('subscribe_msg_change_event'), 'SubscribeMsgChangeEvent')
      assert.equal(change.SubscribeStatusString, 'reject')
      await settings('on')
    })
  } finally {
    receiver.stop()
  }
}

async function main() {
  await check('the sandbox starts anew', () => control('/sandbox/reset', {}))
  await apiChecks(miniApp('stable'))
  for (const mode of ['plain', 'compatible', 'secure']) {
    for (const format of ['xml', 'json']) await callbackChecks(mode, format)
  }
  console.log(`node-easywechat: ${passed} passed, ${failed} failed`)
  process.exit(failed === 0 && passed > 0 ? 0 : 1)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
