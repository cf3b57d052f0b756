/**
 * The endpoints of the threads of AG-UI.
 */
import { PROTOCOL_VERSION } from "@ag-ui/core"
import type * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import {
  type AgentEvent,
  type BrowserToken,
  Ids,
  Interrupt,
  ResumeRules,
  type Run,
  RunLog,
  Runs,
} from "@runlease/core"
import { Context, Effect, Predicate, Stream } from "effect"
import type { group } from "../../Api/Threads.js"
import type { ThreadStatus, ThreadView } from "../../Wire/ThreadView.js"
import * as AgUiView from "../../agui/AgUiView.js"
import * as OlderForm from "../../agui/OlderForm.js"
import * as Peer from "../../agui/Peer.js"
import type * as ThreadFold from "../../agui/ThreadFold.js"
import { CurrentPrincipal, sharesOf } from "../../contract/Principal.js"
import * as Refusal from "../../contract/Refusal.js"
import { BodyBudget } from "../Bodies.js"
import * as Caller from "../Caller.js"
import * as EventStream from "../EventStream.js"
import type { Ports } from "../ProjectPorts.js"
import { Rebuilds } from "../Rebuilds.js"
import * as RunStream from "../RunStream.js"
import * as StreamTurns from "../StreamTurns.js"
import * as History from "./History.js"
import * as RunNames from "./RunNames.js"
import * as Thread from "./Thread.js"

// A thread as one closed run, for a client that comes to it.
//
// Source: https://docs.ag-ui.com/concepts/serialization

/**
 * Snapshots instead of what was streamed: streamed again, a client would append it to what it has. A state that is too
 * large is not restated.
 */
const events = (
  subject: AgUiView.Subject,
  peer: AgUiView.Peer,
  { messages, omittedMessages, state }: ThreadFold.Folded,
): ReadonlyArray<AgentEvent.LogEvent> => {
  const restated: AgentEvent.LogEvent = {
    type: "MESSAGES_SNAPSHOT",
    messages,
    ...(omittedMessages === 0 ? {} : { metadata: { "runlease.omittedMessages": omittedMessages } }),
  }
  return [
    { type: "RUN_STARTED", ...subject, protocolVersion: PROTOCOL_VERSION },
    ...(state === undefined ? [] : [{ type: "STATE_SNAPSHOT", snapshot: state }]),
    peer === "older" && OlderForm.differs(restated) ? OlderForm.of(restated) : restated,
    { type: "RUN_FINISHED", ...subject },
  ]
}

type Request<Name extends string> = HttpApiEndpoint.HttpApiEndpoint.Request<
  HttpApiEndpoint.HttpApiEndpoint.WithName<HttpApiGroup.HttpApiGroup.Endpoints<typeof group>, Name>
>

/** Up to here an answer is no larger than a page. */
const uncountedBytes = RunLog.maxReadBytes

const statusOf = (run: Run.Run | undefined): ThreadStatus => {
  switch (run?.status) {
    case "running":
      return "running"
    case "waiting":
      // Its client has nothing to do when it waits for no answer.
      return run.waiting !== null && ResumeRules.isPaused(run.waiting) ? "running" : "waiting"
    case "pending":
      return "queued"
    default:
      return "idle"
  }
}

/** Interrupts as the RUN_FINISHED of a run sends them to its client. */
const toldInterrupts = (interrupts: ReadonlyArray<Interrupt.Interrupt>): ThreadView["interrupts"] => {
  const { outcome } = AgUiView.normalize({
    type: "RUN_FINISHED",
    threadId: "",
    runId: "",
    outcome: { type: "interrupt", interrupts: interrupts.map(Interrupt.toEvent) },
  })
  return Predicate.isRecord(outcome) && Array.isArray(outcome["interrupts"]) ? outcome["interrupts"] : []
}

/** The interrupts that a run waits for, as its client takes them, and its calls of the client's own tools. */
const waitOf = (run: Run.Run | undefined): Pick<ThreadView, "interrupts" | "pendingToolCallIds"> => {
  const open = run === undefined ? [] : ResumeRules.openOf(run)
  return {
    interrupts: toldInterrupts(open.filter(({ clientTool }) => clientTool !== true)),
    pendingToolCallIds: open.flatMap(({ clientTool, id, toolCallId }) =>
      clientTool === true ? [toolCallId ?? id] : [],
    ),
  }
}

