/** What the suite of executors asks of whoever runs it. */
import type { ProjectPorts } from "@runlease/core/ControlPlane"
import type { Execute } from "@runlease/core/Executor"
import { Data, type Effect, type Scope } from "effect"

/**
 * What the peer of an executor (its program, model, remote agent) does in a test.
 *
 * `Says`: these deltas of text, then a good end. `SaysThenHangs`: it never ends by itself, and goes on when it is
 * asked politely to stop, where that can be. `SaysThenCrashes`: it dies in the middle of its protocol. `Floods`: deltas
 * without end, as fast as they are taken. `Huge`: one piece of output of that many bytes, more than the executor's limit.
 * `Malformed`: something that is not its protocol.
 *
 * @since 0.1.0
 * @category models
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
 * `produced`: how many deltas its peers have written so far. `alive`: how many peers are at work for a run: processes,
 * requests that have not ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subject {
  readonly execute: Execute
  readonly produced: Effect.Effect<number>
  readonly alive: Effect.Effect<number>
}

/** Makes a subject, for a test. The runs that it executes are of the ports that are there. */
export interface Make {
  (behaviour: Behaviour): Effect.Effect<Subject, unknown, Scope.Scope | ProjectPorts>
}
