/** The requests of a history. Runs and workers are numbers; instants are milliseconds since its beginning. */
import type { LogEvent } from "@runlease/core/AgentEvent"
import type { FollowUp } from "@runlease/core/FollowUp"
import { type AgentId, RunId } from "@runlease/core/Ids"
import * as Interrupt from "@runlease/core/Interrupt"
import type { Pause, Suspension } from "@runlease/core/Leases"
import { fromText } from "@runlease/core/RequestSnapshot"
import type { TerminalStatus } from "@runlease/core/Run"
import type { Multitask, Submission } from "@runlease/core/Runs"
import { DateTime } from "effect"

/** The fence that a request carries; a null epoch means that only the owner is compared. */
export interface Fence {
  readonly worker: number
  readonly epoch: number | null
}

export interface Submit {
  readonly _tag: "Submit"
  readonly run: number
  readonly lane: string | null
  /** A key of which at most this many runs work; null for none. A run with one is in no lane. */
  readonly limit: { readonly key: string; readonly most: number } | null
  readonly priority: number
  readonly maxAttempts: number
  readonly availableAt: number | null
  /** How long the run may wait for its first claim, and how long it may work, in milliseconds; null for ever. */
  readonly ttl: number | null
  readonly timeout: number | null
  /** The run is driven by its submitter, so it is never claimed. */
  readonly driven: boolean
  /** The client's protocol ends a run when the agent calls one of the client's tools. */
  readonly ofClient: boolean
  /** How many tokens the run and those below it may spend; null for a run without a budget. */
  readonly tokens: number | null
  readonly multitask: Multitask
  /** The run takes later submissions of the key. Times are in milliseconds. */
  readonly debounce: { readonly key: string; readonly wait: number; readonly most: number | null } | null
}

export interface Append {
  readonly _tag: "Append"
  readonly run: number
  readonly fence: Fence | null
  readonly events: ReadonlyArray<LogEvent>
  readonly expectedEventId: number | undefined
  readonly expectedSequence: number | undefined
}

/** A tool call that a suspended run waits for. The run fails at `until` without its result; null is never. */
export interface PendingCall {
  readonly call: string
  readonly until: number | null
}

export interface CallResult {
  readonly call: string
  readonly result: number
}

export type Request =
  | Submit
  | Append
  | {
      readonly _tag: "Claim"
      readonly worker: number
      readonly limit: number
      readonly lease: number
      /** Whether it waits for a run. */
      readonly waits: boolean
    }
  | {
      readonly _tag: "Renew"
      readonly worker: number
      readonly leases: ReadonlyArray<{ readonly run: number; readonly epoch: number | null }>
      readonly lease: number
    }
  | {
      readonly _tag: "Release"
      readonly run: number
      readonly fence: Fence
      readonly counted: boolean
      readonly delay: number
    }
  | {
      readonly _tag: "Suspend"
      readonly run: number
      readonly fence: Fence
      readonly calls: ReadonlyArray<PendingCall>
      /** How long the calls without an `until` of their own may take; null is for ever. */
      readonly expiresAfter: number | null
    }
  | {
      readonly _tag: "Pause"
      readonly run: number
      readonly fence: Fence
      readonly time: number | null
      /** Groups of indexes of children. */
      readonly children: ReadonlyArray<ReadonlyArray<number>>
      /** How many messages the run has consumed that waits for another; null where it waits for none. */
      readonly inbox: number | null
      /** Whether the run waits for its budget. */
      readonly budget: boolean
      /** Calls whose results let the run go on too, with their time as that of a suspension. */
      readonly calls: ReadonlyArray<PendingCall>
      readonly expiresAfter: number | null
    }
  /** A message to the run, by the number of its key; null for one without. */
  | { readonly _tag: "Tell"; readonly run: number; readonly key: number | null }
  /** An answer to a run that requests a higher budget. */
  | { readonly _tag: "Raise"; readonly run: number; readonly call: string; readonly tokens: number }
  | { readonly _tag: "Spawn"; readonly run: number; readonly fence: Fence; readonly child: number }
  | { readonly _tag: "Resume"; readonly run: number; readonly answers: ReadonlyArray<CallResult> }
  /** The next input of the run's client, by the number of its name. */
  | {
      readonly _tag: "FollowUp"
      readonly run: number
      readonly input: number
      readonly answers: ReadonlyArray<CallResult>
    }
  | { readonly _tag: "Cancel"; readonly run: number }
  | {
      readonly _tag: "Complete"
      readonly run: number
      readonly fence: Fence | null
      readonly status: TerminalStatus
      /** How many messages the run has consumed; null where it consumes none. */
      readonly consumed: number | null
    }
  | { readonly _tag: "Session"; readonly run: number; readonly fence: Fence; readonly key: string }
  | { readonly _tag: "Pass"; readonly millis: number }

