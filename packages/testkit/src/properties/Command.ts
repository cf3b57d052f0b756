/**
 * Commands that fast-check generates and shrinks. They refer to leases and cursors by position ("the latest lease",
 * "two before the end"), so a command keeps its meaning after the commands before it are removed.
 */
import type { TerminalStatus } from "@runlease/core/Run"
import type { Multitask } from "@runlease/core/Runs"
import { FastCheck as fc } from "effect"
import type { Request, Submit } from "./Request.js"

export const runs = 4

const rarely = fc.integer({ min: 0, max: 5 }).map((value) => value === 5)

const any: fc.Arbitrary<Submit> = fc.record({
  _tag: fc.constant<"Submit">("Submit"),
  run: fc.nat(runs - 1),
  lane: fc.constantFrom(null, "a", "b"),
  limit: fc.constantFrom<Submit["limit"]>(
    null,
    null,
    null,
    { key: "m", most: 1 },
    { key: "m", most: 2 },
    { key: "n", most: 1 },
  ),
  priority: fc.nat(1),
  maxAttempts: fc.constantFrom(2, 1, 3),
  availableAt: fc.constantFrom(null, null, null, 20_000),
  ttl: fc.constantFrom(null, null, null, 10_000),
  timeout: fc.constantFrom(null, null, null, 15_000),
  driven: rarely,
  ofClient: fc.boolean(),
  tokens: fc.constantFrom(null, null, 20),
  multitask: fc.constantFrom<Multitask>(
    "enqueue",
    "enqueue",
    "enqueue",
    "steer",
    "interrupt",
    "latest",
    "latest",
    "reject",
  ),
  debounce: fc.constantFrom<Submit["debounce"]>(
    null,
    null,
    null,
    { key: "x", wait: 10_000, most: null },
    { key: "x", wait: 10_000, most: 30_000 },
    { key: "y", wait: 20_000, most: 20_000 },
  ),
})

/** What is limited or debounced has nothing that it cannot go with. */
export const submit = any.map((request): Submit => {
  if (request.limit !== null) {
    return { ...request, lane: null, driven: false, multitask: "enqueue", debounce: null }
  }
  return request.debounce === null
    ? request
    : { ...request, availableAt: null, driven: false, multitask: "enqueue" }
})

export const workers = 4

/** A lease granted so far, counted back from the latest, and the fence that the request shows for it. */
export interface LeaseCommand {
  readonly back: number
  readonly as: "holder" | "without epoch" | "another"
}

/** A call that a run waits for, and for how long; null is for ever. */
export interface PendingCallCommand {
  readonly call: string
  readonly expiresAfter: number | null
}

export type EventKind = "custom" | "usage" | "record" | "step" | "message" | "tool" | "close"

export interface AppendCommand {
  readonly _tag: "Append"
  readonly lease: LeaseCommand
  readonly trusted: boolean
  /** How many appended events the cursor is before the end; -1 is past it. */
  readonly back: number
  /** How many of the events after the cursor the batch repeats. */
  readonly copied: number
  readonly fresh: ReadonlyArray<EventKind>
  readonly cursor: "sequence" | "event" | "both" | "none"
}

/** How many of its messages a run has consumed; null where it consumes none. */
export type TakenMessages = "all" | "all but one" | null

export type Single =
  | Extract<Request, { _tag: "Submit" | "Claim" }>
  | { readonly _tag: "Cancel"; readonly which: number }
  | {
      readonly _tag: "Resume"
      readonly which: number
      /** Null is the first call that the run waits for. */
      readonly call: string | null
      readonly result: number
      /** Whether the request answers all other open calls too. */
      readonly all: boolean
    }
  | {
      readonly _tag: "FollowUp"
      readonly which: number
      readonly input: number
      readonly result: number
      /** Which of the open calls the input has a result for. */
      readonly calls: "all" | "first" | "none"
    }
  | AppendCommand
  | { readonly _tag: "Renew"; readonly leases: ReadonlyArray<LeaseCommand>; readonly duration: number }
  | {
      readonly _tag: "Release"
      readonly lease: LeaseCommand
      readonly counted: boolean
      readonly delay: number
    }
  | {
      readonly _tag: "Suspend"
      readonly lease: LeaseCommand
      readonly calls: ReadonlyArray<PendingCallCommand>
    }
  | { readonly _tag: "Tell"; readonly which: number; readonly key: number | null }
  | { readonly _tag: "Spawn"; readonly lease: LeaseCommand; readonly child: number }
  | {
      readonly _tag: "Pause"
      readonly lease: LeaseCommand
      /** Null is for ever, where the run waits for children. */
      readonly time: number | null
      /** Whether the run waits for its children, for all of them or for the first to end. */
      readonly children: "all" | "first" | null
      readonly inbox: TakenMessages
      readonly budget: boolean
      /** Calls whose results let the run go on too. */
      readonly calls: ReadonlyArray<PendingCallCommand>
    }
  | { readonly _tag: "Raise"; readonly which: number; readonly tokens: number }
  | {
      readonly _tag: "Complete"
      readonly lease: LeaseCommand
      readonly trusted: boolean
      readonly status: TerminalStatus
      readonly consumed: TakenMessages
    }
  | { readonly _tag: "Session"; readonly lease: LeaseCommand; readonly key: string }
  | { readonly _tag: "Pass"; readonly until: number | "lapse" | "before a lapse" }

