/** The executor of a simulation: it does what the script of a run says, and the history has what it has done. */
import * as Agent from "@runlease/core/Agent"
import * as AgentEvent from "@runlease/core/AgentEvent"
import * as Budget from "@runlease/core/Budget"
import * as Child from "@runlease/core/Child"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Emit from "@runlease/core/Emit"
import * as Executor from "@runlease/core/Executor"
import * as Inbox from "@runlease/core/Inbox"
import * as Interrupts from "@runlease/core/Interrupts"
import { lastUserText } from "@runlease/core/RequestSnapshot"
import type { ClaimedRun } from "@runlease/core/Run"
import * as Step from "@runlease/core/Step"
import type { StepLog } from "@runlease/core/executor/StepLog"
import { Array, Effect, Either, Schema, Stream } from "effect"
import type { Executing } from "./History.js"
import type { Operation, Plan, Script } from "./Plan.js"
import type { Recorder } from "./Recorder.js"

/** The operations of a script, those inside others included. */
export const operationsOf = (script: Script): ReadonlyArray<Operation> =>
  script.flatMap((operation) =>
    operation._tag === "Together" ? [operation, ...operation.scripts.flatMap(operationsOf)] : [operation],
  )

/** The name of a child: that of its parent, and that of its operation. */
const childName = (parent: string, name: string): string => `${parent}/${name}`

/** The scripts of the runs of a plan, those of schedules and children included, by the names of the runs. */
export const byName = ({
  runs,
  schedules,
}: Pick<Plan, "runs" | "schedules">): ReadonlyMap<string, Script> => {
  const found = new Map<string, Script>()
  const add = (name: string, script: Script): void => {
    found.set(name, script)
    for (const operation of operationsOf(script)) {
      if (operation._tag === "Spawn") add(childName(name, operation.name), operation.script)
    }
  }
  for (const { name, script } of [...runs, ...schedules]) add(name, script)
  return found
}

/** Who executes a run, and under which lease. */
const executing = (process: string, { leaseEpoch, runId }: ClaimedRun): Executing => ({
  process,
  run: runId,
  epoch: leaseEpoch ?? 0,
})

export const observed =
  (
    { process, recorder }: { readonly process: string; readonly recorder: Pick<Recorder, "happened"> },
    execute: Executor.ExecuteWith<Executor.RunContext>,
  ): Executor.ExecuteWith<Executor.RunContext> =>
  (run) => {
    const who = executing(process, run)
    const began = Effect.sync(() =>
      recorder.happened({ _tag: "ExecutorBegan", ...who, attempt: run.attempt }),
    )
    const ended = Effect.sync(() => recorder.happened({ _tag: "ExecutorEnded", ...who }))
    const execution = execute(run)
    return Effect.isEffect(execution)
      ? Effect.zipRight(began, Effect.ensuring(execution, ended))
      : Stream.ensuring(Stream.onStart(execution, began), ended)
  }

/** Names events, so that the checker finds each of them once. */
export const tokenName = "simulation.token"

/** What an executor needs of the world. `kill` ends its process. */
export interface Options {
  readonly process: string
  readonly recorder: Pick<Recorder, "happened">
  readonly scriptOf: (text: string) => Script
  readonly kill: () => void
}

type Performed = Effect.Effect<unknown, unknown, Emit.Emit | StepLog | ProjectPorts>

const messageOf = ({ key, number }: Inbox.InboxMessage) => ({ number, key })

/** A run of the simulation, whose payload is the name of its script. */
const Scripted = Agent.make({ name: "agent", success: Schema.NullOr(Schema.String) })

type ScriptedRef = Child.ChildRef<string | null, never>

const outcomeOf = (outcome: Either.Either<string | null, Child.JoinError<never>>) =>
  Either.match(outcome, {
    onLeft: (error) => ({ status: error._tag === "RunFailed" ? error.status : error._tag }),
    onRight: (result) => ({ status: "completed", result }),
  })

