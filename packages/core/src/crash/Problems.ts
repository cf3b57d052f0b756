/** What a crash changes, named at its place, with a sentence that says what to do. */
import { canonicalJson } from "../model/Json.js"
import type { History } from "./History.js"
import type { Attempt, Call, CallPlace, End, StepSite } from "./Observer.js"

/**
 * `call_outside`: a call outside of steps is made again. `call_repeated`: a call without an idempotency key is made again. `other_key`: it is made
 * again with another key. `other_request`: it is made again with the same key, and is another request. `half_done`: a step that happens at most
 * once was left between its calls. `other_path`: a step that is recorded is not used, so something else is done. `raced`: which step continues
 * depends on which is faster. `other_result`: the run ends with another result, or otherwise. `stuck`: it does not end. `failed`: it fails
 * without a crash.
 */
export type Kind =
  | "call_outside"
  | "call_repeated"
  | "other_key"
  | "other_request"
  | "half_done"
  | "other_path"
  | "raced"
  | "other_result"
  | "stuck"
  | "failed"

/**
 * `place`: such as `step "pay"`. `at`: its place in the source, such as `/home/me/refunds.ts:12:23`, where there is one. `message`: what
 * happens. `advice`: what to do. `crash`: where the worker died; absent without a crash. `crashes`: after how many crashes it is so.
 */
export interface Problem {
  readonly kind: Kind
  readonly place: string
  readonly at: string | undefined
  readonly message: string
  readonly advice: string
  readonly crash: string | undefined
  readonly crashes: number
}

type Found = Omit<Problem, "crash" | "crashes">

export const placeText = ({ kind, name }: CallPlace): string => {
  if (kind === "step") return `step ${JSON.stringify(name)}`
  if (kind === "tool") return `tool ${JSON.stringify(name)}`
  return kind === "model" ? "the model" : kind === "layer" ? "the layer of the executor" : "outside of steps"
}

/** Requests that may be made again, as HTTP has it. */
const idempotent = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])

const isSafe = ({ request: { headers, method } }: Call): boolean =>
  idempotent.has(method) || headers["mcp-protocol-version"] !== undefined

const isSameRequest = (one: Call, other: Call): boolean => one.what === other.what

/** The calls of the second worker, each with that of the first one which it makes again. */
const repeated = (calls: ReadonlyArray<Call>): ReadonlyArray<readonly [before: Call, again: Call]> => {
  const before = calls.filter(({ life }) => life === 0)
  const used = new Set<Call>()
  return calls
    .filter(({ life }) => life > 0)
    .flatMap((again) => {
      const inPlace = before.filter((one) => one.place.id === again.place.id && !used.has(one))
      const found =
        inPlace.find((one) => isSameRequest(one, again) && one.request.body === again.request.body) ??
        inPlace.find((one) => isSameRequest(one, again)) ??
        (again.place.kind === "step" ? inPlace[0] : undefined)
      if (found === undefined) return []
      used.add(found)
      return [[found, again] as const]
    })
}

const sendKey = ({ kind }: CallPlace): string =>
  kind === "tool"
    ? "Send the key of AiTool.CurrentCall with it, or annotate the tool with AiTool.SideEffect as atMostOnce."
    : "Send the idempotencyKey of Step.CurrentStep with it. Where the service knows no such keys, use Step.atMostOnce."

const callProblem = (before: Call, again: Call, mayRepeat: (call: Call) => boolean): Found | undefined => {
  const { key, place, request } = again
  const calledAt = request.at ?? before.request.at
  const at = place.at ?? calledAt
  const what = calledAt === undefined || calledAt === at ? again.what : `${again.what} (${calledAt})`
  const found = (kind: Kind, message: string, advice: string): Found => ({
    kind,
    place: placeText(place),
    at,
    message,
    advice,
  })
  if (place.kind === "model" || place.kind === "layer") return undefined
  if (place.kind === "outside") {
    return found(
      "call_outside",
      `${what} is called outside of steps, so each worker calls it again, and may get another answer.`,
      "Make the call in a step: the next worker gets its result from the log.",
    )
  }
  if (mayRepeat(again)) return undefined
  const isOther = !isSameRequest(before, again) || before.request.body !== again.request.body
  if (key !== undefined && key === before.key) {
    if (!isOther) return undefined
    return found(
      "other_request",
      `${what} is sent again with the same idempotency key, and is another request: ${difference(before, again)}.`,
      "What the request has must be the same in each attempt: read the time, and what is random, in another step.",
    )
  }
  if (key !== undefined || before.key !== undefined) {
    return found(
      "other_key",
      `${what} is made again with another idempotency key, so the service does it twice.`,
      "A key that is made in the body of the step is another one in each attempt: send the idempotencyKey of Step.CurrentStep.",
    )
  }
  if (isSafe(again)) return undefined
  const as = isSameRequest(before, again) ? "" : `, as ${before.what} before`
  return found(
    "call_repeated",
    `${what} is made again without an idempotency key${as}, so the service does it twice.`,
    `${sendKey(place)} Where it may happen twice, as a call of a model may, name its URL in mayRepeat (--may-repeat).`,
  )
}

