/** What an execution of the crash test does: its attempts with their steps, its calls, its reads of the time, and its ends. */
import { Cause, Context, Effect, Exit, Option, Predicate, Stream } from "effect"
import { CurrentStep } from "../executor/CurrentStep.js"
import type { ExecutorFailure } from "../executor/ExecutorError.js"
import { Executor } from "../executor/Executor.js"
import type { Execution, RunContext } from "../executor/Execution.js"
import { isStepError } from "../executor/StepError.js"
import { type AttemptSteps, type Recorded, StepLog } from "../executor/StepLog.js"
import { uncertainEventName } from "../executor/ToolCalls.js"
import type { LogEvent } from "../model/AgentEvent.js"
import type { ClaimedRun } from "../model/Run.js"
import { requestEventName } from "../model/StepRecord.js"
import type { ProjectPorts } from "../ports/ControlPlane.js"
import type { Outcome } from "../ports/Runs.js"
import { type Request, shown } from "../rehearsal/ReplacedClients.js"
import type { Life } from "./Life.js"

/** A step as the code calls it. `at`: its place in the source, where there is one. */
export interface StepSite {
  readonly runId: string
  readonly id: string
  readonly name: string
  readonly key: unknown
  readonly within: string | undefined
  readonly at: string | undefined
}

/** The id of a step among those of all runs: runs of one agent have steps of the same ids. */
export const idOf = ({ id, runId }: Pick<StepSite, "id" | "runId">): string => `${runId} ${id}`

/** Where a call is made. `model`: a request whose answer executor-ai records. `layer`: while the layer of the executor is built. */
export interface CallPlace {
  readonly kind: "step" | "tool" | "model" | "outside" | "layer"
  readonly id: string
  readonly name: string
  readonly atMostOnce: boolean
  readonly at: string | undefined
}

/** A call of the outside. `what`: its method and URL, without what may be secret. `key`: its idempotency key. */
export interface Call {
  readonly life: number
  readonly place: CallPlace
  readonly what: string
  readonly request: Request
  readonly key: string | undefined
}

/** A read of the time, or of what is random, outside of steps. `after`: the step that the code has called before. */
export interface SourceRead {
  readonly what: string
  readonly at: string | undefined
  readonly after: StepSite | undefined
}

export interface Attempt {
  readonly life: number
  readonly run: ClaimedRun
  /** The steps that the code has called, in their order. */
  readonly steps: Map<string, StepSite>
  /** The ids of steps that were recorded before. */
  recorded: ReadonlyMap<string, Recorded>
  /** Steps that were interrupted while the attempt continued, each with the number of steps that had been called. */
  readonly interrupted: Array<{ readonly step: StepSite; readonly called: number }>
  /** The steps that were in flight together with a step. */
  readonly besides: Map<string, Set<string>>
  readonly inFlight: Set<string>
  /** The requests to models that are not answered, by the ids of the steps of their answers. */
  readonly requests: Map<string, string>
  /** When the sleeps of its code end, in milliseconds since the epoch. */
  readonly sleeps: Set<{ readonly until: number }>
  ended: "completed" | "failed" | "interrupted" | undefined
}

/** How a worker has ended a run, or would have: its request may have been lost with the worker. */
export interface End extends Outcome {
  readonly life: number
  readonly runId: string
}

/** In which a step is faster than others: these begin when `first` is over. Each is an id of `idOf`. */
export interface Order {
  readonly first: string
  readonly others: ReadonlySet<string>
}

export interface Observer {
  readonly attempts: ReadonlyArray<Attempt>
  readonly calls: ReadonlyArray<Call>
  readonly reads: ReadonlyArray<SourceRead>
  readonly ends: ReadonlyArray<End>
  /** The ids of steps and tool calls that may have happened, as an attempt has found. */
  readonly uncertain: ReadonlySet<string>
  /** How much was observed. */
  readonly count: () => number

