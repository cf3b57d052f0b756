/** Writes down the history of a simulation while it happens. */
import type { Answered, Call, Incident, Refused } from "./History.js"
import type { VirtualTime } from "./VirtualTime.js"

export type RequestOf<Name extends Call["call"]> = Extract<Call, { readonly call: Name }>["request"]

/** What the store answers a call by its name, when it does not refuse it. */
export type AnswerOf<Name extends Call["call"]> = Exclude<
  Extract<Call, { readonly call: Name }>["executions"][number]["answer"],
  Refused
>

/** A call that is not over. */
export interface OpenCall<Name extends Call["call"]> {
  readonly executed: (answer: AnswerOf<Name> | Refused) => void
  readonly received: (answer: AnswerOf<Name> | Refused) => void
}

type Unstamped<A> = A extends Incident ? Omit<A, "at"> : never

export interface Recorder {
  readonly calls: ReadonlyArray<Call>
  readonly incidents: ReadonlyArray<Incident>
  readonly crashes: ReadonlyArray<string>

  /** Begins a call, which is sent now. */
  readonly call: <Name extends Call["call"]>(
    name: Name,
    from: string,
    request: RequestOf<Name>,
  ) => OpenCall<Name>

  /** Something has happened now. */
  readonly happened: (incident: Unstamped<Incident>) => void

  /** Something has happened that must not happen in any history. */
  readonly crashed: (sentence: string) => void

  /** Writes nothing more. */
  readonly close: () => void

  /** The instant, in milliseconds with fractions. */
  readonly now: () => number
}

export const make = (time: Pick<VirtualTime, "now">): Recorder => {
  const calls: Array<Call> = []
  const incidents: Array<Incident> = []
  const crashes: Array<string> = []
  const now = () => time.now() / 1000
  let isOpen = true
  return {
    calls,
    incidents,
    crashes,
    now,
    call: (name, from, request) => {
      const executions: Array<Answered<unknown>> = []
      const call = {
        call: name,
        from,
        request,
        sentAt: now(),
        executions,
        received: undefined,
      } as unknown as {
        -readonly [Key in keyof Call]: Call[Key]
      }
      if (isOpen) calls.push(call as Call)
      return {
        executed: (answer) => {
          if (isOpen) executions.push({ at: now(), answer })
        },
        received: (answer) => {
          if (isOpen) call.received = { at: now(), answer } as Call["received"]
        },
      }
    },
    happened: (incident) => {
      if (isOpen) incidents.push({ ...incident, at: now() } as Incident)
    },
    crashed: (sentence) => {
      if (isOpen) crashes.push(sentence)
    },
    close: () => {
      isOpen = false
    },
  }
}