const short = (text: string): string => (text.length <= 200 ? text : `${text.slice(0, 200)}…`)

const difference = (before: Call, again: Call): string =>
  isSameRequest(before, again)
    ? `its body is ${short(again.request.body ?? "none")} after ${short(before.request.body ?? "none")}`
    : `${again.what} after ${before.what}`

/** A step that happens at most once, or such a tool, that was left between two of its calls. */
const halfDone = (baseline: History, { calls, uncertain }: History): ReadonlyArray<Found> => {
  const changing = (all: ReadonlyArray<Call>, id: string) =>
    all.filter((call) => call.place.id === id && call.life === 0 && !isSafe(call))
  return Array.from(uncertain).flatMap((id) => {
    const whole = changing(baseline.calls, id)
    const done = changing(calls, id)
    const next = whole[done.length]
    if (done.length === 0 || next === undefined) return []
    const of = next.place.kind === "step" ? "Step.atMostOnce for each" : "a tool for each"
    return [
      {
        kind: "half_done" as const,
        place: placeText(next.place),
        at: next.place.at ?? next.request.at,
        message: `It makes ${whole.length} calls that change something. ${done.map(({ what }) => what).join(" and ")} is made, and ${next.what} is never made: the step happens at most once, so no worker continues it.`,
        advice: `Use ${of} of the calls, or one step with idempotency keys. An onUncertain that finds out what was done helps too.`,
      },
    ]
  })
}

const keyText = ({ key }: StepSite): string =>
  key === undefined ? "no key" : `key ${short(canonicalJson(key))}`

const stepText = ({ key, name }: StepSite): string =>
  key === undefined ? JSON.stringify(name) : `${JSON.stringify(name)} with key ${short(canonicalJson(key))}`

/** The reads of the time and of what is random, outside of steps, of which each worker gets another value. */
const suspects = ({ reads }: History): string => {
  const all = new Set(
    reads.map(({ after, at, what }) => {
      const behind = after === undefined ? "" : `, after step ${JSON.stringify(after.name)}`
      return at === undefined
        ? `${what} is read outside of steps${behind}`
        : `${what} at ${at} is outside of steps`
    }),
  )
  const named = Array.from(all).filter((text) => / at /.test(text))
  const shown = named.length > 0 ? named : Array.from(all)
  return shown
    .slice(0, 3)
    .map((text) => ` ${text}.`)
    .join("")
}

/** The first place of a read outside of steps. */
const suspectAt = ({ reads }: History): string | undefined =>
  reads.find(({ at }) => at !== undefined)?.at ?? reads[0]?.after?.at

const isInside = (
  attempts: ReadonlyArray<Attempt>,
  { within }: StepSite,
  recorded: Attempt["recorded"],
): boolean => {
  for (let id = within; id !== undefined;) {
    if (recorded.get(id)?.done !== undefined) return true
    const outer: string = id
    id = attempts.find(({ steps }) => steps.has(outer))?.steps.get(outer)?.within
  }
  return false
}

/** A step that an attempt has recorded and the last one of the run has not used. */
const otherPath = (history: History): ReadonlyArray<Found> => {
  const { attempts } = history
  const last = new Map(attempts.map((attempt) => [attempt.run.runId, attempt]))
  return Array.from(last.values()).flatMap((final) => {
    if (final.ended !== "completed") return []
    const before = attempts.filter((one) => one !== final && one.run.runId === final.run.runId)
    const unused = before
      .flatMap(({ steps }) => Array.from(steps.values()))
      .find(
        (step) =>
          final.recorded.has(step.id) &&
          !final.steps.has(step.id) &&
          !isInside(attempts, step, final.recorded),
      )
    if (unused === undefined) return []
    const others = Array.from(final.steps.values()).filter(
      ({ id }) => !before.some(({ steps }) => steps.has(id)),
    )
    const renamed = others.find(({ name, within }) => name === unused.name && within === unused.within)
    const instead = renamed ?? others[0]
    const does =
      renamed !== undefined
        ? `takes it with ${keyText(renamed)}, and does it again`
        : instead !== undefined
          ? `does ${stepText(instead)} instead`
          : "does not come to it"
    return [
      {
        kind: "other_path" as const,
        place: `step ${JSON.stringify(unused.name)}`,
        at: unused.at,
        message: `Step ${stepText(unused)} is recorded, and the next worker ${does}.${suspects(history)}`,
        advice:
          "Which steps the code takes, and their keys, may depend on the payload and on results of steps alone: read the time, and what is random, in a step.",
      },
    ]
  })
}

const endText = ({ error, result, status }: Pick<End, "error" | "result" | "status">): string =>
  error != null
    ? `${status} with ${error.code}: ${error.message.split("\n")[0]}`
    : `${status} with ${short(JSON.stringify(result ?? null))}`

const isSameEnd = (one: End, other: End): boolean =>
  one.status === other.status &&
  one.error?.code === other.error?.code &&
  canonicalJson(one.result ?? null) === canonicalJson(other.result ?? null)

const lastEnd = ({ ends, run }: History): End | undefined => ends.findLast(({ runId }) => runId === run.runId)

