/** Begins a run for an input, or the next part of a run that waited for its client. */
import { type Ids, ResumeRules, Run, Runs } from "@runlease/core"
import { Context, Effect, Option } from "effect"
import type { RunAgentInput } from "../../Wire/RunAgentInput.js"
import * as Refusal from "../../contract/Refusal.js"
import type { Ports } from "../ProjectPorts.js"
import * as History from "./History.js"
import * as Input from "./Input.js"
import * as Resume from "./Resume.js"
import * as Submit from "./Submit.js"
import * as Thread from "./Thread.js"

// A thread whose client takes no second run while one is under way.

const busy = ({ runId, status }: Run.Run) =>
  Refusal.make(
    409,
    "thread_busy",
    `Run ${runId} of the thread is ${status}; stop it, or wait for its end, or send the input without busy=refuse`,
    { field: "threadId", status },
  )

/** Whether the client of the run is to act, so that the run is not under way. */
const waitsForClient = ({ status, waiting }: Run.Run): boolean =>
  status === "waiting" && (waiting === null || !ResumeRules.isPaused(waiting))

/**
 * Accepts a run where no other of the thread is under way, or refuses it. A run that waits for its client is not under
 * way. Of several that come at once the first is accepted.
 */
const unlessBusy = <A extends { readonly runId: Ids.RunId }, E, R>(
  ports: Ports,
  thread: Thread.Thread,
  runId: Ids.RunId,
  submit: Effect.Effect<A, E, R>,
) =>
  Effect.gen(function* () {
    const runs = Context.get(ports, Runs.Runs)
    if (yield* Effect.isSuccess(runs.get(runId))) return yield* submit
    const { current } = yield* History.unfinished(ports, thread)
    if (current !== undefined && !waitsForClient(current)) return yield* busy(current)
    const submitted = yield* submit
    // Another may have come between; the order of submission says which of them was first.
    const after = yield* History.unfinished(ports, thread)
    const ahead = after.current
    if (ahead === undefined || ahead.runId === submitted.runId || waitsForClient(ahead)) return submitted
    yield* runs.cancel(submitted.runId)
    return yield* busy(ahead)
  })

const conflict = ({ publicId }: Runs.SubmissionConflict) =>
  Refusal.make(
    409,
    "submission_conflict",
    `Run ${publicId} exists with another input; choose another runId`,
    { field: "runId" },
  )

/** The options of a new run. `refusesBusy`: refuse it while another run of the thread is unfinished. */
export interface Options extends Submit.Options {
  readonly refusesBusy: boolean
}

/**
 * Begins what the input requests, once: the same input again under its id finds what it began.
 *
 * Fails: with a refusal when the id is that of another input, or the input leaves a question of the thread without an answer.
 */
export const begin = Effect.fnUntraced(
  function* (ports: Ports, thread: Thread.Thread, input: RunAgentInput, options: Options) {
    const { agentId, refusesBusy } = options
    const followUp = Input.followUpOf(input, options)
    const mayBeRepeated = Input.mayBeRepeated(input)
    const submitted = Submit.submit(ports, thread, input, options)
    const submit = Effect.map(
      refusesBusy ? unlessBusy(ports, thread, input.runId, submitted) : submitted,
      ({ runId }): Resume.Resumed => ({
        runId,
        from: Run.EventId.make(0),
      }),
    )
    /** The run that has the id already; none if no run has it, or if submitting again finds it. */
    const existing = Effect.map(
      Submit.find(ports, input.runId),
      Option.map((run) =>
        run.runId === input.runId && followUp.resume.length === 0
          ? submit
          : Effect.flatMap(
              Resume.repeat(ports, thread, agentId, run, followUp),
              Option.match({ onNone: () => submit, onSome: Effect.succeed }),
            ),
      ),
    )

    const waiting = yield* Thread.runs(ports, thread, { status: "waiting" })
    if (waiting.length > 0 || mayBeRepeated) {
      const found = yield* existing
      if (Option.isSome(found)) return yield* found.value
      const resumed = yield* Resume.resume(ports, thread, agentId, waiting, followUp, mayBeRepeated)
      if (Option.isSome(resumed)) return resumed.value
    }
    return yield* Effect.catchTag(submit, "SubmissionConflict", (error) =>
      Effect.flatMap(existing, Option.match({ onNone: () => Effect.fail(error), onSome: (found) => found })),
    )
  },
  Effect.catchTag("SubmissionConflict", conflict),
)
