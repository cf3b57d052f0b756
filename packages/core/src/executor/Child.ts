/**
 * Children of a run: runs of agents that it spawns, and waits for without a worker.
 *
 * ```ts
 * const Researcher = Agent.make({ name: "researcher", payload: { topic: Schema.String }, success: Schema.String })
 *
 * const children = yield* Child.spawnAll("research", Researcher, topics.map((topic) => ({ topic })))
 * const findings = yield* Child.joinAll(children)
 * ```
 *
 * The end of a run cancels those of its children that have not ended, and theirs.
 *
 * Source: docs/decisions/0060-no-lost-wake-up.md
 */
import { type Array, Effect, Either, Schema } from "effect"
import type { Run } from "../model/Run.js"
import type { ChildRefused } from "../ports/Leases.js"
import type { RunLog } from "../ports/RunLog.js"
import type { InvalidSubmission } from "../ports/Runs.js"
import * as AgentOutcome from "./AgentOutcome.js"
import * as AgentRuns from "./AgentRuns.js"
import * as ChildRuns from "./ChildRuns.js"
import { looking } from "./CurrentStep.js"
import type { ResultUnreadable, RunFailed } from "./RunFailed.js"
import * as Step from "./Step.js"
import { StepLog } from "./StepLog.js"

/** A child of this run, with the value of its agent and its failures. */
export interface ChildRef<A, E> extends ChildRuns.ChildRef {
  readonly agent: AgentOutcome.Outcomes<A, E>
}

/** A child that is the root of a separate tree. No run waits for it: it is no `ChildRef`, so it cannot be joined. */
export type DetachedRef = ChildRuns.DetachedRef

/**
 * What a child may have besides its payload. It has a separate conversation, and no lane unless `concurrencyKey` names one. `publicId`:
 * made of the ids of this run and of the step when absent.
 */
export interface SpawnOptions extends Step.Keyed, Omit<ChildRuns.Submission, "agentId"> {}

/** How a child may end without a value: as its agent declares, or otherwise. */
export type JoinError<E> = E | RunFailed | ResultUnreadable

type Spawning<A> = ChildRuns.Durable<A, ChildRefused | InvalidSubmission>
type Joining<A, E> = Effect.Effect<
  A,
  E | Step.StepError,
  Effect.Effect.Context<ChildRuns.Durable<A, E>> | RunLog
>

/**
 * Spawns a run of the agent, once: a later attempt gets the child that there is.
 *
 * A `detached` child continues when this run ends, spends nothing of its budget, and may have the lane of any run. It cannot be joined;
 * `Runs.get` reads it, and `runlease runs list --parent` lists it.
 *
 * The end of a child with `tellsParent` is a message to this run, once, however it ends: see `Inbox` and `ChildMessage`. So a run may work
 * on, or wait for messages, while its children work.
 *
 * It waits while the budget of the tree is spent.
 *
 * Fails: `InvalidSubmission` of the field `input` where the payload does not fit, and of `publicId` where a run that this step has not
 * spawned has that id; `ChildRefused` where the tree is too deep or too wide, or where the child names the lane of a run above it; and
 * with `StepError`.
 */
export function spawn<P, A, E>(
  name: string,
  agent: AgentRuns.Parts<P, A, E>,
  payload: P,
  options: SpawnOptions & { readonly detached: true },
): Spawning<DetachedRef>
export function spawn<P, A, E>(
  name: string,
  agent: AgentRuns.Parts<P, A, E>,
  payload: P,
  options?: SpawnOptions & { readonly detached?: false; readonly tellsParent?: boolean },
): Spawning<ChildRef<A, E>>
export function spawn<P, A, E>(
  name: string,
  agent: AgentRuns.Parts<P, A, E>,
  payload: P,
  {
    detached = false,
    key,
    tellsParent = false,
    ...options
  }: SpawnOptions & { readonly detached?: boolean; readonly tellsParent?: boolean } = {},
): Spawning<DetachedRef | ChildRef<A, E>> {
  return Effect.flatMap(AgentRuns.submission(agent, payload, options), (submission) =>
    Effect.map(
      ChildRuns.spawn(name, submission, { key, detached, tellsParent }),
      // A child that is not detached has an index.
      (spawned) => ({ ...spawned, agent }) as ChildRef<A, E>,
    ),
  )
}

