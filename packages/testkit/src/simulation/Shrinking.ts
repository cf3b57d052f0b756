/**
 * Finds a smaller plan that still breaks an invariant.
 *
 * @since 0.1.0
 */
import type { Plan, Script } from "./Plan.js"

/** The list without one part of it: first halves, at last single elements, the last first. */
const withoutPart = function* <A>(list: ReadonlyArray<A>): Generator<ReadonlyArray<A>> {
  for (let size = Math.ceil(list.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let end = list.length; end > 0; end -= size) {
      yield [...list.slice(0, Math.max(0, end - size)), ...list.slice(end)]
    }
  }
}

/** Scripts with one operation less. */
const smallerScripts = function* (script: Script): Generator<Script> {
  yield* withoutPart(script)
}

/** The plan without what goes wrong in workers that it does not have. */
const consistent = (plan: Plan): Plan => {
  const names = new Set(plan.workers.map(({ name }) => name))
  return {
    ...plan,
    faults: plan.faults.filter((fault) =>
      "worker" in fault ? names.has(fault.worker) : fault.link === "client" || names.has(fault.link),
    ),
  }
}

/**
 * Plans that are smaller than this one, those that leave out most first.
 *
 * @since 0.1.0
 * @category shrinking
 */
export const smaller = function* (plan: Plan): Generator<Plan> {
  for (const faults of withoutPart(plan.faults)) yield { ...plan, faults }
  for (const runs of withoutPart(plan.runs)) if (runs.length > 0) yield { ...plan, runs }
  for (const workers of withoutPart(plan.workers))
    if (workers.length > 0) yield consistent({ ...plan, workers })
  for (const [index, run] of plan.runs.entries()) {
    for (const script of smallerScripts(run.script)) {
      yield { ...plan, runs: plan.runs.with(index, { ...run, script }) }
    }
    if (run.conversation !== undefined) {
      yield { ...plan, runs: plan.runs.with(index, { ...run, conversation: undefined }) }
    }
  }
  for (const [index, worker] of plan.workers.entries()) {
    if (worker.drift !== 0) yield { ...plan, workers: plan.workers.with(index, { ...worker, drift: 0 }) }
    if (worker.slots > 1) yield { ...plan, workers: plan.workers.with(index, { ...worker, slots: 1 }) }
  }
  if (plan.latency > 2) yield { ...plan, latency: 2 }
}

/**
 * The smallest plan that is found within `limit` tries, by what `isBroken` says of each.
 *
 * @since 0.1.0
 * @category shrinking
 */
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
