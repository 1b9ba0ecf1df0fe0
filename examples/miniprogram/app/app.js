const courier = require('./lib/courier')
const config = require('./config')

App({
  onLaunch() {
    courier.configure(config)
  },

  // 每次回到前台（包括启动后的第一次），把还没有送到服务端的订阅结果再送一次。
  // 用户在地铁里点了「允许」，这次授权也不会丢。
  onShow() {
    courier.deliverAnswers()
  },
})
