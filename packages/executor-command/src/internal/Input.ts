/** What a program reads from its stdin: the request, and lines about its steps where it takes lines. */
import { Executor, type InboxMessage } from "@runlease/core"
import { type ReportedSteps } from "@runlease/core/executor"
import type { ProcessGroup } from "@runlease/process"
import { Effect, Queue, type Scope } from "effect"
import { writeFile } from "node:fs/promises"
import type * as Request from "./Request.js"

/** See `CommandExecutor.Options.stdin`. */
export type Mode = "document" | "lines"

export interface Input {
  /** Informs a program that takes lines that a step is recorded, once it is. */
  readonly acknowledge: (
    step: ReportedSteps.ReportedStep,
    report: ReportedSteps.Report,
  ) => Effect.Effect<void>

  /** Passes a message to its run to a program that takes lines. */
  readonly passMessage: (message: InboxMessage.InboxMessage) => Effect.Effect<void>
}

const lineOf = (value: unknown): string => `${JSON.stringify(value)}\n`

const writeSteps = ({ content, path }: Request.StepsFile): Effect.Effect<void, Executor.ExecutorError> =>
  Effect.tryPromise({
    try: () => writeFile(path, content),
    catch: (cause) =>
      new Executor.ExecutorError({
        code: "work_dir_unavailable",
        message: `Cannot write the recorded steps into ${path}: check that its disk is not full`,
        retryable: true,
        cause,
      }),
  })

/** Writes the request to the program. A fiber of the Scope writes, so a program that does not read stdin stops nothing. */
export const make = Effect.fnUntraced(function* (
  program: ProcessGroup.ProcessGroup,
  mode: Mode,
  { document, stepsFile }: Request.Encoded,
): Effect.fn.Return<Input, Executor.ExecutorError, Scope.Scope> {
  if (stepsFile !== undefined) yield* writeSteps(stepsFile)
  if (mode === "document") {
    yield* Effect.forkScoped(Effect.zipRight(program.write(document), program.endInput))
    return { acknowledge: () => Effect.void, passMessage: () => Effect.void }
  }
  const lines = yield* Queue.unbounded<Effect.Effect<void>>()
  yield* Effect.forkScoped(
    Effect.zipRight(program.write(`${document}\n`), Effect.forever(Effect.flatten(Queue.take(lines)))),
  )
  return {
    acknowledge: ({ key, name }, { committed }) =>
      Queue.offer(
        lines,
        Effect.zipRight(committed, program.write(lineOf({ type: "runlease.recorded", name, key }))),
      ),
    passMessage: ({ id, key, number, parts }) => {
      const line = { type: "runlease.message", number, message_id: id, idempotency_key: key, parts }
      return Queue.offer(lines, program.write(lineOf(line)))
    },
  }
})
