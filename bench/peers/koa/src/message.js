import { settings } from './settings.js'

const SHANGHAI_MS = 8 * 3600 * 1000
const THING_CHARACTERS = 20

const two = (n) => String(n).padStart(2, '0')

// Shanghai has had no summer time since 1991; a formatter of Intl costs ten times as much.
const datetime = (time) => {
  const at = new Date(Date.parse(time) + SHANGHAI_MS)
  if (Number.isNaN(at.getTime())) throw new Error(`time is not a time: ${time}`)
  return `${at.getUTCFullYear()}年${two(at.getUTCMonth() + 1)}月${two(at.getUTCDate())}日 ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`
}

const yuan = (fen) => `￥${Math.floor(fen / 100)}.${two(fen % 100)}`

const thing = (items) => {
  const ending = ` 等${items.length}件`
  return Array.from(items[0].name).slice(0, THING_CHARACTERS - ending.length).join('') + ending
}

/** Whether this event wants a message. */
export const isWanted = (event) => event.type === 'order.completed' && event.data.amount_fen > 0

/** The body of subscribe/send. Throws if the event lacks what it needs. */
export const toMessage = ({ time, data }) => ({
  touser: data.openid,
  template_id: settings.templateId,
  page: `pages/order/detail?id=${encodeURIComponent(data.order_no)}`,
  data: {
    character_string1: { value: data.order_no },
    thing2: { value: thing(data.items) },
    amount3: { value: yuan(data.amount_fen) },
    time4: { value: datetime(time) },
    phrase5: { value: '已完成' },
  },
  miniprogram_state: 'formal',
  lang: 'zh_CN',
})
