import { settings } from './settings.js'

const LINGER_MS = 5
const BATCH = 1000

/** Publishes outcomes in batches: kafkajs sends each call of `send` as a request of its own. */
export class Outcomes {
  #producer
  #waiting = []
  #timer

  constructor(producer) {
    this.#producer = producer
  }

  /** Ends when all in-sync replicas have it. */
  publish(key, value) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message: { key, value: JSON.stringify(value) }, resolve, reject })
      if (this.#waiting.length >= BATCH) this.#flush()
      else this.#timer ??= setTimeout(() => this.#flush(), LINGER_MS)
    })
  }

  async #flush() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const batch = this.#waiting
    this.#waiting = []
    try {
      await this.#producer.send({ topic: settings.outcomeTopic, acks: -1, messages: batch.map(({ message }) => message) })
      batch.forEach(({ resolve }) => resolve())
    } catch (error) {
      batch.forEach(({ reject }) => reject(error))
    }
  }
}