/** Spawns a run of the agent for each payload, each once, by their places in the list. */
export const spawnAll = <P, A, E>(
  name: string,
  agent: AgentRuns.Parts<P, A, E>,
  payloads: ReadonlyArray<P>,
): Spawning<ReadonlyArray<ChildRef<A, E>>> =>
  Effect.forEach(payloads, (payload, index) => spawn(name, agent, payload, { key: index }), {
    concurrency: ChildRuns.atOnce,
  })

// oxlint-disable-next-line no-explicit-any -- a child of any types
type AnyChild = ChildRef<any, any>

type ValueOf<C> = C extends ChildRef<infer A, infer _E> ? A : never
type ErrorOf<C> = C extends ChildRef<infer _A, infer E> ? E : never

/** How a child of these types has ended. */
type OutcomeOf<C> = C extends ChildRef<infer A, infer E> ? Either.Either<A, JoinError<E>> : never

/** The child of these types that has ended first, and how. */
type FirstOf<C> = readonly [child: C, outcome: Either.Either<ValueOf<C>, JoinError<ErrorOf<C>>>]

/** How a child has ended. The text of an agent without a value is in its log. */
const outcomeOf = <A, E>(
  { agent }: ChildRef<A, E>,
  run: Run,
): Joining<Either.Either<A, JoinError<E>>, never> =>
  Effect.gen(function* () {
    const { look } = yield* looking(
      (yield* StepLog).steps(),
      ChildRuns.joining,
      Effect.catchAll(AgentOutcome.of(agent, run), (error) => ChildRuns.notRead("join", run.runId, error)),
    )
    return yield* look
  })

/**
 * Waits for a child, without a worker once nothing else of the run is in flight, and returns its value.
 *
 * Fails: as the child's agent declares; `RunFailed` for any other failure and for a cancellation; `ResultUnreadable` where the value does
 * not fit the agent's schema; and with `StepError`.
 */
export const join = <A, E>(child: ChildRef<A, E>): Joining<A, JoinError<E>> =>
  Effect.flatMap(joinAll([child]), ([outcome]) => outcome as Either.Either<A, JoinError<E>>)

/** Waits for all of these children, and returns how each has ended. The run resumes once, when the last of them has ended. */
export const joinAll = <const C extends ReadonlyArray<AnyChild>>(
  children: C,
): Joining<{ readonly [K in keyof C]: OutcomeOf<C[K]> }, never> =>
  Effect.flatMap(
    ChildRuns.untilEnded(
      children,
      (runs) => runs.every(ChildRuns.hasEnded),
      (open) => [open],
    ),
    (runs) =>
      Effect.forEach(children, (child, index) => outcomeOf(child, runs[index]!), {
        concurrency: ChildRuns.atOnce,
      }) as Joining<never, never>,
  )

/** The child that has ended first; of those that are open none. */
const firstEnded = (runs: ReadonlyArray<Run>): Run =>
  runs
    .filter(ChildRuns.hasEnded)
    .reduce((first, run) =>
      (run.finishedAt?.epochMillis ?? 0) < (first.finishedAt?.epochMillis ?? 0) ? run : first,
    )

/** Waits for the first of these children to end. A later attempt gets the same one. */
export const joinFirst = <const C extends Array.NonEmptyReadonlyArray<AnyChild>>(
  name: string,
  children: C,
  options: Step.Keyed = {},
): Joining<FirstOf<C[number]>, never> =>
  Effect.gen(function* () {
    const winner = yield* Step.run(
      name,
      Effect.map(
        ChildRuns.untilEnded(
          children,
          (runs) => runs.some(ChildRuns.hasEnded),
          (open) => open.map((index) => [index]),
        ),
        (runs): string => firstEnded(runs).runId,
      ),
      { ...options, schema: Schema.String },
    )
    const child = children.find(({ runId }) => runId === winner) ?? children[0]
    const { look } = yield* looking((yield* StepLog).steps(), ChildRuns.joining, ChildRuns.get(child))
    return [child, yield* outcomeOf(child, yield* look)] as unknown as FirstOf<C[number]>
  })
