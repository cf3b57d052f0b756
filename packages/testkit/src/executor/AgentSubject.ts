/** The part of a subject for an agent with types: its executor, and a run of it. */
import type { Agent } from "@runlease/core/Agent"
import * as Executor from "@runlease/core/Executor"
import { Effect, type Layer } from "effect"
import type { Subject } from "./Subject.js"

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
 *
 * @category constructors
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
