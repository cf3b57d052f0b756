/** Finds a smaller plan that still breaks an invariant. */
import type { Plan, PlannedRun, Script } from "./Plan.js"

/** The list without one part of it: first halves, at last single elements, the last first. */
const withoutPart = function* <A>(list: ReadonlyArray<A>): Generator<ReadonlyArray<A>> {
  for (let size = Math.ceil(list.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let end = list.length; end > 0; end -= size) {
      yield [...list.slice(0, Math.max(0, end - size)), ...list.slice(end)]
    }
  }
}

/** Scripts with less in them. */
const smallerScripts = function* (script: Script): Generator<Script> {
  yield* withoutPart(script)
  for (const [index, operation] of script.entries()) {
    if (operation._tag === "Spawn") {
      for (const inner of smallerScripts(operation.script)) {
        yield script.with(index, { ...operation, script: inner })
      }
    }
    if (operation._tag === "Together") {
      for (const scripts of withoutPart(operation.scripts))
        yield script.with(index, { ...operation, scripts })
      for (const [within, branch] of operation.scripts.entries()) {
        for (const inner of smallerScripts(branch)) {
          yield script.with(index, { ...operation, scripts: operation.scripts.with(within, inner) })
        }
      }
    }
  }
}

const smallerRuns = function* (run: PlannedRun): Generator<PlannedRun> {
  for (const script of smallerScripts(run.script)) yield { ...run, script }
  for (const repeats of withoutPart(run.repeats)) yield { ...run, repeats }
  if (run.conversation !== undefined) yield { ...run, conversation: undefined, multitask: "enqueue" }
  if (run.under !== undefined) yield { ...run, under: undefined }
  if (run.budget !== undefined) yield { ...run, budget: undefined }
}

/** The plan without what concerns workers and runs that it does not have. */
const consistent = (plan: Plan): Plan => {
  const workers = new Set(plan.workers.map(({ name }) => name))
  const runs = new Set(plan.runs.map(({ name }) => name))
  return {
    ...plan,
    actions: plan.actions.filter(({ run }) => runs.has(run)),
    faults: plan.faults.filter((fault) => {
      if ("worker" in fault) return workers.has(fault.worker)
      return !("link" in fault) || !fault.link.startsWith("worker") || workers.has(fault.link)
    }),
  }
}

/** Plans that are smaller than this one, those that leave out most first. */
export const smaller = function* (plan: Plan): Generator<Plan> {
  for (const faults of withoutPart(plan.faults)) yield { ...plan, faults }
  for (const actions of withoutPart(plan.actions)) yield { ...plan, actions }
  for (const runs of withoutPart(plan.runs)) if (runs.length > 0) yield consistent({ ...plan, runs })
  for (const schedules of withoutPart(plan.schedules)) yield { ...plan, schedules }
  for (const limits of withoutPart(plan.limits)) yield { ...plan, limits }
  for (const workers of withoutPart(plan.workers))
    if (workers.length > 0) yield consistent({ ...plan, workers })
  for (const [index, run] of plan.runs.entries()) {
    for (const smallerRun of smallerRuns(run)) {
      yield { ...plan, runs: plan.runs.with(index, smallerRun) }
    }
  }
  for (const [index, schedule] of plan.schedules.entries()) {
    const change = (changes: Partial<typeof schedule>) => ({
      ...plan,
      schedules: plan.schedules.with(index, { ...schedule, ...changes }),
    })
    for (const repeats of withoutPart(schedule.repeats)) yield change({ repeats })
    if (schedule.ticks > 1) yield change({ ticks: schedule.ticks - 1 })
  }
  for (const [index, worker] of plan.workers.entries()) {
    if (worker.drift !== 0) yield { ...plan, workers: plan.workers.with(index, { ...worker, drift: 0 }) }
    if (worker.slots > 1) yield { ...plan, workers: plan.workers.with(index, { ...worker, slots: 1 }) }
  }
  if (plan.attendants > 1) yield { ...plan, attendants: 1 }
  if (plan.latency > 2) yield { ...plan, latency: 2 }
}

/** The smallest plan that is found within `limit` tries, by what `isBroken` says of each. */
export const shrink = async (
  plan: Plan,
  isBroken: (plan: Plan) => Promise<boolean>,
  limit: number,
): Promise<{ readonly plan: Plan; readonly tries: number }> => {
  let smallest = plan
  let tries = 0
  const next = async (): Promise<Plan | undefined> => {
    for (const candidate of smaller(smallest)) {
      if (tries >= limit) return undefined
      tries += 1
      if (await isBroken(candidate)) return candidate
    }
    return undefined
  }
  for (let found = await next(); found !== undefined; found = await next()) smallest = found
  return { plan: smallest, tries }
}
