/** Runs real programs as runs of the executor. */
import * as ClaimedRuns from "@runlease/testkit/ClaimedRuns"
import { CommandExecutor } from "@runlease/executor-command"
import { AgentEvent, Executor, Run } from "@runlease/core"
import { MemoryControlPlane } from "@runlease/store"
import { Chunk, Deferred, Effect, Exit, Fiber, Schema, Stream } from "effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export const claimed = (changes: Partial<Run.ClaimedRun> = {}): Run.ClaimedRun =>
  ClaimedRuns.make({ leaseEpoch: Run.LeaseEpoch.make(3), attempt: 2, maxAttempts: 5, ...changes })

export const messageId = claimed().messageId

export const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

/** A shell program. `args` are $1 and the following. */
export const sh = (script: string, ...args: ReadonlyArray<string>) => ({
  command: "sh",
  args: ["-c", script, "program", ...args],
})

/** The events of a run, with its own control plane. */
export const executeBy = (executor: Executor.Executor["Type"], run = claimed()) =>
  Stream.provideLayer(Executor.toStream(executor.execute)(run), MemoryControlPlane.layer)

export const execute = (options: CommandExecutor.Options, run = claimed()) =>
  Stream.unwrap(Effect.map(CommandExecutor.make(options), (executor) => executeBy(executor, run)))

/** All events of a run that succeeds. */
export const eventsOf = (options: CommandExecutor.Options, run = claimed()) =>
  Effect.map(Stream.runCollect(execute(options, run)), Chunk.toReadonlyArray)

/** All text of a run that succeeds. */
export const textOf = (options: CommandExecutor.Options, run = claimed()) =>
  Effect.map(eventsOf(options, run), (events) => events.map(delta).join(""))

export const delta = (event: AgentEvent.LogEvent) =>
  event.type === "TEXT_MESSAGE_CONTENT" ? String(event["delta"]) : ""

/** The failure of a run, and the events before it. */
export const failureOf = (options: CommandExecutor.Options, run = claimed()) =>
  Effect.gen(function* () {
    const events: Array<AgentEvent.LogEvent> = []
    const error = yield* Stream.runForEach(execute(options, run), (event) =>
      Effect.sync(() => events.push(event)),
    ).pipe(Effect.flip)
    return { events, error: yield* Schema.decodeUnknown(Schema.instanceOf(Executor.ExecutorError))(error) }
  })

/** Runs until the program has written the line `ready`, and gives the fiber, which runs on. */
export const untilReady = (options: CommandExecutor.Options, run = claimed()) =>
  Effect.gen(function* () {
    const ready = yield* Deferred.make<void, Executor.ExecutorFailure>()
    const fiber = yield* Stream.runForEach(execute(options, run), (event) =>
      delta(event) === "ready\n" ? Deferred.succeed(ready, undefined) : Effect.void,
    ).pipe(
      Effect.onExit((exit) => Deferred.done(ready, Exit.asVoid(exit))),
      Effect.forkScoped,
    )
    yield* Deferred.await(ready)
    return fiber
  })

export const interrupted = (options: CommandExecutor.Options, run = claimed()) =>
  Effect.flatMap(untilReady(options, run), Fiber.interrupt)

/** A new folder, which the Scope removes. */
export const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "runlease-test-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true })),
)
