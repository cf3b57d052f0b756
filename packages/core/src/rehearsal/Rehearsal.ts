/**
 * Rehearses new code of agents on the runs that are open: which of them would it break?
 *
 * ```ts
 * const rehearsed = yield* Rehearsal.rehearse(NewAgents)
 * const broken = rehearsed.filter(({ verdict }) => Rehearsal.isWorseThanSkips(verdict))
 * ```
 *
 * The code is executed on what each run has recorded. A step that is recorded returns its result, and the first thing that is not recorded ends
 * the rehearsal. Nothing is written, and no call outside is made. Code outside of steps is executed, as in each attempt.
 *
 * Source: docs/decisions/0158-rehearsal.md
 */
import { Cause, Chunk, Clock, Context, Data, Effect, Exit, Fiber, type Layer, Option, Stream } from "effect"
import * as AttemptInbox from "../executor/AttemptInbox.js"
import * as AttemptSteps from "../executor/AttemptSteps.js"
import { Emit } from "../executor/Emit.js"
import type { Execution, RunContext } from "../executor/Execution.js"
import * as Executor from "../executor/Executor.js"
import type { ExecutorFailure } from "../executor/ExecutorError.js"
import type { Wait } from "../executor/Parking.js"
import { isStepError } from "../executor/StepError.js"
import { StepLog } from "../executor/StepLog.js"
import type { AttemptStep } from "../executor/StepRecording.js"
import * as Ids from "../model/Ids.js"
import { type ClaimedRun, LeaseEpoch, type Run, type RunNotFound } from "../model/Run.js"
import * as SchemaProblem from "../model/SchemaProblem.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import type { ControlPlaneError } from "../ports/ControlPlaneError.js"
import type { InvalidCursor } from "../model/Page.js"
import { Runs } from "../ports/Runs.js"
import * as OutsideCalls from "./OutsideCalls.js"
import * as RunHistory from "./RunHistory.js"
import type { Verdict } from "./Verdict.js"

export { isWorseThanSkips, Verdict } from "./Verdict.js"

/** A run that is open, and what the code would do with it. */
export interface RehearsedRun {
  readonly run: Run
  readonly verdict: Verdict
}

/**
 * Which open runs: all of the agents of the code where no option names others. `runIds`: these runs, which need not be open.
 *
 * Units: `limit` is 1,000 when absent, the oldest runs first.
 */
export interface Options {
  readonly agentIds?: ReadonlyArray<Ids.AgentId> | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly limit?: number | undefined
  readonly runIds?: ReadonlyArray<Ids.RunId> | undefined
}

/** The layer of the executor is not built in time, as where it waits for a call that is refused. */
export class NotBuilt extends Data.TaggedError("NotBuilt")<{ readonly calls: ReadonlyArray<string> }> {
  override get message() {
    return this.calls.length === 0
      ? "The layer of the executor was not built within 5 s"
      : `The layer of the executor waits for what a rehearsal refuses: ${this.calls.join(", ")}`
  }
}

/** No worker has this id. */
const noWorker = Ids.WorkerId.make("00000000-0000-0000-0000-000000000000")

/** How long the code has until it ends, waits or begins something new. */
const limit = "5 seconds"

/** How long nothing may happen before the code waits, as in a worker. */
const quiet = "50 millis"

/** Timers are those of the machine, also where a test sets the time. */
const live = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withClock(effect, Clock.make())

type Reading = InvalidCursor | RunNotFound | ControlPlaneError

/** Rehearses the executors of a layer. `fetch` is refused in the whole process meanwhile, so rehearsals do not overlap. */
export const rehearse = <E>(
  layer: Layer.Layer<Executor.Executor, E>,
  options: Options = {},
): Effect.Effect<ReadonlyArray<RehearsedRun>, E | NotBuilt | Reading, ProjectPorts> =>
  Effect.gen(function* () {
    const ports = yield* Effect.context<ProjectPorts>()
    const calls = yield* OutsideCalls.refuseFetch
    const built = yield* live(
      OutsideCalls.build(layer, calls).pipe(
        Effect.timeoutFail({ duration: limit, onTimeout: () => new NotBuilt({ calls: calls.take() }) }),
      ),
    )
    const executors = yield* Effect.provide(Executor.all, built)
    const agentIds =
      options.agentIds ??
      (executors.isOpen ? undefined : executors.agents.map(({ name }) => Ids.AgentId.make(name)))
    const runs = yield* openRuns({ ...options, agentIds })
    return yield* Effect.forEach(runs, (run) =>
      Effect.map(one(executors.execute, OutsideCalls.readOnlyPorts(ports, calls), calls, run), (verdict) => ({
        run,
        verdict,
      })),
    )
  }).pipe(Effect.scoped)

