const ofSchedule = /^schedule:([0-9a-f-]{36}):(.+)$/

/** The schedule that has begun a run, which the run's id names. */
export const scheduleOf = (runId: string): string | undefined => ofSchedule.exec(runId)?.[1]

/** The last 8 characters of an id: the first ones are those of its minute. Of a run of a schedule, the tick: `11-24 02:00`. */
export const shortId = (id: string): string => {
  const [, , tick = ""] = ofSchedule.exec(id) ?? []
  return /^\d{4}-.*T/.test(tick) ? tick.slice(5, 16).replace("T", " ") : id.slice(-8)
}
