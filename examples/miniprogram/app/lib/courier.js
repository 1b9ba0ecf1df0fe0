// 小程序和 wx-courier 之间的全部逻辑：登录、申请订阅、上报结果、发布事件。
// 没有依赖，可以原样复制到自己的小程序里；用法见 pages/order/order.js。
//
// openid 和 session_key 永远留在服务端，小程序手里只有一个会过期的会话令牌（token）。

const SESSION_KEY = 'wx-courier.session'
const ANSWERS_KEY = 'wx-courier.answers'

// 令牌在到期前这么久就不再使用：请求在路上也要花时间。
const SESSION_MARGIN_MS = 60 * 1000
const REQUEST_TIMEOUT_MS = 10 * 1000
// 本地最多保留这么多条没送到的结果。正常情况下只有零到一条。
const MAX_KEPT_ANSWERS = 50

let settings = { baseUrl: '', app: '', maxTemplates: 3 }
let session = null // { token, expiresAt }，expiresAt 是毫秒
let answers = null // [{ id, answers, at }]，第一次用到时从 storage 读出；at 是用户回答的时间（毫秒）
let loggingIn = null // 正在进行的登录；同时需要登录的请求共用这一次
let delivering = null // 正在进行的上报

// 服务端拒绝了请求，或者请求没有送到。
// code 是服务端给的错误码（如 'type_not_allowed'）；请求没有送到时是 'network'；wx.login 失败时是 'login_failed'。
class CourierError extends Error {
  constructor(code, message, status) {
    super(message)
    this.name = 'CourierError'
    this.code = code
    this.status = status // HTTP 状态码；没有收到回答时是 0
  }
}

// 在 App.onLaunch 里调用一次；options 就是 config.js 的内容。
function configure(options) {
  settings = Object.assign({ app: '', maxTemplates: 3 }, options)
  settings.baseUrl = String(settings.baseUrl || '').replace(/\/+$/, '')
}

// ---------------------------------------------------------------- 申请订阅

// wx.requestSubscribeMessage 的错误码，按页面能做什么来归类。
const PROBLEMS = {
  10001: 'misconfigured', // 参数为空
  10002: 'network', // 拉取模板列表时网络失败
  10003: 'network', // 提交订阅结果时网络失败
  10004: 'misconfigured', // 参数类型不对，或模板 id 无效
  10005: 'in_background', // 小程序在后台，弹不出窗口
  20001: 'misconfigured', // 没有这个模板，或模板 id 和类型对不上
  20002: 'misconfigured', // 一次性和长期模板混在一起
  20003: 'misconfigured', // 模板太多
  20004: 'main_switch_off', // 用户关了订阅消息的总开关
  20005: 'banned', // 小程序被禁用了这项能力
  20013: 'misconfigured', // 设备消息模板不能用这个接口
}

// 弹窗申请订阅，并把用户的选择上报给服务端。
//
// 必须在 bindtap 的处理函数里直接调用：在它之前有任何 await，微信都会认为不是用户点击而拒绝。
// 用户勾了「总是保持以上选择」之后不再弹窗，但每发一条消息仍然要调用一次。
//
// 返回的 Promise 不会失败：
//   problem  没有弹成窗口的原因（上面那张表的值，或 'unsupported' / 'unknown'）；弹成了是 null
//   answers  { 模板 id: 'accept' | 'reject' | 'ban' | 'filter' | 'acceptWithAudio' … }
//   notAsked 超出一次上限、这次没有申请的模板 id
//   reported 结果是否已经送到服务端；false 表示存在本地，下次启动再送
async function askForReminders(templateIds) {
  const asked = templateIds.slice(0, settings.maxTemplates)
  const notAsked = templateIds.slice(settings.maxTemplates)
  const asking = requestSubscribeMessage(asked) // 在第一个 await 之前
  const result = await asking
  if (result.problem) {
    return { problem: result.problem, answers: {}, notAsked, reported: false }
  }
  if (Object.keys(result.answers).length === 0) {
    return { problem: 'unknown', answers: {}, notAsked, reported: false }
  }
  const id = uniqueId()
  keepAnswer({ id, answers: result.answers, at: Date.now() })
  await deliverAnswers()
  const reported = !keptAnswers().some((kept) => kept.id === id)
  return { problem: null, answers: result.answers, notAsked, reported }
}

