/**
 * What keeps a pending run from starting, and what to do about it, in sentences: as plain values, for programs that have no Effect, such
 * as the pages of the dashboard. Instants and spans are in milliseconds.
 */
import type { Route, WorkerState } from "@runlease/core/WorkerContact"
import type { LimitSubject } from "@runlease/core/Limits"

/** What to do, and the command that does it. The command may be null: nothing is to be done with one. */
export interface Advice {
  readonly text: string
  readonly command: string | null
}

/**
 * `behind`: the first run of its lane. `delayed`: its time. `no_worker`: no worker takes it. `queued`: a slot of a worker. `limited`: a place at its limit.
 */
export interface Obstacle {
  readonly kind: "behind" | "delayed" | "limited" | "no_worker" | "queued"
  readonly text: string
  readonly advice: Advice | null
}

/** The run. `lane`: its concurrency key, null where that is its conversation. */
export interface PendingRun extends Route {
  readonly availableAt: number
  readonly lane: string | null
}

/** A worker that claims such runs. `slots`: as it says with its last heartbeat, null of one that does not say. */
export interface Claimer {
  readonly name: string
  readonly state: WorkerState
  readonly slots: { readonly all: number; readonly used: number } | null
}

/**
 * The position of the run: `Summaries.Standing`, with the workers that claim such runs. `ahead`: the first run of its lane, with the worker
 * that holds it.
 */
export interface Place {
  readonly now: number
  readonly gate: "runnable" | "delayed" | "behind" | "limited" | null
  readonly ahead: { readonly runId: string; readonly status: string; readonly worker: string | null } | null
  readonly runsAhead: number
  readonly queuedBefore: number | null
  readonly claimers: ReadonlyArray<Claimer>
  readonly limit: LimitPlace | null
}

/** The position of the run at its limit: `Summaries.LimitStanding`. `hasRate`: a rate is set of it. */
export interface LimitPlace extends LimitSubject {
  readonly hasRate: boolean
  readonly nextStartAt: number | null
  readonly maxRunning: number | null
  readonly paused: boolean
  readonly running: number
  readonly waiting: number
  readonly before: number
}

/** Times as the reader has them: an instant near a reference, and a span. */
export interface Times {
  readonly near: (instant: number, reference: number) => string
  readonly span: (millis: number) => string
}

/** How many names `some` has. */
const shown = 3