const openRuns = ({
  agentIds,
  labels,
  limit: most = 1000,
  runIds,
}: Options): Effect.Effect<ReadonlyArray<Run>, Reading, Runs> =>
  Effect.flatMap(Runs, (runs): Effect.Effect<ReadonlyArray<Run>, Reading> =>
    runIds !== undefined
      ? Effect.forEach(runIds, runs.get)
      : agentIds?.length === 0
        ? Effect.succeed([])
        : Stream.paginateChunkEffect(undefined as string | undefined, (cursor) =>
            Effect.map(
              runs.list({
                status: ["pending", "running", "waiting"],
                agentId: agentIds,
                labels,
                limit: Math.min(100, most),
                cursor,
                oldestFirst: true,
              }),
              ({ items, next }) => [Chunk.unsafeFromArray(items), Option.fromNullable(next)] as const,
            ),
          ).pipe(Stream.take(most), Stream.runCollect, Effect.map(Chunk.toReadonlyArray)),
  )

/** A place that is a step. */
type PlacedStep = Pick<AttemptStep, "id" | "name"> & Partial<AttemptStep>

/** What the code has done in a rehearsal so far. */
interface Observed {
  readonly used: Set<string>
  /** What it began that is new, by its name. */
  readonly begun: Array<string>
  readonly waits: Array<Wait>
}

type RehearsedExit = Option.Option<Exit.Exit<void, ExecutorFailure>>

/** What the executor does with the run. Its output goes nowhere. */
const execution = (
  execute: Executor.Executors["execute"],
  claimed: ClaimedRun,
): Effect.Effect<void, ExecutorFailure, RunContext> =>
  Effect.suspend(() => {
    const returned: Execution<ProjectPorts> = execute(claimed)
    return Effect.isEffect(returned) ? Effect.asVoid(returned) : Stream.runDrain(returned)
  })

const calledOutside = "It calls the outside before it comes to something new"

/** The question that the code repeats, since the answer of before does not fit any more. */
const repeated = (ids: ReadonlyArray<string>, { hasPosed }: RunHistory.RunHistory): string | undefined =>
  ids.find((id) => /~\d+$/.test(id) && !hasPosed(id))?.replace(/~\d+$/, "")

const failureVerdict = (
  failure: ExecutorFailure & { readonly _tag: "ExecutorError" },
): Omit<Verdict, "calls"> => {
  const { cause, code, message } = failure
  const at =
    isStepError(cause) && cause.reason === "unreadable"
      ? cause.step
      : code === "invalid_payload"
        ? "input"
        : undefined
  return at === undefined
    ? { kind: "fails", message: `${code}: ${message}` }
    : { kind: "unreadable", at, message }
}

/** The verdict of code that has come to an end, to a wait or to something new. */
const stopVerdict = (
  isEnd: boolean,
  questions: ReadonlyArray<string>,
  { begun, used, waits }: Observed,
  history: RunHistory.RunHistory,
  calls: ReadonlyArray<string>,
): Omit<Verdict, "calls"> => {
  const question = repeated(questions, history)
  if (question !== undefined) {
    return {
      kind: "unreadable",
      at: question,
      message: `The answer to ${question} does not fit, so it is posed again`,
    }
  }
  const next = begun[0] ?? questions.find((id) => !history.hasPosed(id))
  const isWait = waits.length + questions.length > 0
  if (!isEnd && next === undefined && !isWait && calls.length > 0) {
    return { kind: "undecided", message: calledOutside }
  }
  const skipped = history.unused(used)
  if (skipped !== undefined) {
    const where = next === undefined ? (isEnd ? "it ends" : "it waits") : `it begins ${next}`
    return { kind: "skips", at: skipped, message: `It has not used ${skipped} when ${where}` }
  }
  if (next !== undefined) return { kind: "goes_on", at: next }
  return { kind: isEnd ? "goes_on" : "waits" }
}

const verdictOf = (
  ended: RehearsedExit,
  observed: Observed,
  history: RunHistory.RunHistory,
  calls: ReadonlyArray<string>,
): Verdict => {
  const posed = observed.waits.flatMap((wait) => ("interrupts" in wait ? wait.interrupts : []))
  const stopped = (isEnd: boolean, questions: ReadonlyArray<{ readonly id: string }>): Verdict => ({
    ...stopVerdict(
      isEnd,
      questions.map(({ id }) => id),
      observed,
      history,
      calls,
    ),
    calls,
  })
  if (Option.isNone(ended)) return stopped(false, posed)
  if (Exit.isSuccess(ended.value)) return stopped(true, posed)
  const { cause } = ended.value
  return Option.match(Cause.failureOption(cause), {
    onNone: (): Verdict => ({
      kind: "fails",
      message: Cause.pretty(SchemaProblem.causeWithoutValues(cause)),
      calls,
    }),
    onSome: (failure): Verdict =>
      failure._tag === "AwaitAnswers"
        ? stopped(false, failure.interrupts)
        : { ...failureVerdict(failure), calls },
  })
}

