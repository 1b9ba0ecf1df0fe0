const courier = require('../../lib/courier')
const config = require('../../config')

// 弹窗没有弹成时对用户说的话。
const PROBLEM_TEXTS = {
  main_switch_off: '订阅消息的总开关关着，打开后才能提醒你',
  network: '网络不太好，请再点一次',
  in_background: '请再点一次',
  unsupported: '微信版本太低，升级后才能提醒你',
  banned: '暂时不能提醒你',
  misconfigured: '暂时不能提醒你',
  unknown: '暂时不能提醒你，请稍后再试',
}

// 服务端拒绝时对用户说的话；没列出的都请用户稍后再试。
const SEND_TEXTS = {
  network: '网络不太好，请再点一次',
  user_blocked: '账号暂时不能使用这个功能',
  type_not_allowed: '暂时不能使用这个功能',
}

// 页面也可以用 Component 构造器来写（json 里有 usingComponents 即可）。
// 这里这样写，是因为官方的单元测试工具 miniprogram-simulate 渲染的是组件，页面不用改一个字就能测。
Component({
  data: {
    // 演示用的订单，字段和服务端规则里用到的 data.* 一致。
    order: { order_no: 'SO20261122001', amount_fen: 12850, items: [{ name: '拿铁' }, { name: '可颂' }] },
    // idle → asking → accepted | partly | refused | 弹窗失败的原因
    reminder: { state: 'idle', text: '', reported: false },
    // idle → sending → sent | failed
    payment: { state: 'idle', text: '', event: '' },
  },

  methods: {
    // 不要在 askForReminders 之前 await 任何东西，见 lib/courier.js。
    async remindMe() {
      if (this.data.reminder.state === 'asking') return
      const asking = courier.askForReminders(config.templateIds)
      this.setData({ reminder: { state: 'asking', text: '', reported: false } })
      this.setData({ reminder: describe(await asking) })
    },

    // 总开关只有用户自己能打开。
    openSettings() {
      wx.openSetting({
        withSubscriptions: true,
        success: () => this.setData({ reminder: { state: 'idle', text: '打开总开关后，再点一次「提醒我」', reported: false } }),
      })
    },

    // 真正的项目里，订单由订单服务发布到 Kafka；这里演示由小程序直接发布事件（服务端要允许这个 type）。
    async completeOrder() {
      if (this.data.payment.state === 'sending') return
      const { order } = this.data
      this.setData({ payment: { state: 'sending', text: '', event: '' } })
      try {
        // 用订单号当 id：再点一次也还是同一个事件，用户不会收到两条。
        const { id } = await courier.send(config.eventType, order.order_no, order)
        this.setData({ payment: { state: 'sent', text: '好了，完成后会提醒你', event: id } })
      } catch (error) {
        this.setData({ payment: { state: 'failed', text: SEND_TEXTS[error.code] || '请稍后再试', event: '' } })
      }
    },
  },
})

// 申请的结果 → 页面上的状态和文字
function describe(result) {
  if (result.problem) {
    return { state: result.problem, text: PROBLEM_TEXTS[result.problem], reported: false }
  }
  // 'filter' 是同名模板被去重，不是用户的选择；'ban' 是平台封了模板，用户也没有办法。
  const choices = Object.keys(result.answers).map((id) => result.answers[id])
  const accepted = choices.filter(courier.isAccept).length
  const decided = choices.filter((choice) => choice !== 'filter').length
  const { reported } = result
  if (accepted === 0 && choices.every((choice) => choice === 'ban' || choice === 'filter')) {
    return { state: 'banned', text: PROBLEM_TEXTS.banned, reported }
  }
  if (accepted === 0) return { state: 'refused', text: '好的，不打扰你', reported }
  if (accepted < decided) return { state: 'partly', text: '好的，只提醒你选中的', reported }
  return { state: 'accepted', text: '好的，到时候提醒你', reported }
}
