// The Koa handler that sends subscribe messages, and its second life: the same `send`, driven by Kafka.
import { bodyParser } from '@koa/bodyparser'
import { Kafka, logLevel } from 'kafkajs'
import Koa from 'koa'
import { handleBatch } from './events.js'
import { Outcomes } from './outcomes.js'
import { settings } from './settings.js'
import { close, send } from './wechat.js'

const PARTITIONS = 12

const kafka = new Kafka({ clientId: 'koa', brokers: settings.brokers, logLevel: logLevel.WARN })
const producer = kafka.producer({ allowAutoTopicCreation: false })
const consumer = kafka.consumer({ groupId: settings.group, allowAutoTopicCreation: false, maxWaitTimeInMs: 100 })

const app = new Koa()
app.use(bodyParser())
app.use(async (ctx) => {
  if (ctx.method === 'GET' && ctx.path === '/health') ctx.body = { ok: true }
  else if (ctx.method === 'POST' && ctx.path === '/send') ctx.body = await send(ctx.request.body)
})

const server = app.listen(settings.port, '127.0.0.1', () => {
  console.error(`listening on ${server.address().port}`)
})

await producer.connect()
await consumer.connect()
await consumer.subscribe({ topics: [settings.sourceTopic], fromBeginning: true })
// https://kafka.js.org/docs/consuming#concurrent-processing and #each-batch
await consumer.run({
  eachBatch: handleBatch(new Outcomes(producer)),
  eachBatchAutoResolve: false,
  partitionsConsumedConcurrently: PARTITIONS,
  autoCommitInterval: 1000,
})

const stop = async () => {
  server.close()
  // Waits for the batches, which end with what is under way, and commits.
  await consumer.disconnect()
  await producer.disconnect()
  await close()
}
let stopping
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    stopping ??= stop().then(() => process.exit(0), (error) => {
      console.error(error)
      process.exit(1)
    })
  })
}
// kafkajs gives up after what it cannot repair; a supervisor starts the service again.
consumer.on(consumer.events.CRASH, ({ payload }) => {
  if (!payload.restart && !stopping) process.exit(1)
})
