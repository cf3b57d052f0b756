import { HttpApiBuilder } from "@effect/platform"
import { Access, Conversations, Run, RunLog, Runs } from "@runlease/core"
import { Context, Effect, Stream } from "effect"
import * as AgUiView from "../AgUiView.js"
import { Api } from "../Api.js"
import { lastEventIdHeader } from "../Api/Conversations.js"
import { CurrentPrincipal } from "../Principal.js"
import { pageInfo } from "../Wire.js"
import * as Caller from "./Caller.js"
import * as EventStream from "./EventStream.js"
import * as Refusals from "./Refusals.js"
import * as RunPlaces from "./RunPlaces.js"

export const layer = HttpApiBuilder.group(Api, "conversations", (handlers) =>
  Effect.gen(function* () {
    const places = yield* RunPlaces.make

    return handlers
      .handle("create", ({ payload }) =>
        Effect.gen(function* () {
          const key = yield* Caller.apiKey
          if (payload.project_id != null && payload.project_id !== key.projectId) {
            return yield* new Access.ProjectNotFound({ reference: payload.project_id })
          }
          const conversations = Context.get(yield* Caller.ports, Conversations.Conversations)
          return yield* conversations.create({
            id: payload.id ?? undefined,
            title: payload.title,
            metadata: payload.metadata,
          })
        }).pipe(Effect.mapError(Refusals.of)),
      )
      .handle("conversation", ({ path }) =>
        Effect.gen(function* () {
          const conversations = Context.get(yield* Caller.ports, Conversations.Conversations)
          return yield* conversations.get(path.conversation_id)
        }).pipe(Effect.mapError(Refusals.of)),
      )
      .handle("addMessage", ({ path, payload }) =>
        Effect.gen(function* () {
          const conversations = Context.get(yield* Caller.ports, Conversations.Conversations)
          return yield* conversations.addMessage(path.conversation_id, payload)
        }).pipe(Effect.mapError(Refusals.of)),
      )
      .handle("messages", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const conversations = Context.get(yield* Caller.ports, Conversations.Conversations)
          const page = yield* conversations.messages(path.conversation_id, urlParams)
          return { data: page.items, page_info: pageInfo(urlParams.cursor, page.next) }
        }).pipe(Effect.mapError(Refusals.of)),
      )
      .handle("conversationRun", ({ path }) =>
        Effect.gen(function* () {
          const { projectId } = yield* Caller.apiKey
          yield* places.check(projectId, path.conversation_id, path.run_id)
          return yield* Context.get(yield* Caller.ports, Runs.Runs).get(path.run_id)
        }).pipe(Effect.mapError(Refusals.of)),
      )
      .handle("append", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const { projectId } = yield* CurrentPrincipal
          yield* places.check(projectId, path.conversation_id, path.run_id)
          const ports = yield* Caller.anyone
          const fence = yield* Caller.fence(ports, path.run_id, headers)
          const appended = yield* Context.get(ports, RunLog.RunLog).append({
            runId: path.run_id,
            events: payload.events,
            expectedEventId: payload.expected_previous_event_id ?? undefined,
            expectedSequence: payload.expected_previous_external_event_sequence ?? undefined,
            fence,
          })
          return {
            latest_event_id: appended.latestEventId,
            latest_external_event_sequence: appended.latestSequence,
            appended_count: appended.appendedCount,
            run: yield* Context.get(ports, Runs.Runs).get(path.run_id),
          }
        }).pipe(Effect.mapError(Refusals.of)),
      )
      .handleRaw("stream", ({ headers, path }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.ports
          const run = yield* Context.get(ports, Runs.Runs).get(path.run_id)
          if (run.conversationId !== path.conversation_id) {
            return yield* new Run.RunNotFound({ runId: path.run_id })
          }
          const log = Context.get(ports, RunLog.RunLog)
          const seen = headers[lastEventIdHeader] ?? 0
          // The view depends on all that went before, so what the client has seen is folded, and not sent.
          return yield* log.follow({ runId: path.run_id }).pipe(
            AgUiView.transform({ runId: path.run_id, threadId: path.conversation_id }),
            Stream.mapConcat((step) => (step.eventId > seen ? step.events : [])),
            Stream.map(({ event, id }) => EventStream.frame(event, id)),
            EventStream.respond,
          )
        }).pipe(Effect.mapError(Refusals.of)),
      )
  }),
)
