const variable = (name) => {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}

export const settings = {
  brokers: variable('KAFKA_BOOTSTRAP_SERVERS').split(','),
  sourceTopic: variable('SOURCE_TOPIC'),
  outcomeTopic: variable('OUTCOME_TOPIC'),
  group: variable('GROUP'),
  baseUrl: variable('WECHAT_BASE_URL').replace(/\/$/, ''),
  appid: variable('WECHAT_APPID'),
  secret: variable('WECHAT_SECRET'),
  templateId: variable('TEMPLATE_ID'),
  // Sends a second; 0 is no limit.
  rate: Number(process.env.RATE || 0),
  inFlight: Number(process.env.IN_FLIGHT || 512),
  timeoutMs: Number(process.env.TIMEOUT_S || 5) * 1000,
  // 0: any free port, since several of these may run on one machine.
  port: Number(process.env.PORT || 0),
}
