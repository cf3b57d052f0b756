/**
 * The clients of a control plane in chaos. They write down each call: when it was sent, and what they were answered, if anything.
 */
import { FetchHttpClient } from "@effect/platform"
import {
  AgentEvent,
  type ControlPlane,
  ControlPlaneUnavailable,
  Ids,
  RunLog,
  Run,
  Runs,
} from "@runlease/core"
import { Client } from "@runlease/http"
import { Cause, Context, Effect, Exit, Layer, Option, Redacted, Schedule, type Scope, Stream } from "effect"
import * as Clients from "../../../testkit/src/simulation/Clients.js"
import type { Link } from "../../../testkit/src/simulation/Network.js"
import type { Recorder } from "../../../testkit/src/simulation/Recorder.js"
import * as RemotePorts from "../../../testkit/src/simulation/RemotePorts.js"
import type { Task } from "./Workload.js"

/** The ports of a project as a client has them. */
export type Ports = Context.Context<ControlPlane.ProjectPorts>

const isUnavailable = <E>(exit: Exit.Exit<unknown, E>): boolean =>
  Exit.isFailure(exit) &&
  Option.exists(
    Cause.failureOption(exit.cause),
    (error) => error instanceof ControlPlaneUnavailable.ControlPlaneUnavailable,
  )

/** What is known of a request is its answer: without one, nobody knows whether it was executed. */
const link: Link = {
  request: ({ executed, received, serve }) =>
    Effect.onExit(serve, (exit) =>
      Effect.sync(() => {
        if (!isUnavailable(exit) && !Exit.isInterrupted(exit)) executed(exit)
        received(exit)
      }),
    ),
  pushes: (_operation, stream) => Stream.orDie(stream),
  reset: () => {},
}

/** The ports of the server at `url`. `recorded` are those whose calls are written down. */
export const connect = Effect.fnUntraced(function* (
  url: string,
  apiKey: string,
  recorder: Recorder,
  name: string,
) {
  const direct = yield* Layer.build(
    Client.layerWith({ baseUrl: url, token: Redacted.make(apiKey) }).pipe(
      Layer.provide(FetchHttpClient.layer),
    ),
  )
  return { direct, recorded: RemotePorts.make(direct, link, recorder, name) }
})

/** How often a client asks again. */
const pause = "500 millis"

const untilAnswered = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.retry(effect, {
    schedule: Schedule.spaced(pause),
    while: ({ _tag }) => _tag === "ControlPlaneUnavailable",
  })

/** Looks at a run until it has ended. */
const untilEnded = (runId: Ids.RunId) =>
  Effect.flatMap(Runs.Runs, (runs) =>
    Effect.repeat(untilAnswered(runs.get(runId)), {
      schedule: Schedule.spaced("1 second"),
      until: ({ status }) => Run.isTerminal(status),
    }),
  )

/** How many events a client appends to a run of its own. */
const ownEvents = 8

/** Appends to a run without a lease, and ends it. */
const appendTo = (runId: Ids.RunId) =>
  Effect.gen(function* () {
    const log = yield* RunLog.RunLog
    const runs = yield* Runs.Runs
    for (let after = 0; after < ownEvents; after += 1) {
      const token = { token: `${runId} ${after}`, epoch: 0, run: runId }
      yield* untilAnswered(
        log.append({
          runId,
          events: [AgentEvent.custom("simulation.token", token)],
          expectedSequence: Run.Sequence.make(after),
        }),
      )
      yield* Effect.sleep("100 millis")
    }
    yield* untilAnswered(runs.complete(runId, { status: "completed", result: runId }))
  })

/** Submits the run of a task, does to it what is to do, and waits until it has ended. A request that is refused is not sent again. */
export const perform = (seed: number, { actions, agent, run }: Task) => {
  const runId = Ids.RunId.make(run.name)
  const submit = Clients.submit(seed, () => ({ agentId: agent }), run)
  return Effect.all(
    [
      Effect.zipRight(submit, agent === "client" ? appendTo(runId) : Effect.void),
      ...run.repeats.map((millis) => Effect.delay(submit, millis)),
      ...actions.map((action) => Effect.delay(Clients.act(action), action.at)),
    ].map((each) => Effect.exit(each)),
    { concurrency: "unbounded", discard: true },
  ).pipe(Effect.zipRight(untilEnded(runId)))
}

/** Answers what runs ask for, and tells them what they wait for, for ever. */
export const attend: (ports: Ports) => Effect.Effect<void, never, Scope.Scope> = (ports) =>
  Effect.asVoid(Effect.forkScoped(Effect.provide(Clients.attend("attendant", false), ports)))
