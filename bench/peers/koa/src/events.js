import pLimit from 'p-limit'
import { isWanted, toMessage } from './message.js'
import { settings } from './settings.js'
import { send } from './wechat.js'

const HEARTBEAT_MS = 1000
const limit = pLimit(settings.inFlight)

/** One event from its bytes to what became of it. */
const settle = async (topic, partition, { offset, value }) => {
  const place = `${topic}/${partition}/${offset}`
  let event
  let message
  try {
    event = JSON.parse(value.toString())
    if (!isWanted(event)) return { event_id: event.id ?? place, status: 'unmatched' }
    message = toMessage(event)
  } catch (error) {
    return { event_id: event?.id ?? place, status: 'invalid', detail: error.message }
  }
  return { event_id: event.id ?? place, ...await send(message) }
}

/** What `consumer.run` is given. An offset is resolved, and so committed, once its outcome and all before it are acknowledged. */
export const handleBatch = (outcomes) => async ({ batch, resolveOffset, heartbeat, commitOffsetsIfNecessary, isRunning, isStale }) => {
  const { topic, partition, messages } = batch
  const done = new Array(messages.length).fill(false)
  let position = 0
  let failure

  const one = async (record, index) => {
    // A batch is long: at the end, or when the partition is somebody else's, what has not begun stays for the next owner.
    if (failure || !isRunning() || isStale()) return
    try {
      const outcome = await settle(topic, partition, record)
      await outcomes.publish(outcome.event_id, outcome)
      done[index] = true
      while (done[position]) {
        resolveOffset(messages[position].offset)
        position += 1
      }
    } catch (error) {
      failure = error
    }
  }

  // The group hears from us while the batch goes on; kafkajs does that only between batches by itself.
  const beat = setInterval(() => {
    heartbeat().then(() => commitOffsetsIfNecessary()).catch((error) => { failure ??= error })
  }, HEARTBEAT_MS)
  try {
    await Promise.all(messages.map((record, index) => limit(one, record, index)))
  } finally {
    clearInterval(beat)
  }
  if (failure) throw failure
}
