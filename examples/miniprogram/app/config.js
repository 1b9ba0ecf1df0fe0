// 接入时只需要改这个文件。
module.exports = {
  // wx-courier 的地址。真机上必须是 https，并且要写进小程序后台的「request 合法域名」。
  baseUrl: 'https://courier.example.com',

  // 服务端 courier.toml 里 [apps.shop] 的名字；服务端只配了一个小程序时可以留空。
  app: 'shop',

  // 「提醒我」按钮要申请的模板 id（小程序后台「订阅消息 → 我的模板」）。
  // 一次性订阅和长期订阅的模板不能放在同一次申请里（errCode 20002）。
  templateIds: ['HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8'],

  // 一次最多能申请几个模板：基础库新版本是 5 个，旧版本是 3 个。超出的 id 留到用户下一次点击。
  maxTemplates: 3,

  // 「完成订单」发布的事件类型，服务端 [miniapp] 里要允许它。
  eventType: 'order.completed',
}