const some = (names: ReadonlyArray<string>): string => {
  if (names.length > shown) return `${names.slice(0, shown).join(", ")} and ${names.length - shown} more`
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`
}

/** A count that stops at `most`. */
const runs = (count: number, most: number, verb: readonly [one: string, many: string]): string =>
  count >= most
    ? `${most.toLocaleString("en")} runs or more ${verb[1]}`
    : count === 1
      ? `1 run ${verb[0]}`
      : `${count} runs ${verb[1]}`

export const explainCommand = (runId: string): string => `runlease runs explain ${runId}`

/** The command that starts a worker which claims such runs. */
export const startCommand = ({ agentId, implementationKind, version, workerKey }: Route): string =>
  [
    `runlease worker --agent ${agentId}`,
    ...(implementationKind === null ? [] : [`--kind ${implementationKind}`]),
    ...(workerKey === null ? [] : [`--key ${workerKey}`]),
    ...(version ? [`--worker-version ${JSON.stringify(version)}`] : []),
    "--command PROGRAM",
  ].join(" ")

const behind = ({ lane }: PendingRun, { ahead, runsAhead }: Place): Obstacle => {
  if (ahead === null) {
    return {
      kind: "behind",
      text: "It was behind another run of its lane, which has ended a moment ago.",
      advice: null,
    }
  }
  const name = lane === null ? "conversation" : `lane ${JSON.stringify(lane)}`
  const does =
    ahead.status === "running" && ahead.worker !== null
      ? `worker ${ahead.worker} works on it`
      : ahead.status === "waiting"
        ? "it waits"
        : ahead.status
  const before =
    runsAhead === 1 ? "No other run is before it" : `${runs(runsAhead, 1000, ["is", "are"])} before it`
  return {
    kind: "behind",
    text: `It is behind run ${ahead.runId} (${does}), the first of its ${name}. ${before} there.`,
    advice: { text: "Look why that one does not go on", command: explainCommand(ahead.runId) },
  }
}

const delayed = ({ availableAt }: PendingRun, { now }: Place, { near, span }: Times): Obstacle => ({
  kind: "delayed",
  text:
    availableAt > now
      ? `It is delayed until ${near(availableAt, now)}, for ${span(availableAt - now)} more.`
      : `Its delay has ended at ${near(availableAt, now)}; the store lets it go within a second.`,
  advice: null,
})

const ordinal = (place: number): string => {
  const last = place % 10
  const ending = Math.floor(place / 10) % 10 === 1 ? "th" : (["th", "st", "nd", "rd"][last] ?? "th")
  return `${place.toLocaleString("en")}${ending}`
}

/** The name of a limit in a sentence, what is paused of it, and how the command names it. */
const namesOf = (subject: LimitSubject) => {
  const key = JSON.stringify(subject.key)
  switch (subject.kind) {
    case "agent":
      return { name: `the limit of agent ${key}`, what: "agent", options: `--agent ${key}` }
    case "named":
      return {
        name: `limit ${subject.name}, key ${key}`,
        what: "key",
        options: `--limit ${JSON.stringify(`${subject.name}=${subject.key}`)}`,
      }
    default:
      return { name: `limit ${key}`, what: "key", options: key }
  }
}

const seeLimits: Advice = { text: "See all limits", command: "runlease limits list" }

const limited = ({ limit, now }: Place, { span }: Times): Obstacle => {
  if (limit === null) {
    return {
      kind: "limited",
      text: "It waits for a place at its limit, which has changed a moment ago.",
      advice: null,
    }
  }
  const { before, hasRate, maxRunning, nextStartAt, paused, running, waiting } = limit
  const { name, options, what } = namesOf(limit)
  const turn = `${ordinal(before + 1)} of ${Math.max(waiting, before + 1).toLocaleString("en")}`
  if (hasRate && !paused && running < (maxRunning ?? Number.POSITIVE_INFINITY)) {
    const next =
      nextStartAt === null
        ? "the runs with a place have the next starts"
        : `the next start is in ${span(Math.max(0, nextStartAt - now))}`
    return {
      kind: "limited",
      text: `It waits for the rate of ${name}, ${turn}: ${next}.`,
      advice: seeLimits,
    }
  }
  const place = `It waits for a place at ${name}, ${turn}.`
  return paused
    ? {
        kind: "limited",
        text: `${place} The ${what} is paused.`,
        advice: {
          text: "Resume it",
          command: `runlease limits resume ${options}`,
        },
      }
    : {
        kind: "limited",
        text: `${place} ${running} of ${maxRunning?.toLocaleString("en") ?? "any number"} that may work at once ${running === 1 ? "does" : "do"}.`,
        advice: seeLimits,
      }
}

/** The limit of the project is in the way of a runnable run. */
const fullProject = ({ maxRunning, paused, running }: LimitPlace): Obstacle =>
  paused
    ? {
        kind: "limited",
        text: "The project is paused.",
        advice: { text: "Resume it", command: "runlease limits resume --all" },
      }
    : {
        kind: "limited",
        text:
          running === maxRunning
            ? `The project has its ${running === 1 ? "1 run" : `${running.toLocaleString("en")} runs`} at work.`
            : `The project has ${running.toLocaleString("en")} runs at work, and ${maxRunning?.toLocaleString("en")} may be.`,
        advice: { text: "See all limits", command: "runlease limits list" },
      }

const slotsOf = ({ slots }: Claimer): string =>
  slots === null ? "" : ` (${slots.used} of ${slots.all} slots in use)`

const noWorker = (run: PendingRun, claimers: ReadonlyArray<Claimer>): Obstacle => {
  const { agentId, implementationKind, version = null, workerKey } = run
  const only = [
    `agent ${agentId}`,
    ...(implementationKind === null ? [] : [`kind ${implementationKind}`]),
    ...(workerKey === null ? [] : [`key ${workerKey}`]),
    ...(version === null ? [] : [version === "" ? "without a version" : `version ${version}`]),
  ].join(", ")
  const named = (state: WorkerState) =>
    claimers.filter((claimer) => claimer.state === state).map(({ name }) => name)
  const [draining, silent] = [named("draining"), named("silent")]
  return {
    kind: "no_worker",
    text: [
      `No worker in contact claims such runs (${only}).`,
      ...(draining.length === 0 ? [] : [`${some(draining)} would, but claims no more (draining).`]),
      ...(silent.length === 0 ? [] : [`${some(silent)} would, but is silent.`]),
    ].join(" "),
    advice: { text: "Start one", command: startCommand(run) },
  }
}

const queued = (run: PendingRun, { claimers, queuedBefore }: Place): Obstacle => {
  const claiming = claimers.filter(({ state }) => state === "working" || state === "idle")
  if (claiming.length === 0) return noWorker(run, claimers)
  const place =
    queuedBefore === null || queuedBefore === 0
      ? "It is the next to be claimed"
      : `${runs(queuedBefore, 10_000, ["is", "are"])} claimed before it`
  const names = some(claiming.map((claimer) => `${claimer.name}${slotsOf(claimer)}`))
  return {
    kind: "queued",
    text: `It waits for a free slot. ${place}. ${claiming.length === 1 ? "1 worker" : `${claiming.length} workers`} may take it: ${names}.`,
    advice: {
      text: "If all slots are in use, start workers, or raise --concurrency. If slots are free and it stays so",
      command: "runlease doctor",
    },
  }
}

/** What keeps a pending run from starting. */
export const of = (run: PendingRun, place: Place, times: Times): Obstacle => {
  if (place.gate === "behind") return behind(run, place)
  if (place.gate === "limited") return limited(place, times)
  if (place.gate === "runnable" && place.limit !== null) return fullProject(place.limit)
  return place.gate === "delayed" ? delayed(run, place, times) : queued(run, place)
}
