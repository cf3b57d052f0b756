/** Runs real programs in process groups, and finds their processes in the system. */
import { Lines, ProcessGroup, WorkDir } from "@runlease/process"
import { Chunk, Deferred, Duration, Effect, Exit, Fiber, Random, Stream } from "effect"
import { execFile } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

export interface Program {
  readonly command: string
  readonly args?: ReadonlyArray<string>
  readonly workRoot?: string
  readonly killAfter?: Duration.DurationInput
}

/** A shell program. `args` are $1 and the following. */
export const sh = (script: string, ...args: ReadonlyArray<string>): Program => ({
  command: "sh",
  args: ["-c", script, "program", ...args],
})

export const start = (program: Program, options: Partial<ProcessGroup.Options> = {}) =>
  Effect.gen(function* () {
    const workDir = yield* WorkDir.newPath(program.workRoot)
    return yield* ProcessGroup.make({
      command: program.command,
      args: program.args ?? [],
      cwd: workDir,
      env: { PATH: process.env["PATH"] ?? "" },
      input: "",
      workDir,
      killAfter: Duration.decode(program.killAfter ?? "5 seconds"),
      guardPath: process.env["PATH"] ?? "",
      ...options,
    })
  })

/** The lines of a program's stdout, then its ending. Its stderr is read and dropped. */
export const run = (program: Program) =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const group = yield* start(program)
      const stderr = yield* Effect.forkScoped(Stream.runDrain(group.stderr))
      return group.stdout.pipe(
        Lines.split(1024 * 1024),
        Stream.map((line): string | ProcessGroup.Ending => line.text),
        Stream.concat(Stream.fromEffect(Effect.zipRight(Fiber.join(stderr), group.ending))),
      )
    }),
  )

/** All lines of a program, and its ending. */
export const resultOf = (program: Program) =>
  Effect.map(Stream.runCollect(run(program)), (all) => ({
    lines: Chunk.toReadonlyArray(all).filter((each) => typeof each === "string"),
    ending: Chunk.toReadonlyArray(all).find((each) => typeof each !== "string"),
  }))

export const linesOf = (program: Program) => Effect.map(resultOf(program), ({ lines }) => lines)

/** Runs until the program has written the line `ready`, and gives the fiber, which runs on. */
export const untilReady = (program: Program) =>
  Effect.gen(function* () {
    const ready = yield* Deferred.make<void, Stream.Stream.Error<ReturnType<typeof run>>>()
    const fiber = yield* Stream.runForEach(run(program), (line) =>
      line === "ready" ? Deferred.succeed(ready, undefined) : Effect.void,
    ).pipe(
      Effect.onExit((exit) => Deferred.done(ready, Exit.asVoid(exit))),
      Effect.forkScoped,
    )
    yield* Deferred.await(ready)
    return fiber
  })

export const interrupted = (program: Program) => Effect.flatMap(untilReady(program), Fiber.interrupt)

/** A number of seconds that no other process sleeps for, which identifies its sleepers. */
export const uniqueSeconds = Effect.map(Random.nextIntBetween(1, 1_000_000_000), (n) => `30000.${n}`)

const ps = Effect.promise(() => promisify(execFile)("ps", ["-A", "-ww", "-o", "pid=,args="])).pipe(
  Effect.map(({ stdout }) => stdout.split("\n")),
)

/** The pids of the processes whose command line contains `token`. */
export const pidsOf = (token: string) =>
  Effect.map(ps, (lines) =>
    lines.filter((line) => line.includes(token)).map((line) => Number.parseInt(line, 10)),
  )

/** Waits until `count` processes have `token` in their command line, and gives their pids. */
export const untilCount = (token: string, count: number) =>
  pidsOf(token).pipe(
    Effect.delay("20 millis"),
    Effect.repeat({ until: (pids) => pids.length === count }),
    Effect.timeout("4 minutes"),
  )

/** A new folder, which the Scope removes. */
export const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "runlease-test-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true })),
)