/** One execution of the script of a run. */
const makeExecution = (options: Options, run: ClaimedRun, executing: Executing) => {
  const { recorder } = options
  const name = lastUserText(run.snapshot)
  let count = 0
  /** A value that no other execution returns. */
  const fresh = (): string => {
    count += 1
    return `${executing.process} ${executing.epoch}.${count}`
  }
  const returned = <E, R>(operation: string, effect: Effect.Effect<unknown, E, R>) =>
    Effect.tap(effect, (value) =>
      Effect.sync(() =>
        recorder.happened({
          _tag: "Returned",
          ...executing,
          name: operation,
          value: JSON.stringify(value ?? null),
        }),
      ),
    )
  const body = (operation: string, millis: number) =>
    Effect.suspend(() => {
      recorder.happened({ _tag: "BodyBegan", ...executing, name: operation })
      return Effect.delay(Effect.sync(fresh), millis)
    })
  const emitToken = Effect.suspend(() =>
    Emit.event(AgentEvent.custom(tokenName, { token: fresh(), epoch: executing.epoch, run: executing.run })),
  )

  /** `children` are those that its script has spawned so far. */
  const perform = (operation: Operation, children: Array<ScriptedRef>): Performed => {
    switch (operation._tag) {
      case "Emit":
        return Effect.replicateEffect(emitToken, operation.count, { discard: true })
      case "Work":
        return Effect.sleep(operation.millis)
      case "Step":
        return returned(operation.name, Step.run(operation.name, body(operation.name, operation.millis)))
      case "Once":
        return returned(
          operation.name,
          Step.atMostOnce(operation.name, body(operation.name, operation.millis), {
            onUncertain: Effect.sync(() => `uncertain ${fresh()}`),
          }),
        )
      case "Sleep":
        return returned(operation.name, Step.sleep(operation.name, operation.millis))
      case "Take":
        return returned(operation.name, Effect.map(Inbox.take(operation.name), messageOf))
      case "Drain":
        return returned(operation.name, Effect.map(Inbox.drain(operation.name), Array.map(messageOf)))
      case "Ask":
        return returned(
          operation.name,
          Interrupts.ask(operation.name, { message: "Well?", schema: Schema.Unknown }),
        )
      case "Spawn": {
        const { maxAttempts } = operation
        return returned(
          operation.name,
          Effect.map(
            Child.spawn(operation.name, Scripted, childName(name, operation.name), { maxAttempts }),
            (child) => {
              children.push(child)
              return child.runId
            },
          ),
        )
      }
      case "Join":
        return returned(
          operation.name,
          Effect.suspend(() =>
            Effect.map(Child.joinAll(children), (outcomes) =>
              outcomes.map((outcome, index) => ({ run: children[index]!.runId, ...outcomeOf(outcome) })),
            ),
          ),
        )
      case "JoinFirst":
        return returned(
          operation.name,
          Effect.suspend(() =>
            Array.isNonEmptyReadonlyArray(children)
              ? Effect.map(Child.joinFirst(operation.name, children), ([{ runId }, outcome]) => [
                  { run: runId, ...outcomeOf(outcome) },
                ])
              : Effect.succeed([]),
          ),
        )
      case "Spend":
        return Budget.spend({ inputTokens: 1, outputTokens: 1, cost: operation.cost })
      case "Check":
        return Budget.check
      case "Together":
        return Effect.forEach(operation.scripts, performAll, { concurrency: "unbounded", discard: true })
      case "Fail":
        return executing.epoch > operation.times
          ? Effect.void
          : new Executor.ExecutorError({
              code: "planned",
              message: "The plan says so",
              retryable: operation.retryable,
            })
      case "Poison":
        return Effect.suspend(() => {
          if (executing.epoch > operation.times) return Effect.void
          options.kill()
          return Effect.never
        })
      case "Result":
        return Emit.event({
          type: "RUN_FINISHED",
          threadId: run.conversationId,
          runId: run.runId,
          result: fresh(),
        })
    }
  }
  const performAll = (script: Script): Performed =>
    Effect.suspend(() => {
      const children: Array<ScriptedRef> = []
      return Effect.forEach(script, (operation) => perform(operation, children), { discard: true })
    })
  return Effect.asVoid(performAll(options.scriptOf(name)))
}

/** The executor of the workers in a process. */
export const make = (options: Options): Executor.ExecuteWith<Executor.RunContext> =>
  Executor.from((run: ClaimedRun) =>
    Effect.suspend(() => makeExecution(options, run, executing(options.process, run))),
  )
