/**
 * The endpoints of AG-UI.
 */
import type * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import { Ids, RunLog, Runs } from "@runlease/core"
import { AgUiMessages } from "@runlease/core/executor"
import { Context, Effect, Predicate, Schedule, Schema, Stream } from "effect"
import type { group } from "../../Api/AgUi.js"
import { lastEventIdHeader } from "../../Api/EventStream.js"
import type { RunAgentInput } from "../../Wire/RunAgentInput.js"
import * as AgUiView from "../../agui/AgUiView.js"
import * as Peer from "../../agui/Peer.js"
import * as ThreadNames from "../../agui/ThreadNames.js"
import { CurrentPrincipal } from "../../contract/Principal.js"
import * as Caller from "../Caller.js"
import * as EventStream from "../EventStream.js"
import { Revocation, Shutdown } from "../LongRequests.js"
import type { Ports } from "../ProjectPorts.js"
import * as RawRequest from "../RawRequest.js"
import * as RunStream from "../RunStream.js"
import type { Shown } from "../Views.js"
import * as Begin from "./Begin.js"
import * as Capabilities from "./Capabilities.js"
import * as History from "./History.js"
import * as RunNames from "./RunNames.js"
import * as Thread from "./Thread.js"

// Streams a run to its client, until it ends or waits.

interface Failure {
  readonly _tag: string
}

const isUnavailable = ({ _tag }: Failure): boolean => _tag === "ControlPlaneUnavailable"

/** Retries for a while, so that a short failure of the store leaves no run behind that its client has abandoned. */
const cancel = (ports: Ports, runId: Ids.RunId) =>
  Context.get(ports, Runs.Runs)
    .cancel(runId)
    .pipe(
      Effect.retry({
        while: isUnavailable,
        schedule: Schedule.intersect(Schedule.exponential("200 millis"), Schedule.recurs(6)),
      }),
      Effect.catchTag("RunNotFound", () => Effect.void),
      Effect.catchAll((error) =>
        Effect.logWarning(`Run ${runId}, which has no follower any more, could not be cancelled`, error),
      ),
    )

/** `begin` accepts or resumes the run, and returns the part of its log to stream. */
interface RunRequest<E, R> {
  readonly ports: Ports
  readonly begin: Effect.Effect<Shown, E, R>
  /** Whether the run continues without the client. */
  readonly detach: boolean
}

/**
 * Begins, and sends what comes of it. A client that leaves before the end cancels its run; a server that shuts down
 * does not, nor does a token that is revoked.
 */
const follow = Effect.fnUntraced(function* <E, R>({ begin, detach, ports }: RunRequest<E, R>) {
  const shutdown = yield* Shutdown
  const { isRevoked } = yield* Revocation
  let ended = false
  const shown = yield* Effect.acquireRelease(begin, ({ runId }) =>
    Effect.unlessEffect(
      Effect.unlessEffect(cancel(ports, runId), isRevoked),
      Effect.map(shutdown.hasBegun, (begun) => begun || ended || detach),
    ),
  )
  return yield* RunStream.respond(Context.get(ports, RunLog.RunLog), {
    ...shown,
    onEnd: () => {
      ended = true
    },
  })
})

// An input that is a message to the run of its thread which works, rather than a new run.
//
// Source: docs/decisions/0062-an-inbox.md

/** Whether the client requests it: `forwardedProps.runlease.steer` is true. */
const isAsked = ({ forwardedProps }: RunAgentInput): boolean =>
  Predicate.isRecord(forwardedProps) &&
  Predicate.isRecord(forwardedProps["runlease"]) &&
  forwardedProps["runlease"]["steer"] === true

/** The messages of the user behind the last one of the agent. */
const newMessages = ({ messages }: RunAgentInput) =>
  AgUiMessages.fromAgUi(messages.slice(messages.findLastIndex(({ role }) => role !== "user") + 1))

const isKey = Schema.is(Ids.text(200))