export const runName = (run: number): string => `run-${run + 1}`

export const inputName = (input: number): string => `input-${input + 1}`

export const workerName = (worker: number): string => `worker-${worker + 1}`

export const instant = (millis: number): string => `${millis / 1000} s`

const by = (fence: Fence | null): string =>
  fence === null
    ? "a trusted caller"
    : fence.epoch === null
      ? `${workerName(fence.worker)} (no epoch)`
      : `${workerName(fence.worker)} (epoch ${fence.epoch})`

const cursor = ({ expectedEventId, expectedSequence }: Append): string => {
  const parts = [
    ...(expectedEventId === undefined ? [] : [`event ${expectedEventId}`]),
    ...(expectedSequence === undefined ? [] : [`sequence ${expectedSequence}`]),
  ]
  return parts.length === 0 ? "" : ` after ${parts.join(", ")}`
}

/** The calls that a run is suspended for, and their time. */
export type Calls = Pick<Extract<Request, { _tag: "Suspend" }>, "calls" | "expiresAfter">

const callsText = ({ calls, expiresAfter }: Calls): string =>
  calls.map(({ call, until }) => call + (until === null ? "" : ` (until ${instant(until)})`)).join(", ") +
  (expiresAfter === null ? "" : `, ${instant(expiresAfter)} at most`)

const debounceText = ({ debounce }: Submit): ReadonlyArray<string> =>
  debounce === null
    ? []
    : [
        `debounced by ${debounce.key} for ${instant(debounce.wait)}`,
        ...(debounce.most === null ? [] : [`${instant(debounce.most)} in all`]),
      ]

/** One line of a history. */
export const describe = (request: Request): string => {
  switch (request._tag) {
    case "Submit":
      return [
        `submit ${runName(request.run)}`,
        request.lane === null ? "in no lane" : `in lane ${request.lane}`,
        ...(request.limit === null ? [] : [`at most ${request.limit.most} of ${request.limit.key}`]),
        `priority ${request.priority}`,
        `${request.maxAttempts} attempts`,
        ...(request.availableAt === null ? [] : [`not before ${instant(request.availableAt)}`]),
        ...(request.ttl === null ? [] : [`started within ${instant(request.ttl)}`]),
        ...(request.timeout === null ? [] : [`works for ${instant(request.timeout)} at most`]),
        ...(request.driven ? ["driven by its submitter"] : []),
        ...(request.multitask === "enqueue" ? [] : [request.multitask]),
        ...debounceText(request),
        ...(request.ofClient ? ["by a client"] : []),
        ...(request.tokens === null ? [] : [`with ${request.tokens} tokens`]),
      ].join(", ")
    case "Claim":
      return `${workerName(request.worker)} claims up to ${request.limit} for ${instant(request.lease)}${
        request.waits ? ", and waits" : ""
      }`
    case "Renew":
      return `${workerName(request.worker)} renews ${request.leases
        .map(({ run, epoch }) => `${runName(run)} (${epoch === null ? "no epoch" : `epoch ${epoch}`})`)
        .join(", ")} for ${instant(request.lease)}`
    case "Append":
      return `${by(request.fence)} appends to ${runName(request.run)}${cursor(request)}: ${request.events
        .map((event) => `${event.type} ${String(event["serial"])}`)
        .join(", ")}`
    case "Release":
      return `${by(request.fence)} releases ${runName(request.run)}, ${
        request.counted ? "attempt counted" : "attempt not counted"
      }${request.delay === 0 ? "" : `, for ${instant(request.delay)}`}`
    case "Suspend":
      return `${by(request.fence)} suspends ${runName(request.run)} for ${callsText(request)}`
    case "Pause":
      return `${by(request.fence)} lets ${runName(request.run)} wait${
        request.time === null ? "" : ` for ${instant(request.time)}`
      }${request.children.length === 0 ? "" : ` for its children ${JSON.stringify(request.children)}`}${
        request.inbox === null ? "" : ` for more messages than ${request.inbox}`
      }${request.budget ? " for its budget" : ""}${
        request.calls.length === 0 ? "" : ` for ${callsText(request)}`
      }`
    case "Raise":
      return `somebody answers ${request.call} of ${runName(request.run)} with ${request.tokens} tokens`
    case "Tell":
      return `somebody tells ${runName(request.run)} something${request.key === null ? "" : ` under key ${request.key}`}`
    case "Spawn":
      return `${by(request.fence)} spawns ${runName(request.child)} from ${runName(request.run)}`
    case "Resume":
      return `a client resumes ${runName(request.run)} with ${request.answers
        .map(({ call, result }) => `${call} = ${result}`)
        .join(", ")}`
    case "FollowUp":
      return `the client of ${runName(request.run)} sends ${inputName(request.input)} with ${
        request.answers.length === 0
          ? "no answers"
          : request.answers.map(({ call, result }) => `${call} = ${result}`).join(", ")
      }`
    case "Cancel":
      return `a client cancels ${runName(request.run)}`
    case "Complete":
      return `${by(request.fence)} ends ${runName(request.run)} as ${request.status}${
        request.consumed === null ? "" : `, with ${request.consumed} messages consumed`
      }`
    case "Session":
      return `${by(request.fence)} records session ${request.key} of ${runName(request.run)}`
    case "Pass":
      return `${instant(request.millis)} pass`
  }
}

