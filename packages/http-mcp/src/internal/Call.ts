/** A call of a tool, and what it comes to. */
import { type ControlPlane, type ControlPlaneError, Ids, type Runs, TraceContext } from "@runlease/core"
import type { Refusal } from "@runlease/http/Refusal"
import { type Context, type Effect, Option, Predicate, type Scope, type Stream } from "effect"
import * as Era from "./Era.js"
import type * as JsonRpc from "./JsonRpc.js"
import type { Waits } from "./Waits.js"

export type Ports = Context.Context<ControlPlane.ProjectPorts>

/** The parts of a submission that a server checks before it accepts it. */
export type Checked = Pick<Runs.Submission, "agentId" | "snapshot"> & {
  readonly publicId?: string | undefined
}

/** What every call of one project has. `admit` checks a submission before it is sent to the port. `waits` are those of the server. */
export interface Project {
  readonly ports: Ports
  readonly waits: Waits
  readonly admit: (submission: Checked) => Effect.Effect<void, Refusal | ControlPlaneError.ControlPlaneError>
}

/**
 * `runId`: the id of the run that this call submits, where its client says by a key that it may send the call again. `progressToken`: the
 * client takes notifications of progress.
 */
export interface Call extends Project {
  readonly era: Era.Era
  readonly progressToken: JsonRpc.Id | undefined
  readonly runId: string | undefined
  readonly traceContext: ReturnType<typeof TraceContext.ofSpan> | undefined
}

/**
 * The key in the `_meta` of a call by which a client says that it is the same call as before. A progress token cannot say that: clients
 * count them anew in each process.
 */
export const idempotencyKey = "io.github.runlease/idempotencyKey"

export const make = (project: Project, era: Era.Era, incoming: JsonRpc.Incoming): Call => {
  const meta = Era.metaOf(incoming)
  const { progressToken, traceparent } = meta
  const key = meta[idempotencyKey]
  return {
    ...project,
    era,
    progressToken:
      Predicate.isString(progressToken) || Predicate.isNumber(progressToken) ? progressToken : undefined,
    runId: Predicate.isString(key) && key !== "" ? Ids.derivedRunId("call", `mcp\n${key}`) : undefined,
    traceContext: Option.getOrUndefined(
      Option.map(
        TraceContext.ofHeader(Predicate.isString(traceparent) ? traceparent : undefined),
        TraceContext.ofSpan,
      ),
    ),
  }
}

/**
 * What a request comes to: `result`, after the notifications that belong to it, or after `wait`. Without either the result is there at once.
 * `wait` begins a wait that ends with the Scope: it calls `notify` with what its client is sent meanwhile, and `done` once it is over.
 */
export interface Outcome<E = Refusal> {
  readonly notifications?: Stream.Stream<JsonRpc.Notification>
  readonly wait?: (
    done: () => void,
    notify: (notification: JsonRpc.Notification) => void,
  ) => Effect.Effect<void, never, Scope.Scope>
  readonly result: Effect.Effect<JsonRpc.Params, E>
}
