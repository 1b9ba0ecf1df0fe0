// What the JavaScript SDK of CloudEvents hands to a Kafka producer: one line of JSON for each record. As its documentation says,
// a value that is an object goes through JSON.stringify, and headers that are undefined are left out, as kafkajs does.
'use strict'

const { CloudEvent, Kafka } = require('cloudevents')

const JSON_BYTES = Buffer.from('{"openid":"o1","name":"拿铁"}')
const DATA = {
  object: { datacontenttype: 'application/json', data: JSON.parse(JSON_BYTES) },
  'object, no type': { data: JSON.parse(JSON_BYTES) },
  'bytes of JSON': { datacontenttype: 'application/json', data: new Uint8Array(JSON_BYTES) },
  'bytes of JSON, no type': { data: JSON_BYTES },
  text: { datacontenttype: 'text/plain', data: '12.50 拿铁' },
  octets: { datacontenttype: 'application/octet-stream', data: Buffer.from([0, 255]) },
  none: {}
}

function bytes(value) {
  if (value === undefined || value === null) return null
  if (typeof value === 'string' || value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return Buffer.from(JSON.stringify(value)).toString('base64')
}

for (const [name, data] of Object.entries(DATA)) {
  for (const mode of ['binary', 'structured']) {
    const attributes = {
      id: 'e1',
      source: '/sdk',
      type: 'order.completed',
      subject: 'SO1',
      time: '2026-11-22T08:30:00Z',
      tenant: '上海'
    }
    const record = Kafka[mode](new CloudEvent({ ...attributes, ...data }))
    const headers = Object.fromEntries(Object.entries(record.headers).filter(([, text]) => text !== undefined))
    console.log(JSON.stringify({ sdk: 'node', data: name, mode, headers, value: bytes(record.value) }))
  }
}