// 凡是以 accept 开头的都是同意，不分大小写：'accept'、'acceptWithAudio'、'acceptWithAlert'、'acceptWithForcePush'，以及微信以后的新词。
function isAccept(answer) {
  return typeof answer === 'string' && answer.toLowerCase().indexOf('accept') === 0
}

function requestSubscribeMessage(tmplIds) {
  return new Promise((resolve) => {
    if (typeof wx.requestSubscribeMessage !== 'function') {
      resolve({ problem: 'unsupported' }) // 基础库低于 2.4.4
      return
    }
    wx.requestSubscribeMessage({
      tmplIds,
      success(res) {
        const answers = {}
        // 返回的对象里除了模板 id 还有 errMsg 等，所以只取我们问过的。
        tmplIds.forEach((id) => {
          if (typeof res[id] === 'string') answers[id] = res[id]
        })
        resolve({ problem: null, answers })
      },
      fail(err) {
        const problem = PROBLEMS[err.errCode] || 'unknown'
        if (problem === 'misconfigured' || problem === 'unknown') {
          console.error('requestSubscribeMessage', err.errCode, err.errMsg)
        }
        resolve({ problem })
      },
    })
  })
}

// ---------------------------------------------------------------- 上报结果

// 把本地的结果按顺序送到服务端，直到送完或者送不动。不会失败；返回还剩几条。
// 每条结果有自己的 id，重送时不变，所以同一次「允许」送两遍服务端也只算一次。
function deliverAnswers() {
  if (keptAnswers().length === 0) return Promise.resolve(0)
  if (!delivering) delivering = deliverAll()
  return delivering
}

async function deliverAll() {
  try {
    while (keptAnswers().length > 0) await deliverOne(keptAnswers()[0])
  } catch (error) {
    console.warn('wx-courier: 订阅结果稍后再报', error.code || error)
  } finally {
    delivering = null
  }
  return keptAnswers().length
}

async function deliverOne(answer) {
  try {
    // 只告诉服务端过去了多久：手机的时钟不一定准。服务端据此认出微信推送的是同一次「允许」。
    const age = Math.max(0, Date.now() - (answer.at || Date.now()))
    await postWithSession('/miniapp/subscriptions', { id: answer.id, answers: answer.answers, age_ms: age })
  } catch (error) {
    if (!isFinal(error)) throw error
    // 服务端看不懂这一条，再送多少次也一样。留着它会挡住后面的。
    console.error('wx-courier: 服务端不接受这条订阅结果', error.code, error.message)
  }
  forgetAnswer(answer.id)
}

function isFinal(error) {
  return error instanceof CourierError && [400, 413, 415, 422].indexOf(error.status) >= 0
}

function keptAnswers() {
  if (answers === null) {
    const stored = readStorage(ANSWERS_KEY)
    answers = Array.isArray(stored) ? stored : []
  }
  return answers
}

// 先存再送：小程序随时可能被关掉。
function keepAnswer(answer) {
  answers = keptAnswers().concat(answer).slice(-MAX_KEPT_ANSWERS)
  writeStorage(ANSWERS_KEY, answers)
}

function forgetAnswer(id) {
  answers = keptAnswers().filter((kept) => kept.id !== id)
  writeStorage(ANSWERS_KEY, answers)
}

// ---------------------------------------------------------------- 发布事件