const tooMuchAtOnce = new Refusal.Refusal({
  httpStatus: 503,
  body: { error: "body_memory", detail: "Large threads take all the memory that they may; try again later" },
  headers: { "retry-after": "1" },
})

export const make = Effect.gen(function* () {
  const budget = yield* BodyBudget
  const rebuilds = yield* Rebuilds
  const streamTurns = yield* StreamTurns.StreamTurns
  /** Rebuilds a thread; what is larger than a page is counted until it has been sent. */
  const rebuild = <A, E, R>(
    read: Effect.Effect<A, E, R | StreamTurns.StreamTurns>,
    bytesOf: (value: A) => number,
  ) =>
    Effect.gen(function* () {
      const principal = yield* CurrentPrincipal
      const reading = Effect.provideService(read, StreamTurns.StreamTurns, streamTurns)
      const value = yield* rebuilds.inTurn(reading)
      const bytes = bytesOf(value)
      if (bytes > uncountedBytes && !(yield* budget.hold(sharesOf(principal), bytes))) {
        return yield* tooMuchAtOnce
      }
      return value
    })

  const threadOf = (scope: BrowserToken.Scope, name: string) =>
    Effect.gen(function* () {
      const { projectId } = yield* CurrentPrincipal
      const thread = yield* Thread.make(projectId, name)
      const ports = yield* Effect.catchTag(
        Caller.thread([scope], thread.conversationId),
        "ConversationNotFound",
        () => Thread.notFound(name),
      )
      yield* Thread.checkName(name)
      return { ports, thread }
    })

  /** The unfinished runs of a thread, of which another agent's may have come since the thread was admitted. */
  const unfinishedOf = (ports: Ports, thread: Thread.Thread) =>
    Effect.tap(History.unfinished(ports, thread), ({ current }) =>
      current === undefined ? Effect.void : Caller.agent(current.agentId),
    )

  return {
    thread: ({ path }: Request<"thread">) =>
      Effect.gen(function* () {
        const { ports, thread } = yield* threadOf("read", path.thread_id)
        const unfinished = yield* unfinishedOf(ports, thread)
        const { clientRunId, current, queued } = unfinished
        const folded = yield* rebuild(History.whole(ports, thread, unfinished), ({ bytes }) => bytes)
        return {
          threadId: thread.id,
          status: statusOf(current),
          runId: clientRunId ?? null,
          agentId: current?.agentId ?? null,
          queuedRunIds: queued.map(({ runId }) => runId),
          messages: folded.messages,
          omittedMessages: folded.omittedMessages,
          state: folded.state ?? null,
          stateOmitted: folded.stateOmitted,
          ...waitOf(current),
        }
      }),

    threadStream: ({ path, urlParams }: Request<"threadStream">) =>
      Effect.gen(function* () {
        const { ports, thread } = yield* threadOf("read", path.thread_id)
        const unfinished = yield* unfinishedOf(ports, thread)
        const { clientRunId, current } = unfinished
        const peer = Peer.of({ protocolVersion: urlParams.protocol_version })
        const { folded, from } = yield* rebuild(
          History.beforeCurrent(ports, thread, unfinished),
          (point) => point.folded.bytes,
        )
        const restated = events({ threadId: thread.id, runId: yield* Ids.uuidV7 }, peer, folded).map(
          (event) => EventStream.frame(JSON.stringify(event)),
        )
        if (current === undefined) return yield* EventStream.respond(Stream.fromIterable(restated))
        return yield* RunStream.respond(Context.get(ports, RunLog.RunLog), {
          runId: current.runId,
          as: { threadId: thread.id, runId: clientRunId ?? current.runId },
          from,
          peer,
          after: 0,
          before: restated,
        })
      }),

    stopThread: ({ path, payload }: Request<"stopThread">) =>
      Effect.gen(function* () {
        const { ports, thread } = yield* threadOf("stop", path.thread_id)
        const { clientRunId, current } = yield* unfinishedOf(ports, thread)
        const isNamed =
          payload.runId == null ||
          (yield* RunNames.idsOf(thread, payload.runId)).some((id) => id === clientRunId)
        if (current === undefined || !isNamed) return { stopped: false, runId: null }
        const { cancelled } = yield* Context.get(ports, Runs.Runs).cancel(current.runId)
        return { stopped: cancelled, runId: clientRunId ?? null }
      }),
  }
})
