/** What a caller of the executor suite provides: an executor whose peer behaves as the test requires. */
import type { Agent } from "@runlease/core/Agent"
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import * as Executor from "@runlease/core/Executor"
import type { SubmissionInput } from "@runlease/core/Runs"
import { Data, Effect, type Layer, type Scope } from "effect"

/**
 * What the peer of an executor (its program, model, remote agent) does in a test.
 *
 * - `Says`: writes these deltas of text and ends successfully.
 * - `SaysThenHangs`: writes them, never ends by itself, and ignores a polite request to stop if its protocol has one.
 * - `SaysThenCrashes`: writes them and dies in the middle of a message of its protocol.
 * - `Floods`: writes deltas without end, as fast as the executor reads them.
 * - `Huge`: writes one piece of output of that many bytes, more than the executor's limit.
 * - `Malformed`: writes output that is not valid in its protocol.
 */
export type Behaviour = Data.TaggedEnum<{
  Says: { readonly texts: ReadonlyArray<string> }
  SaysThenHangs: { readonly texts: ReadonlyArray<string> }
  SaysThenCrashes: { readonly texts: ReadonlyArray<string> }
  Floods: {}
  Huge: { readonly bytes: number }
  Malformed: {}
}>

const { Floods, Huge, Malformed, Says, SaysThenCrashes, SaysThenHangs } = Data.taggedEnum<Behaviour>()

export { Floods, Huge, Malformed, Says, SaysThenCrashes, SaysThenHangs }

/**
 * An executor whose peers all behave in one way.
 *
 * `produced` is the number of deltas that its peers have written so far. `alive` is the number of peers that run now:
 * processes, or requests that have not ended. `submission` is what a run of it is submitted with; agent `agent` without a request when
 * absent.
 */
export interface Subject {
  readonly execute: Executor.Execute
  readonly produced: Effect.Effect<number>
  readonly alive: Effect.Effect<number>
  readonly submission?: Partial<SubmissionInput> | undefined
}

/** Makes a subject for one test. Its runs come from the `ProjectPorts` in the context. */
export interface Make {
  (behaviour: Behaviour): Effect.Effect<Subject, unknown, Scope.Scope | ProjectPorts>
}

/**
 * The executor that `layer`, as `agent.toLayer` makes it, has for the agent, and the submission of a run with this payload.
 *
 * ```ts
 * ExecutorSuite.suite("my agent", (behaviour) => {
 *   const { alive, peer, produced } = peerThat(behaviour)
 *   const parts = ExecutorSuite.ofAgent(Review, { pull: 1 }, Review.toLayer(() => review(peer)))
 *   return Effect.map(parts, (subject) => ({ ...subject, alive, produced }))
 * })
 * ```
 *
 * Dies where the payload does not fit.
 */
export const ofAgent = <P, A, E, E2>(
  agent: Agent<P, A, E>,
  payload: P,
  layer: Layer.Layer<Executor.Executor, E2>,
): Effect.Effect<Required<Pick<Subject, "execute" | "submission">>, E2> =>
  Effect.gen(function* () {
    const snapshot = yield* Effect.mapError(
      agent.schemas.toSnapshot(payload),
      (message) => new Error(message),
    ).pipe(Effect.orDie)
    const execute = yield* Effect.provide(Executor.current, layer)
    return { execute, submission: { agentId: agent.name, snapshot } }
  })