  /** The executors of a worker, observed. */
  readonly executors: (of: Context.Context<Executor>, life: Life) => Context.Context<Executor>
  readonly called: (request: Request, life: Life, context: Context.Context<never> | undefined) => Call
  /** `at` looks for the place in the source, which is there where the read is on the stack. */
  readonly read: (
    what: string,
    at: (() => string | undefined) | undefined,
    context: Context.Context<never> | undefined,
  ) => void
  /** A sleep until that time, which is one of an attempt where its code sleeps. */
  readonly sleeping: (sleep: Effect.Effect<void>, until: number) => Effect.Effect<void>
  /** When the first sleep of the code of an attempt ends; undefined where none sleeps. */
  readonly sleepsUntil: () => number | undefined
  readonly wrote: (
    life: Life,
    port: string,
    method: string,
    args: ReadonlyArray<unknown>,
  ) => string | undefined
}

/** The attempt that the code is in. */
class OwnAttempt extends Context.Tag("@runlease/core/crash/OwnAttempt")<OwnAttempt, Attempt>() {}

/** `AiTool.CurrentCall` of `@runlease/executor-ai`, which this package does not depend on. */
const currentCall = Context.GenericTag<never, { readonly toolCallId: string }>(
  "@runlease/executor-ai/AiTool/CurrentCall",
)

/** So many reads, and looks for their places, say where the agent reads the time. */
const maxReads = 20
const maxLooks = 200

const isIntent = (recorded: Recorded | undefined): boolean => recorded?.intent === true

