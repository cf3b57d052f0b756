/** Begins a run for an input, or the next part of a run that waited for its client. */
import { Run, type Runs } from "@runlease/core"
import { Effect, Option } from "effect"
import * as Refusal from "../../contract/Refusal.js"
import type { RunAgentInput } from "../../Wire/RunAgentInput.js"
import type { Ports } from "../ProjectPorts.js"
import * as BusyThread from "./BusyThread.js"
import * as Input from "./Input.js"
import * as Resume from "./Resume.js"
import * as Submit from "./Submit.js"
import * as Thread from "./Thread.js"

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
      refusesBusy ? BusyThread.unlessBusy(ports, thread, input.runId, submitted) : submitted,
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
