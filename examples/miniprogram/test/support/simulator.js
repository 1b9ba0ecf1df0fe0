// Renders the mini program's real pages in WeChat's own simulator for unit tests, miniprogram-simulate. It wants a DOM: jsdom.
'use strict'

const path = require('node:path')
const { JSDOM } = require('jsdom')

const APP = path.resolve(__dirname, '../../app')

// The DOM has to be in place before the simulator is loaded.
const dom = new JSDOM('<!doctype html><html><body></body></html>')
global.window = dom.window
for (const name of ['document', 'Event', 'CustomEvent', 'Node', 'Element', 'HTMLElement', 'MutationObserver']) {
  global[name] = dom.window[name]
}
const simulate = require('miniprogram-simulate')

// Starts the mini program anew, as after it was closed: no module remembers anything, only the storage of `wx` does.
// `configure` gets the content of config.js and may change it. Answers the options that app.js gave to App().
function launch(wx, configure) {
  for (const file of Object.keys(require.cache)) {
    if (file.startsWith(APP + path.sep)) delete require.cache[file]
  }
  global.wx = wx
  configure(require(path.join(APP, 'config')))
  let app = null
  global.App = (options) => {
    app = options
  }
  require(path.join(APP, 'app'))
  app.onLaunch()
  return app
}

// Opens a page of the mini program, such as 'pages/order/order', compiled by WeChat's own compiler.
function open(page) {
  const id = simulate.load(path.join(APP, page), { rootPath: APP })
  const component = simulate.render(id)
  component.attach(document.createElement('div'))
  // WeChat allows some calls only from a tap: while its handler runs, and not after anything that it awaited.
  component.dom.addEventListener(
    'tap',
    () => {
      handlingTap = true
      queueMicrotask(() => {
        handlingTap = false
      })
    },
    { capture: true }
  )
  return component
}

let handlingTap = false
const inTap = () => handlingTap

// The text that a user reads at `selector`, or null where the page shows no such thing.
function text(page, selector) {
  const found = page.querySelector(selector)
  return found ? found.dom.textContent.trim() : null
}

// Waits until `condition` answers something true, and answers that. Fails after `limitMs` with `what` in its message.
async function until(what, condition, limitMs = 10000) {
  const end = Date.now() + limitMs
  for (;;) {
    const answer = await condition()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms in vain: ${what}`)
    await simulate.sleep(5)
  }
}

module.exports = { launch, open, inTap, text, until }