/** The budget of a run's tree is that of its root. */
const budgetRoot = (run: Run): Effect.Effect<Ids.RunId | undefined, never, Runs> =>
  run.rootRunId === run.runId
    ? Effect.succeed(run.budget === undefined ? undefined : run.runId)
    : Effect.flatMap(Runs, (runs) =>
        Effect.match(runs.get(run.rootRunId), {
          onSuccess: ({ budget, runId }) => (budget === undefined ? undefined : runId),
          onFailure: () => undefined,
        }),
      )

const one = (
  execute: Executor.Executors["execute"],
  ports: Context.Context<ProjectPorts>,
  calls: OutsideCalls.OutsideCalls,
  run: Run,
): Effect.Effect<Verdict, RunNotFound | ControlPlaneError> =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const clock = yield* Effect.clock
    const claimed = RunHistory.nextClaim(run, yield* runs.snapshot(run.runId))
    const history = yield* RunHistory.read(claimed)
    const recorded = yield* AttemptSteps.recordedBefore({
      ...claimed,
      ...(history.messages === 0 ? {} : { inbox: history.messages }),
    })
    const observed: Observed = { used: new Set(), begun: [], waits: [] }
    let changes = 0
    const begin = (name: string): Effect.Effect<never> =>
      Effect.suspend(() => {
        changes += 1
        observed.begun.push(name)
        return Effect.never
      })
    const attempt = AttemptSteps.make({
      runId: claimed.runId,
      lease: {
        runId: claimed.runId,
        workerId: noWorker,
        epoch: LeaseEpoch.make(run.leaseEpoch),
      },
      answers: claimed.snapshot.resume ?? [],
      budgetRoot: yield* budgetRoot(run),
      recorded: Effect.succeed(recorded),
      inbox: AttemptInbox.make(history.messages),
      messagesAfter: (after = claimed.latestEventId) => Effect.succeed({ messages: [], latest: after }),
      parking: {
        enter: () => () => {},
        inFlight: (place, effect) => {
          if (place.name === undefined) return effect
          const { id, name, recorded: before, shownAs = name } = place as PlacedStep
          return before?.done === undefined && history.isInside({ id, shownAs }) ? effect : begin(name)
        },
        park: (_within, wait) =>
          Effect.suspend(() => {
            changes += 1
            observed.waits.push(wait)
            return Effect.never
          }),
      },
      storeTime: () => clock.unsafeCurrentTimeMillis(),
    })
    const steps: AttemptSteps.LoggedSteps = {
      ...attempt,
      take: (stepId) => {
        changes += 1
        observed.used.add(stepId)
        return attempt.take(stepId)
      },
      issue: (_name, record) => begin(record.name),
      issueParts: (_name, parts) => begin(parts[0]?.name ?? ""),
      committed: () => Effect.void,
    }
    const context = Context.merge(
      ports,
      Context.make(Emit, { emit: () => Effect.void }).pipe(Context.add(StepLog, { steps: () => steps })),
    )
    calls.take()
    const idle: Effect.Effect<void> = Effect.suspend(() => {
      const before = changes + calls.count()
      const hasStopped = () => observed.begun.length + observed.waits.length + calls.count() > 0
      return Effect.zipRight(
        Effect.sleep(quiet),
        Effect.suspend(() => (hasStopped() && before === changes + calls.count() ? Effect.void : idle)),
      )
    })
    const executing = yield* Effect.fork(
      Effect.interruptible(Effect.provide(execution(execute, claimed), context)),
    )
    const ended = yield* live(
      Effect.raceFirst(Effect.map(Fiber.await(executing), Option.some), Effect.as(idle, Option.none())).pipe(
        Effect.timeoutOption(limit),
      ),
    )
    yield* Fiber.interruptFork(executing)
    return Option.match(ended, {
      onNone: (): Verdict => ({
        kind: "undecided",
        message: "After 5 s it has neither ended nor come to something new",
        calls: calls.take(),
      }),
      onSome: (exit) => verdictOf(exit, observed, history, calls.take()),
    })
  }).pipe(Effect.provide(ports))
