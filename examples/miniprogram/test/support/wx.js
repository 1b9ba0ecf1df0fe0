// The parts of `wx` that the mini program uses. Requests are real HTTP; what needs a phone and a user is given by the caller.
'use strict'

// `storage` is a Map that outlives a start of the mini program. `login` answers a code (or throws); `subscribe` gets the template
// ids and answers what WeChat's success object says of each (or throws an error with `errCode`); `inTap` says whether WeChat
// would take the call as a user's tap. `statuses` collects the HTTP status of every request, by path; 0 is no answer.
function fakeWx({ storage, login, subscribe, inTap, statuses }) {
  return {
    getStorageSync(key) {
      return storage.has(key) ? JSON.parse(storage.get(key)) : ''
    },

    setStorageSync(key, value) {
      storage.set(key, JSON.stringify(value))
    },

    login({ success, fail }) {
      login().then(
        (code) => success({ errMsg: 'login:ok', code }),
        (error) => fail({ errMsg: `login:fail ${error.message}` })
      )
    },

    requestSubscribeMessage({ tmplIds, success, fail }) {
      if (!inTap()) {
        fail({ errMsg: 'requestSubscribeMessage:fail can only be invoked by user TAP gesture.' })
        return
      }
      subscribe(tmplIds).then(
        (answers) => success(Object.assign({ errMsg: 'requestSubscribeMessage:ok' }, answers)),
        (error) => fail({ errMsg: `requestSubscribeMessage:fail ${error.message}`, errCode: error.errCode })
      )
    },

    openSetting({ success }) {
      success({ errMsg: 'openSetting:ok' })
    },

    // As on a phone, every answer is a success, whatever its status; `fail` is for requests without one.
    request({ url, method, data, header, timeout, success, fail }) {
      const path = new URL(url).pathname
      const note = (status) => {
        statuses[path] = (statuses[path] || []).concat(status)
      }
      fetch(url, { method, headers: header, body: JSON.stringify(data), signal: AbortSignal.timeout(timeout) })
        .then(async (response) => {
          const body = await response.text()
          note(response.status)
          return { statusCode: response.status, data: parsed(body), header: Object.fromEntries(response.headers) }
        })
        .then(success, (error) => {
          note(0)
          fail({ errMsg: `request:fail ${error.message}` })
        })
    },
  }
}

// With dataType json, a body that is no JSON is handed over as the text it is.
function parsed(body) {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}

module.exports = { fakeWx }