/**
 * Sends the messages of the input to the run of the thread that works, without the messages that the run has, by their ids: in its request, or among
 * those that were sent to it. False where the input is to be a new run: the client did not request it,
 * says nothing new, or no run of that agent works in the thread.
 */
const steer = Effect.fnUntraced(function* (
  ports: Ports,
  thread: Thread.Thread,
  input: RunAgentInput,
  agentId: Ids.AgentId,
) {
  const messages = isAsked(input) ? newMessages(input) : []
  if (messages.length === 0) return false
  const { current } = yield* History.unfinished(ports, thread)
  if (current === undefined || current.agentId !== agentId) return false
  const runs = Context.get(ports, Runs.Runs)
  // The history of a client that has heard nothing yet ends in what its run was submitted with, too.
  const sending = Effect.flatMap(runs.snapshot(current.runId), (request) => {
    const had = new Set(request.messages.map(({ id }) => id))
    return Effect.forEach(
      messages.filter(({ id }) => !had.has(id)),
      ({ id, parts }) => runs.tell(current.runId, { parts, ...(isKey(id) ? { idempotencyKey: id } : {}) }),
    )
  })
  // It may have ended by now.
  return yield* Effect.as(sending, true).pipe(
    Effect.catchTags({ RunEnded: () => Effect.succeed(false), RunNotFound: () => Effect.succeed(false) }),
  )
})

/** The answer to such an input: a run that says nothing. What the agent makes of the message is in the stream of the run that works. */
const respond = (input: RunAgentInput) => {
  const { runId, threadId } = input
  const view = AgUiView.make({ runId, threadId }, { peer: Peer.of(input) })
  const events = [
    { type: "RUN_STARTED", threadId, runId },
    { type: "RUN_FINISHED", threadId, runId, outcome: { type: "success" } },
  ].flatMap(view)
  return EventStream.respond(
    Stream.fromIterable(events.map((event) => EventStream.frame(JSON.stringify(event)))),
  )
}

type Request<Name extends string> = HttpApiEndpoint.HttpApiEndpoint.Request<
  HttpApiEndpoint.HttpApiEndpoint.WithName<HttpApiGroup.HttpApiGroup.Endpoints<typeof group>, Name>
>

export const runAgent = ({ headers, path, payload, request, urlParams }: Request<"runAgent">) =>
  Effect.gen(function* () {
    const { projectId } = yield* CurrentPrincipal
    const thread = yield* Thread.make(projectId, ThreadNames.nameOf(payload))
    const ports = yield* Effect.catchTag(
      Caller.thread(["read", "write"], thread.conversationId),
      "ConversationNotFound",
      () => Thread.notFound(payload.threadId),
    )
    yield* Caller.submission({
      agentId: path.agent_id,
      conversationId: thread.conversationId,
      implementationKind: urlParams.implementation_kind,
      workerKey: urlParams.worker_key,
    })
    yield* Caller.answers(payload.resume ?? [])
    const { derived, input } = yield* RunNames.resolve(thread, payload)
    yield* Effect.forEach(input.warnings, (warning) => Effect.logWarning(`Run ${input.runId}: ${warning}`))
    if (yield* steer(ports, thread, input, path.agent_id)) return yield* respond(input)
    const begin = Begin.begin(ports, thread, input, {
      agentId: path.agent_id,
      derived,
      implementationKind: urlParams.implementation_kind,
      workerKey: urlParams.worker_key,
      traceContext: RawRequest.traceContext(request.headers),
      refusesBusy: urlParams.busy === "refuse",
    })
    return yield* follow({
      ports,
      detach: (urlParams.detach ?? false) || !(yield* Caller.mayStop),
      begin: Effect.map(begin, ({ from, runId }) => ({
        runId,
        from,
        as: { threadId: input.threadId, runId: input.runId },
        peer: Peer.of(input),
        after: headers[lastEventIdHeader] ?? 0,
      })),
    })
  })

export const capabilities = ({ path }: Request<"capabilities">) =>
  Effect.flatMap(Caller.ports, (ports) => Capabilities.ofAgent(ports, path.agent_id))
