/** Begins a run for a post of a page, or lets a run go on that waits for it. */
import { type Ids, type RequestSnapshot, ResumeRules, type Run, Runs } from "@runlease/core"
import * as Refusal from "@runlease/http/Refusal"
import * as Caller from "@runlease/http/face/Caller"
import type { Ports } from "@runlease/http/face/Caller"
import type { PortError } from "@runlease/http/face/ErrorBody"
import type * as Face from "@runlease/http/face/Face"
import * as Submission from "@runlease/http/face/Submission"
import * as Thread from "@runlease/http/face/Thread"
import { Context, Effect, Option } from "effect"
import type { Chunk } from "./Chunk.js"
import * as Input from "./Input.js"
import * as Part from "./Part.js"

/** The part of a run that answers a post. `goesOn`: the page has the beginning of the message. */
export interface Begun extends Part.Standing {
  readonly runId: Ids.RunId
  readonly from: Run.EventId
  readonly goesOn: boolean
  /** The beginning of the message, for a page that may not have it. */
  readonly restated?: ReadonlyArray<Chunk>
}

const unanswered = (ids: ReadonlyArray<string>) =>
  Refusal.make(
    409,
    "chat_waiting",
    `The chat waits for answers to ${ids.join(", ")}: add them to the last message and send it, or stop the chat`,
    { field: "messages", open_interrupt_ids: ids },
  )

/** The part of a run that began after `from`, which its page has the beginning of. */
const continued = Effect.fnUntraced(function* (ports: Ports, run: Run.Run, from: Run.EventId) {
  const { answered } = yield* Part.standing(ports, run)
  return {
    runId: run.runId,
    from,
    goesOn: true,
    passed: from,
    answered: answered.filter(({ at }) => at === from),
  } satisfies Begun
})

const whole = Effect.fnUntraced(function* (ports: Ports, run: Run.Run, input: Input.Input) {
  return {
    ...(yield* Part.standing(ports, run)),
    runId: run.runId,
    from: Part.start,
    goesOn: Input.continuesMessage(input),
  } satisfies Begun
})

/** What the same post has begun before. */
const repeated = Effect.fnUntraced(function* (ports: Ports, input: Input.Input) {
  const { publicId } = input
  const found = Option.getOrUndefined(yield* Submission.find(ports, publicId))
  if (found === undefined) return Option.none<Begun>()
  if (found.runId === publicId) return Option.some(yield* whole(ports, found, input))
  const inputs = yield* Context.get(ports, Runs.Runs).inputs(found.runId)
  const accepted = inputs.find((one) => one.publicId === publicId)
  return accepted === undefined ? Option.none() : Option.some(yield* continued(ports, found, accepted.since))
})

/** Lets the run go on that the post has answers for. */
const answer = Effect.fnUntraced(function* (ports: Ports, thread: Thread.Thread, input: Input.Input) {
  const waiting = yield* Thread.runs(ports, thread, { status: "waiting" })
  const answers = (run: Run.Run): boolean => {
    const { resume, results } = Input.followUpOf(input, ResumeRules.openOf(run))
    return run.agentId === input.agentId && resume.length + results.length > 0
  }
  const run = waiting.find(answers)
  const followUp = Input.followUpOf(input, run === undefined ? [] : ResumeRules.openOf(run))
  const questions = new Set(waiting.flatMap(Thread.questionIds))
  const unresolved = ResumeRules.leftOpen(waiting.flatMap(ResumeRules.openOf), followUp.resume)
  const open = unresolved.flatMap(({ id }) => (questions.has(id) ? [id] : []))
  if (open.length > 0) return yield* unanswered(open)
  yield* Caller.answers(followUp.resume)
  return yield* Thread.resume(ports, thread, input.agentId, waiting, followUp, false)
})

/** `mayStop`: whether the page may end the run that its earlier message began; otherwise the new one waits behind it. */
interface Post extends Input.Input {
  readonly mayStop: boolean
}

const submit = Effect.fnUntraced(function* (ports: Ports, thread: Thread.Thread, input: Post) {
  const { duplicate, run } = yield* Submission.inThread(ports, thread, {
    agentId: input.agentId,
    publicId: input.publicId,
    derived: true,
    snapshot: input.snapshot,
    ...(input.rewrites && input.mayStop ? { multitask: "interrupt" as const } : {}),
  })
  if (duplicate) return yield* whole(ports, run, input)
  return {
    runId: run.runId,
    from: Part.start,
    passed: Part.start,
    answered: [],
    goesOn: Input.continuesMessage(input),
  } satisfies Begun
})

/** The message of a user that a request ends with. */
const lastRequest = (snapshot: RequestSnapshot.RequestSnapshot): string | undefined => {
  const last = snapshot.messages.at(-1)
  return last?.role === "user" ? last.id : undefined
}

/** The newest run of the chat, where it was to answer the last message of the page and has failed. */
const failed = Effect.fnUntraced(function* (ports: Ports, thread: Thread.Thread, input: Input.Input) {
  const [newest] = yield* Thread.runs(ports, thread, { limit: 1 })
  if (newest?.status !== "failed" || newest.agentId !== input.agentId) return undefined
  const wanted = lastRequest(yield* Context.get(ports, Runs.Runs).snapshot(newest.runId))
  return wanted !== undefined && wanted === lastRequest(input.snapshot) ? newest : undefined
})

/** Begins the answer of a run again that has failed, behind what that one had recorded; none where no such run is to be answered. */
const retry = Effect.fnUntraced(function* (ports: Ports, thread: Thread.Thread, input: Input.Input) {
  const before = input.regenerates ? yield* failed(ports, thread, input) : undefined
  if (before === undefined) return Option.none<Begun>()
  const { run } = yield* Context.get(ports, Runs.Runs).retry(before.runId, { publicId: input.publicId })
  return Option.some(yield* whole(ports, run, input))
})

/**
 * Begins what a post requests, once.
 *
 * Fails: with a refusal when the post leaves a question of the conversation without an answer.
 */
export const begin = Effect.fnUntraced(function* (
  ports: Ports,
  thread: Thread.Thread,
  input: Post,
): Effect.fn.Return<Begun, Refusal.Refusal | PortError, Face.Requirements> {
  if (!input.rewrites) {
    const before = yield* repeated(ports, input)
    if (Option.isSome(before)) return before.value
    const resumed = yield* answer(ports, thread, input)
    if (Option.isSome(resumed)) {
      const { from, runId } = resumed.value
      return yield* Effect.flatMap(Context.get(ports, Runs.Runs).get(runId), (run) =>
        continued(ports, run, from),
      )
    }
    // The same post at the same time may have let it go on.
    const meanwhile = input.answers.length === 0 ? Option.none<Begun>() : yield* repeated(ports, input)
    if (Option.isSome(meanwhile)) return meanwhile.value
  }
  const retried = yield* retry(ports, thread, input)
  if (Option.isSome(retried)) return retried.value
  return yield* submit(ports, thread, input)
})
