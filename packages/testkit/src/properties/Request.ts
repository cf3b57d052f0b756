/**
 * What a history asks of a control plane: runs and workers by number, instants in milliseconds from its beginning.
 *
 * @since 0.1.0
 */
import type { LogEvent } from "@runlease/core/AgentEvent"
import type { TerminalStatus } from "@runlease/core/Run"

/** Who says that it holds the run; a null epoch goes by the owner alone. */
export interface Fence {
  readonly worker: number
  readonly epoch: number | null
}

export interface Submit {
  readonly _tag: "Submit"
  readonly run: number
  readonly lane: string | null
  readonly priority: number
  readonly maxAttempts: number
  readonly availableAt: number | null
  /** Somebody else drives the run: it is never claimed. */
  readonly driven: boolean
  /** The client's protocol has a call of its tools end a run. */
  readonly ofClient: boolean
}

export interface Append {
  readonly _tag: "Append"
  readonly run: number
  readonly fence: Fence | null
  readonly events: ReadonlyArray<LogEvent>
  readonly expectedEventId: number | undefined
  readonly expectedSequence: number | undefined
}

/** Something that a run waits for, and until when if it says so itself. */
export interface Asked {
  readonly call: string
  readonly until: number | null
}

export interface Answered {
  readonly call: string
  readonly result: number
}

export type Request =
  | Submit
  | Append
  | { readonly _tag: "Claim"; readonly worker: number; readonly limit: number; readonly lease: number }
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
      readonly asked: ReadonlyArray<Asked>
      /** How long those may take that do not say; null is for ever. */
      readonly expiresAfter: number | null
    }
  | { readonly _tag: "Resume"; readonly run: number; readonly answers: ReadonlyArray<Answered> }
  /** The next input of the run's client, by the number of its name. */
  | {
      readonly _tag: "FollowUp"
      readonly run: number
      readonly input: number
      readonly answers: ReadonlyArray<Answered>
    }
  | { readonly _tag: "Cancel"; readonly run: number }
  | {
      readonly _tag: "Complete"
      readonly run: number
      readonly fence: Fence | null
      readonly status: TerminalStatus
    }
  | { readonly _tag: "Session"; readonly run: number; readonly fence: Fence; readonly key: string }
  | { readonly _tag: "Pass"; readonly millis: number }

export const runName = (run: number): string => `run-${run + 1}`

export const inputName = (input: number): string => `input-${input + 1}`

export const workerName = (worker: number): string => `worker-${worker + 1}`

export const instant = (millis: number): string => `${millis / 1000} s`

const by = (fence: Fence | null): string =>
  fence === null
    ? "somebody trusted"
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

/** One line of a history. */
export const describe = (request: Request): string => {
  switch (request._tag) {
    case "Submit":
      return [
        `submit ${runName(request.run)}`,
        request.lane === null ? "in no lane" : `in lane ${request.lane}`,
        `priority ${request.priority}`,
        `${request.maxAttempts} attempts`,
        ...(request.availableAt === null ? [] : [`not before ${instant(request.availableAt)}`]),
        ...(request.driven ? ["driven by somebody else"] : []),
        ...(request.ofClient ? ["by a client"] : []),
      ].join(", ")
    case "Claim":
      return `${workerName(request.worker)} claims up to ${request.limit} for ${instant(request.lease)}`
    case "Renew":
      return `${workerName(request.worker)} renews ${request.leases
        .map(({ run, epoch }) => `${runName(run)} (${epoch === null ? "no epoch" : `epoch ${epoch}`})`)
        .join(", ")} for ${instant(request.lease)}`
    case "Append":
      return `${by(request.fence)} appends to ${runName(request.run)}${cursor(request)}: ${request.events
        .map((event) => `${event.type} ${String(event["serial"])}`)
        .join(", ")}`
    case "Release":
      return `${by(request.fence)} hands ${runName(request.run)} back, ${
        request.counted ? "attempt counted" : "attempt not counted"
      }${request.delay === 0 ? "" : `, for ${instant(request.delay)}`}`
    case "Suspend":
      return `${by(request.fence)} suspends ${runName(request.run)} for ${request.asked
        .map(({ call, until }) => call + (until === null ? "" : ` (until ${instant(until)})`))
        .join(", ")}${request.expiresAfter === null ? "" : `, ${instant(request.expiresAfter)} at most`}`
    case "Resume":
      return `somebody resumes ${runName(request.run)} with ${request.answers
        .map(({ call, result }) => `${call} = ${result}`)
        .join(", ")}`
    case "FollowUp":
      return `the client of ${runName(request.run)} sends ${inputName(request.input)} with ${
        request.answers.length === 0
          ? "no answers"
          : request.answers.map(({ call, result }) => `${call} = ${result}`).join(", ")
      }`
    case "Cancel":
      return `somebody cancels ${runName(request.run)}`
    case "Complete":
      return `${by(request.fence)} ends ${runName(request.run)} as ${request.status}`
    case "Session":
      return `${by(request.fence)} records session ${request.key} of ${runName(request.run)}`
    case "Pass":
      return `${instant(request.millis)} pass`
  }
}