/** The end that a lost request has, and that of the next worker, which has the same records; else that without a crash. */
const otherEnd = (baseline: History, history: History): ReadonlyArray<Found> => {
  const lastOf = history.attempts.findLast(({ run }) => run.runId === history.run.runId)
  const again = lastEnd(history)
  if (again === undefined) return []
  const lost = history.ends.find(({ life, runId }) => runId === history.run.runId && life < again.life)
  const whole = lastEnd(baseline)
  const before = lost ?? (whole !== undefined && whole.status !== again.status ? whole : undefined)
  if (before === undefined || isSameEnd(before, again)) return []
  const isFailure = again.status !== before.status
  const lastStep = Array.from(lastOf?.steps.values() ?? []).at(-1)
  return [
    {
      kind: "other_result",
      place: "the end of the run",
      at: isFailure ? lastStep?.at : suspectAt(history),
      message: `The run is ${endText(again)}, and would have been ${endText(before)}.${suspects(history)}`,
      advice: isFailure
        ? "Look at what the second attempt finds: a step that fails when it is done again needs an idempotency key, or an answer to what was done before."
        : "The result may depend on the payload and on results of steps alone: read the time, and what is random, in a step.",
    },
  ]
}

/** The problems of one history, the cause before what follows from it. */
export const of = (
  baseline: History,
  history: History,
  mayRepeat: (call: Call) => boolean,
): ReadonlyArray<Found> => {
  if (history.stuck !== undefined) {
    const last = history.attempts.findLast(({ ended }) => ended === undefined) ?? history.attempts.at(-1)
    const open = Array.from(last?.inFlight ?? [], (id) => last?.steps.get(id)).at(-1)
    const step = open ?? Array.from(last?.steps.values() ?? []).at(-1)
    return [
      {
        kind: "stuck",
        place: step === undefined ? "the run" : `step ${JSON.stringify(step.name)}`,
        at: step?.at,
        message: `The run does not end. ${history.stuck}.`,
        advice:
          open === undefined
            ? "Answer its questions with answers, and give an executor for each agent that it spawns."
            : "The body of the step does not end: give it a timeout.",
      },
    ]
  }
  const calls = repeated(history.calls).flatMap(
    ([before, again]) => callProblem(before, again, mayRepeat) ?? [],
  )
  const half = halfDone(baseline, history)
  const found = [...half, ...calls]
  // What follows from an uncertain step is what its author has chosen.
  if (history.uncertain.size > 0) return found
  const path = otherPath(history)
  if (path.length > 0) return [...found, ...path]
  return [...found, ...otherEnd(baseline, history)]
}

/** Steps that the code around them has interrupted while it went on, so that which one is faster decides. */
export const interruptedSteps = ({
  attempts,
}: History): ReadonlyArray<{ readonly step: StepSite; readonly others: ReadonlyArray<StepSite> }> =>
  attempts.flatMap(({ besides, ended, interrupted, steps }) =>
    interrupted
      .filter(({ called }) => ended === "completed" || called < steps.size)
      .map(({ step }) => ({
        step,
        others: Array.from(besides.get(step.id) ?? []).flatMap((id) => steps.get(id) ?? []),
      })),
  )

/** What another order of two steps has changed. */
export const raced = (
  step: StepSite,
  others: ReadonlyArray<StepSite>,
  baseline: History,
  other: History | undefined,
): Found | undefined => {
  const found = (message: string): Found => ({
    kind: "raced",
    place: `step ${JSON.stringify(step.name)}`,
    at: step.at,
    message,
    advice:
      "Put the race, or the timeout, into one step: Step.run(name, Effect.race(…)). Its result is recorded, and each worker gets it.",
  })
  if (others.length === 0) {
    return found(
      "The step is interrupted by the code around it, such as a timeout, and nothing records that. A next worker begins the step again, and may see it end.",
    )
  }
  const [before, after] = [lastEnd(baseline), other === undefined ? undefined : lastEnd(other)]
  if (before === undefined || after === undefined || isSameEnd(before, after)) return undefined
  const names = others.map(
    ({ at, name }) => JSON.stringify(name) + (at === undefined || at === step.at ? "" : ` (${at})`),
  )
  return found(
    `The step races with ${names.join(", ")}, and no step records which was faster. Where this one is, the run is ${endText(after)}, and else ${endText(before)}.`,
  )
}

/** A place in the source within a message. */
const inSource = /(?<=[( ])(?:\/|[A-Za-z]:[\\/])[^\s()]*:\d+:\d+(?=[) .])/g

/** A problem for people. `shown`: how a place in the source is shown, such as relative to a folder. */
export const toText = (
  { advice, at, crash, crashes, message, place }: Problem,
  shown: (at: string) => string = (at) => at,
): string =>
  [
    at === undefined ? place : `${shown(at)}  ${place}`,
    `  ${message.replace(inSource, shown)}`,
    ...(crash === undefined
      ? []
      : [
          `  Seen when the worker dies ${crash}${crashes > 1 ? `, and at ${crashes - 1} more of its places` : ""}.`,
        ]),
    `  What to do: ${advice}`,
  ].join("\n")