// 以当前用户的名义发布一个事件；服务端决定哪些 type 允许小程序发布，收件人由服务端按登录的用户填。
// id 由调用方给出：同一件事重试时用同一个 id，就不会变成两件事。用 uniqueId() 生成，或者用订单号。
// 成功返回 { id }；失败抛出 CourierError。
async function send(type, id, data) {
  const response = await postWithSession('/miniapp/send', { type, id, data })
  return { id: response.id }
}

// ---------------------------------------------------------------- 登录和请求

// 登录一次并记住会话。一般不用自己调用：需要时会自动登录。
function login() {
  if (!loggingIn) {
    loggingIn = loginOnce()
      .catch((error) => {
        // code 只能用一次，有效期五分钟；过期或用过就换一个新的，只换一次。
        if (error.code === 'login_code_expired' || error.code === 'login_code_used') return loginOnce()
        throw error
      })
      .then(
        () => {
          loggingIn = null
        },
        (error) => {
          loggingIn = null
          throw error
        }
      )
  }
  return loggingIn
}

async function loginOnce() {
  const code = await wxLogin()
  const body = settings.app ? { app: settings.app, code } : { code }
  const response = await post('/miniapp/login', body, null)
  session = { token: response.token, expiresAt: Date.now() + response.expires_in * 1000 }
  writeStorage(SESSION_KEY, session)
}

function wxLogin() {
  return new Promise((resolve, reject) => {
    wx.login({
      success: (res) => (res.code ? resolve(res.code) : reject(new CourierError('login_failed', res.errMsg, 0))),
      fail: (err) => reject(new CourierError('login_failed', err.errMsg, 0)),
    })
  })
}

async function currentToken() {
  if (session === null) session = readStorage(SESSION_KEY) || null
  if (session === null || !(Date.now() < session.expiresAt - SESSION_MARGIN_MS)) await login()
  return session.token
}

// 带会话的请求。服务端说会话失效（401）就重新登录，再试一次，只一次。
async function postWithSession(path, body) {
  const token = await currentToken()
  try {
    return await post(path, body, token)
  } catch (error) {
    if (error.status !== 401) throw error
  }
  // 另一个请求可能已经换过会话了，那就不用再登录。
  if (session !== null && session.token === token) {
    session = null
    writeStorage(SESSION_KEY, null)
  }
  return post(path, body, await currentToken())
}

function post(path, data, token) {
  return new Promise((resolve, reject) => {
    const header = { 'content-type': 'application/json' }
    if (token) header.Authorization = `Bearer ${token}`
    wx.request({
      url: settings.baseUrl + path,
      method: 'POST',
      data,
      header,
      dataType: 'json',
      timeout: REQUEST_TIMEOUT_MS,
      success(res) {
        if (res.statusCode >= 200 && res.statusCode < 300) {
          resolve(res.data)
          return
        }
        // 网关出错时回的可能是 HTML，所以 data 不一定是对象。
        const answer = res.data && typeof res.data === 'object' ? res.data : {}
        reject(new CourierError(answer.error || 'http_' + res.statusCode, answer.message || '', res.statusCode))
      },
      fail: (err) => reject(new CourierError('network', err.errMsg, 0)),
    })
  })
}

// ---------------------------------------------------------------- 小工具

// 时间加约一百位随机数：不同用户、不同设备也不会撞上。
function uniqueId() {
  const random = () => Math.random().toString(36).slice(2, 12).padEnd(10, '0')
  return `${Date.now().toString(36)}-${random()}${random()}`
}

function readStorage(key) {
  try {
    return wx.getStorageSync(key)
  } catch (error) {
    console.warn('wx-courier: 读不到本地存储', key, error)
    return null
  }
}

// 存不进去（空间满了）也照常往下走，只是关掉小程序后就忘了。
function writeStorage(key, value) {
  try {
    wx.setStorageSync(key, value)
  } catch (error) {
    console.warn('wx-courier: 写不进本地存储', key, error)
  }
}

module.exports = { configure, login, askForReminders, deliverAnswers, send, isAccept, uniqueId, CourierError }