export const make = (order: Order | undefined): Observer => {
  const attempts: Array<Attempt> = []
  const calls: Array<Call> = []
  const reads: Array<SourceRead> = []
  const ends: Array<End> = []
  const uncertain = new Set<string>()
  const tools = new Map<string, string>()
  const once = new Set<string>()
  const firstIsOver = Effect.unsafeMakeLatch(false)
  let count = 0
  let looks = 0

  const isAround = (attempt: Attempt, outer: string, inner: string): boolean => {
    for (let id = attempt.steps.get(inner)?.within; id !== undefined; id = attempt.steps.get(id)?.within) {
      if (id === outer) return true
    }
    return false
  }

  const observedSteps = (attempt: Attempt, steps: AttemptSteps): AttemptSteps => ({
    ...steps,
    recorded: Effect.tap(steps.recorded, (recorded) => Effect.sync(() => (attempt.recorded = recorded))),
    calledAt: (id, call) => {
      count += 1
      attempt.steps.set(id, { runId: attempt.run.runId, id, ...call })
    },
    inFlight: (place, effect) => {
      const { id, name } = place
      if (name === undefined) return steps.inFlight(place, effect)
      const ofAll = idOf({ runId: attempt.run.runId, id })
      const begin = Effect.suspend(() => {
        count += 1
        for (const other of attempt.inFlight) {
          if (isAround(attempt, other, id)) continue
          attempt.besides.set(id, (attempt.besides.get(id) ?? new Set()).add(other))
          attempt.besides.set(other, (attempt.besides.get(other) ?? new Set()).add(id))
        }
        attempt.inFlight.add(id)
        return order?.others.has(ofAll) === true && attempt.life === 0
          ? Effect.raceFirst(firstIsOver.await, Effect.sleep("1 hour"))
          : Effect.void
      })
      const observed = Effect.onExit(Effect.zipRight(begin, effect), (exit) =>
        Effect.sync(() => {
          count += 1
          attempt.inFlight.delete(id)
          if (ofAll === order?.first) firstIsOver.unsafeOpen()
          const step = attempt.steps.get(id)
          if (Exit.isSuccess(exit)) return
          if (step !== undefined && Cause.isInterruptedOnly(exit.cause)) {
            attempt.interrupted.push({ step, called: attempt.steps.size })
          }
          const error: unknown = Option.getOrUndefined(Cause.failureOption(exit.cause))
          if (isStepError(error) && error.reason === "uncertain") uncertain.add(ofAll)
        }),
      )
      return steps.inFlight(place, observed)
    },
    issue: (kind, record) => {
      count += 1
      const { name, step_id } = record
      if (kind === requestEventName && record.refused !== true) attempt.requests.set(step_id, name)
      else attempt.requests.delete(step_id)
      return steps.issue(kind, record)
    },
    issueParts: (kind, parts) => {
      count += 1
      for (const { step_id } of parts) {
        if (kind === "runlease.intent") once.add(step_id)
        attempt.requests.delete(step_id)
      }
      return steps.issueParts(kind, parts)
    },
  })

  const execute =
    (of: Context.Tag.Service<Executor>["execute"], life: Life) =>
    (run: ClaimedRun): Execution<ProjectPorts> => {
      const attempt: Attempt = {
        life: life.number,
        run,
        steps: new Map(),
        recorded: new Map(),
        interrupted: [],
        besides: new Map(),
        inFlight: new Set(),
        requests: new Map(),
        sleeps: new Set(),
        ended: undefined,
      }
      count += 1
      attempts.push(attempt)
      const inside = <C>(context: Context.Context<C>): Context.Context<C> => {
        const own = Context.add(context, OwnAttempt, attempt) as Context.Context<C>
        const log = Context.getOption(own as Context.Context<never>, StepLog)
        if (Option.isNone(log)) return own
        let made: AttemptSteps | undefined
        const steps = () => (made ??= observedSteps(attempt, log.value.steps()))
        return Context.add(own, StepLog, { steps }) as Context.Context<C>
      }
      const onExit = (exit: Exit.Exit<unknown, ExecutorFailure>) =>
        Effect.sync(() => {
          count += 1
          attempt.ended = Exit.isSuccess(exit)
            ? "completed"
            : Cause.isInterrupted(exit.cause)
              ? "interrupted"
              : "failed"
        })
      const execution = of(run)
      return Effect.isEffect(execution)
        ? Effect.onExit(Effect.mapInputContext(execution, inside<RunContext>), onExit)
        : Stream.ensuringWith(Stream.mapInputContext(execution, inside<ProjectPorts>), onExit)
    }

  const currentOf = (context: Context.Context<never> | undefined): Attempt | undefined => {
    const own = context === undefined ? undefined : Context.getOption(context, OwnAttempt)
    return own === undefined || Option.isNone(own) ? undefined : own.value
  }

  /** The attempts of the last worker that are not over. */
  const running = (): ReadonlyArray<Attempt> =>
    attempts.filter(({ ended, life }) => ended === undefined && life === attempts.at(-1)?.life)

  /** A promise continues outside of the fiber that has begun it. What it does is in the step that is in flight, where one alone is. */
  const soleStep = (): { readonly attempt: Attempt; readonly id: string } | undefined => {
    const all = running().flatMap((attempt) =>
      Array.from(attempt.inFlight, (id) => ({ attempt, id })).filter(
        ({ id }) => !Array.from(attempt.inFlight).some((inner) => isAround(attempt, id, inner)),
      ),
    )
    return all.length === 1 ? all[0] : undefined
  }

  const stepPlace = (attempt: Attempt | undefined, id: string): CallPlace => {
    const step = attempt?.steps.get(id)
    return {
      kind: "step",
      id: idOf({ runId: attempt?.run.runId ?? "", id }),
      name: step?.name ?? id,
      atMostOnce: once.has(id) || isIntent(attempt?.recorded.get(id)),
      at: step?.at,
    }
  }

  const placeOf = (context: Context.Context<never> | undefined): CallPlace => {
    const attempt = currentOf(context)
    const current = context === undefined ? Option.none() : Context.getOption(context, CurrentStep)
    if (Option.isSome(current)) return stepPlace(attempt, current.value.id)
    const call = context === undefined ? Option.none() : Context.getOption(context, currentCall)
    if (Option.isSome(call)) {
      const { toolCallId } = call.value
      const name = tools.get(toolCallId) ?? toolCallId
      return { kind: "tool", id: `tool ${toolCallId}`, name, atMostOnce: false, at: undefined }
    }
    const request = attempt?.requests.entries().next().value
    if (request !== undefined) {
      const [id, name] = request
      return {
        kind: "model",
        id: idOf({ runId: attempt?.run.runId ?? "", id }),
        name,
        atMostOnce: false,
        at: undefined,
      }
    }
    const sole = attempt === undefined ? soleStep() : undefined
    if (sole !== undefined) return stepPlace(sole.attempt, sole.id)
    const isExecuting = attempt !== undefined || running().length > 0
    return {
      kind: isExecuting ? "outside" : "layer",
      id: idOf({ runId: attempt?.run.runId ?? "", id: "outside" }),
      name: "outside of steps",
      atMostOnce: false,
      at: undefined,
    }
  }

  /** The record in an event, for people. */
  const recordIn = (event: LogEvent): string | undefined => {
    const { name, type, value } = event
    if (type === "TOOL_CALL_START" && typeof event["toolCallName"] === "string") {
      tools.set(String(event["toolCallId"]), event["toolCallName"])
    }
    if (type === "TOOL_CALL_RESULT") {
      return `the result of tool ${tools.get(String(event["toolCallId"])) ?? String(event["toolCallId"])}`
    }
    if (type !== "CUSTOM" || typeof name !== "string" || !name.startsWith("runlease.")) return undefined
    if (name === uncertainEventName && Predicate.hasProperty(value, "toolCallId")) {
      uncertain.add(`tool ${String(value.toolCallId)}`)
    }
    if (!Predicate.hasProperty(value, "name") || !Predicate.hasProperty(value, "step_id")) return undefined
    const kind = { [requestEventName]: "the request for", "runlease.intent": "the intent of" }[name]
    return `${kind ?? "the record of"} ${JSON.stringify(value.name)}`
  }

  const placeOfWrite: Observer["wrote"] = (life, port, method, args) => {
    const [first, second] = args
    if (port === "RunLog" && method === "append" && Predicate.hasProperty(first, "events")) {
      const records = (first.events as ReadonlyArray<LogEvent>).flatMap((event) => recordIn(event) ?? [])
      return records.length === 0 ? undefined : Array.from(new Set(records)).join(" and ")
    }
    if (port !== "Leases") return undefined
    if (method === "complete") {
      const { runId } = first as { readonly runId: string }
      ends.push({ ...(second as Outcome), life: life.number, runId })
      return "the end of the run"
    }
    if (method === "suspend") return "the wait of the run"
    if (method === "release") return "the return of the run"
    if (method === "spawn" && Predicate.hasProperty(second, "name")) {
      return `the child of ${JSON.stringify(second.name)}`
    }
    return method === "tell" || method === "appendBeside" || method === "callback"
      ? `the call of Leases.${method}`
      : undefined
  }

  return {
    attempts,
    calls,
    reads,
    ends,
    uncertain,
    count: () => count,
    executors: (of, life) => {
      const all = new Map(of.unsafeMap)
      for (const [key, service] of of.unsafeMap as Map<string, Context.Tag.Service<Executor>>) {
        if (key !== Executor.key && !key.startsWith(`${Executor.key}/`)) continue
        all.set(key, { ...service, execute: execute(service.execute, life) })
      }
      return Context.unsafeMake(all)
    },
    called: (request, life, context) => {
      count += 1
      const key = request.headers["idempotency-key"]
      const call = { life: life.number, place: placeOf(context), what: shown(request), request, key }
      calls.push(call)
      return call
    },
    read: (what, at, context) => {
      const attempt = currentOf(context)
      const isInStep = context !== undefined && Option.isSome(Context.getOption(context, CurrentStep))
      const isRunning = attempt ?? running().at(-1)
      if (isInStep || isRunning === undefined || reads.length >= maxReads || looks >= maxLooks) return
      if (attempt === undefined && (at === undefined || soleStep() !== undefined)) return
      looks += 1
      const place = at?.()
      // What a library reads by itself is not the agent's.
      if (at !== undefined && place === undefined) return
      reads.push({ what, at: place, after: Array.from(isRunning.steps.values()).at(-1) })
    },
    sleeping: (sleep, until) =>
      Effect.contextWithEffect((context: Context.Context<never>) => {
        const attempt = currentOf(context)
        if (attempt === undefined) return sleep
        const one = { until }
        attempt.sleeps.add(one)
        return Effect.ensuring(
          sleep,
          Effect.sync(() => attempt.sleeps.delete(one)),
        )
      }),
    sleepsUntil: () => {
      const all = running().flatMap(({ sleeps }) => Array.from(sleeps, ({ until }) => until))
      return all.length === 0 ? undefined : Math.min(...all)
    },
    wrote: (life, port, method, args) => {
      const place = placeOfWrite(life, port, method, args)
      // Renewals and heartbeats change nothing of a run.
      if (place !== undefined) count += 1
      return place
    },
  }
}