/** The requests of one command are sent concurrently. */
export type Command = ReadonlyArray<Single>

export type Commands = ReadonlyArray<Command>

const lease: fc.Arbitrary<LeaseCommand> = fc.record({
  back: fc.constantFrom(0, 0, 0, 1, 2, 3),
  as: fc.constantFrom<LeaseCommand["as"]>("holder", "holder", "holder", "holder", "without epoch", "another"),
})

const which = fc.nat(runs * 3)

// The first workers claim most often, so a worker often claims a run that it had before.
const worker = fc.constantFrom(0, 0, 0, 0, 1, 1, 2, 3)

const duration = fc.constantFrom(30_000, 10_000)

const patience = fc.constantFrom(null, null, 20_000)

const one = fc.record({ call: fc.constantFrom("call-1", "call-2"), expiresAfter: patience })

const two = fc.tuple(patience, patience).map(([first, second]): ReadonlyArray<PendingCallCommand> => [
  { call: "call-1", expiresAfter: first },
  { call: "call-2", expiresAfter: second },
])

const pendingCalls = fc.oneof(
  one.map((only): ReadonlyArray<PendingCallCommand> => [only]),
  two,
)

const maybeCall = fc.constantFrom<string | null>(null, null, "call-1", "call-2")

const consumed = fc.constantFrom<TakenMessages>(null, "all", "all but one")

const claim: fc.Arbitrary<Single> = fc.record({
  _tag: fc.constant("Claim"),
  worker,
  limit: fc.constantFrom(1, 2),
  lease: duration,
  waits: fc.constant(false),
})

const waitingClaim: fc.Arbitrary<Single> = fc.record({
  _tag: fc.constant("Claim"),
  worker,
  limit: fc.constantFrom(1, 2),
  lease: duration,
  waits: fc.constant(true),
})

const append: fc.Arbitrary<Single> = fc.record({
  _tag: fc.constant("Append"),
  lease,
  trusted: rarely,
  back: fc.constantFrom(0, 0, 0, 1, 2, -1),
  copied: fc.nat(2),
  fresh: fc.array(
    fc.constantFrom<EventKind>("custom", "usage", "record", "step", "message", "tool", "close"),
    { maxLength: 3 },
  ),
  cursor: fc.constantFrom<AppendCommand["cursor"]>("sequence", "event", "both", "none"),
})

const others: ReadonlyArray<fc.WeightedArbitrary<Single>> = [
  { weight: 5, arbitrary: claim },
  { weight: 8, arbitrary: append },
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: fc.constant("Renew"),
      leases: fc.array(lease, { minLength: 1, maxLength: 3 }),
      duration,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: fc.constant("Release"),
      lease,
      counted: fc.boolean(),
      delay: fc.constantFrom(0, 0, 10_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: fc.constant("Suspend"),
      lease,
      calls: pendingCalls,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: fc.constant("Pause"),
      lease,
      time: fc.constantFrom(10_000, 40_000, 0, null),
      children: fc.constantFrom<"all" | "first" | null>("all", "first", null),
      inbox: consumed,
      budget: fc.boolean(),
      calls: fc.oneof(fc.constant<ReadonlyArray<PendingCallCommand>>([]), pendingCalls),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ _tag: fc.constant("Raise"), which, tokens: fc.constantFrom(40, 10) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ _tag: fc.constant("Tell"), which, key: fc.constantFrom(null, 0, 1) }),
  },
  { weight: 3, arbitrary: fc.record({ _tag: fc.constant("Spawn"), lease, child: fc.nat(2) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      _tag: fc.constant("Resume"),
      which,
      call: maybeCall,
      result: fc.nat(1),
      all: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: fc.constant("FollowUp"),
      which,
      input: fc.nat(2),
      result: fc.nat(1),
      calls: fc.constantFrom<"all" | "first" | "none">("all", "all", "first", "none"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Cancel"), which }) },
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: fc.constant("Complete"),
      lease,
      trusted: rarely,
      status: fc.constantFrom<TerminalStatus>("completed", "failed", "cancelled"),
      consumed,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      _tag: fc.constant("Session"),
      lease,
      key: fc.constantFrom("session-1", "session-2"),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      _tag: fc.constant("Pass"),
      until: fc.constantFrom<number | "lapse" | "before a lapse">(
        "lapse",
        "lapse",
        "before a lapse",
        1000,
        10_000,
        30_000,
      ),
    }),
  },
]

const single = fc.oneof({ weight: 1, arbitrary: submit }, ...others)

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: single.map((only) => [only]) },
  { weight: 1, arbitrary: fc.array(single, { minLength: 2, maxLength: 3 }) },
  // Appends are the most contended requests.
  { weight: 1, arbitrary: fc.tuple(append, fc.oneof(append, single)) },
  // A run that becomes runnable goes to a claim that waits.
  { weight: 1, arbitrary: fc.tuple(waitingClaim, fc.oneof(submit, single)) },
  { weight: 1, arbitrary: fc.tuple(waitingClaim, fc.oneof(submit, waitingClaim), fc.oneof(submit, single)) },
)

/** Some submissions, then any commands. */
export const commands: fc.Arbitrary<Commands> = fc
  .tuple(
    fc.array(submit, { minLength: 1, maxLength: 3 }),
    fc.noBias(fc.array(command, { maxLength: 24, size: "max" })),
  )
  .map(([first, rest]) => [...first.map((only) => [only]), ...rest])