/** `origin` is the beginning of the history, in milliseconds since the epoch. */
export const makeInputs = (options: {
  readonly name: string
  readonly agentId: AgentId
  readonly origin: number
}) => {
  const { agentId, name, origin } = options
  const runIdOf = (run: number) => RunId.make(`${name}-${runName(run)}`)

  const suspensionOf = ({ calls, expiresAfter }: Calls): Suspension => {
    const [first, ...others] = calls.map(({ call, until }) => ({
      ...Interrupt.ofToolCall(call, "ask"),
      ...(until === null ? {} : { expiresAt: DateTime.unsafeMake(origin + until) }),
    }))
    return { interrupts: [first!, ...others], ...(expiresAfter === null ? {} : { expiresAfter }) }
  }

  const submissionOf = (request: Extract<Request, { _tag: "Submit" }>): Submission => ({
    publicId: runIdOf(request.run),
    agentId,
    ...(request.limit === null
      ? { concurrencyKey: request.lane === null ? null : `${name}-${request.lane}` }
      : { concurrencyKey: `${name}-${request.limit.key}`, concurrencyLimit: request.limit.most }),
    priority: request.priority,
    maxAttempts: request.maxAttempts,
    ...(request.availableAt === null
      ? {}
      : { availableAt: DateTime.unsafeMake(origin + request.availableAt) }),
    ...(request.ttl === null ? {} : { ttlSeconds: request.ttl / 1000 }),
    ...(request.timeout === null ? {} : { timeoutSeconds: request.timeout / 1000 }),
    ...(request.driven ? { initialStatus: "running" } : {}),
    snapshot: request.ofClient ? { ...fromText("client"), protocol: "ag-ui" } : fromText("left"),
    ...(request.debounce === null
      ? { multitask: request.multitask }
      : {
          debounce: {
            key: `${name}-${request.debounce.key}`,
            seconds: request.debounce.wait / 1000,
            ...(request.debounce.most === null ? {} : { maxSeconds: request.debounce.most / 1000 }),
          },
        }),
    ...(request.tokens === null ? {} : { budget: { tokens: request.tokens } }),
  })

  const followUpOf = ({ answers, input }: Extract<Request, { _tag: "FollowUp" }>): FollowUp => ({
    publicId: RunId.make(`${name}-${inputName(input)}`),
    resume: [],
    results: answers.map(({ call, result }) => Interrupt.toolResult(call, result)),
    snapshot: { ...fromText(JSON.stringify(answers)), protocol: "ag-ui" },
  })

  const pauseOf = (request: Extract<Request, { _tag: "Pause" }>): Suspension | Pause => ({
    ...(request.time === null ? {} : { wakeAfter: request.time }),
    ...(request.children.length === 0 ? {} : { children: request.children }),
    ...(request.inbox === null ? {} : { inbox: request.inbox }),
    ...(request.budget ? { budget: true } : {}),
    ...(request.calls.length === 0 ? {} : suspensionOf(request)),
  })

  return { suspensionOf, submissionOf, followUpOf, pauseOf }
}
