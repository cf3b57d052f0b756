import { Access, Conversations, type Ids, Run, Runs } from "@runlease/core"
import { Cache, Context, Data, Duration, Effect, Exit, identity } from "effect"
import { lastEventIdHeader } from "../Api/EventStream.js"
import { Conversation, Message } from "../Wire/Conversation.js"
import { CurrentPrincipal } from "../contract/Principal.js"
import * as Caller from "./Caller.js"
import { group } from "./Group.js"
import * as ListRows from "./ListRows.js"
import * as MetadataQuery from "./MetadataQuery.js"
import { type Ports, ProjectPortsCache } from "./ProjectPorts.js"
import * as ReachedRun from "./ReachedRun.js"
import * as Workers from "./Workers.js"

// The conversation of a run, read once and cached: only a run that was pruned makes room for another of
// its id elsewhere.

class RunKey extends Data.Class<{ readonly projectId: Ids.ProjectId; readonly runId: Ids.RunId }> {}

const capacity = 10_000

/** Checks that a run is in a conversation of a project; elsewhere it does not exist. */
export const make = Effect.gen(function* () {
  const projects = yield* ProjectPortsCache
  const conversations = yield* Cache.makeWith({
    capacity,
    timeToLive: Exit.match({ onFailure: () => Duration.zero, onSuccess: () => Duration.infinity }),
    lookup: ({ projectId, runId }: RunKey) =>
      Effect.map(Context.get(projects.ports(projectId), Runs.Runs).get(runId), (run) => run.conversationId),
  })
  return {
    check: Effect.fnUntraced(function* (
      projectId: Ids.ProjectId,
      conversationId: Ids.ConversationId,
      runId: Ids.RunId,
    ) {
      const key = new RunKey({ projectId, runId })
      if ((yield* conversations.get(key)) === conversationId) return
      yield* conversations.invalidate(key)
      if ((yield* conversations.get(key)) !== conversationId) return yield* new Run.RunNotFound({ runId })
    }),
  }
})

/** The conversations of the caller's ports. */
const of = <E, R>(ports: Effect.Effect<Ports, E, R>) =>
  Effect.map(ports, (context) => Context.get(context, Conversations.Conversations))

export const layer = group("conversations", (handlers) =>
  Effect.gen(function* () {
    const places = yield* make

    return handlers
      .handle("create", ({ payload }) =>
        Effect.gen(function* () {
          const { id, ports } = yield* Caller.newConversation(payload.id ?? undefined)
          const { projectId } = yield* CurrentPrincipal
          if (payload.project_id != null && payload.project_id !== projectId) {
            return yield* new Access.ProjectNotFound({ reference: payload.project_id })
          }
          const conversations = Context.get(ports, Conversations.Conversations)
          return yield* conversations.create({
            id,
            title: payload.title,
            metadata: payload.metadata,
          })
        }),
      )
      .handle("conversation", ({ path }) =>
        Effect.gen(function* () {
          const conversations = yield* of(Caller.conversation(["read"], path.conversation_id))
          return yield* conversations.get(path.conversation_id)
        }),
      )
      .handle("list", ({ urlParams }) =>
        Effect.gen(function* () {
          const conversations = yield* of(Caller.ports)
          const { agent_id: agentId, updated_after: from, updated_before: to, ...others } = urlParams
          const filter = { ...others, agentId, from, to, ...(yield* MetadataQuery.read) }
          const page = yield* conversations.list(filter)
          return yield* ListRows.respond(Conversation, page, identity, ({ id }) => id, urlParams)
        }),
      )
      .handle("change", ({ path, payload }) =>
        Effect.gen(function* () {
          const conversations = yield* of(Caller.conversation(["write"], path.conversation_id))
          return yield* conversations.update(path.conversation_id, payload)
        }),
      )
      .handle("remove", ({ path }) =>
        Effect.gen(function* () {
          const conversations = yield* of(Caller.ports)
          yield* conversations.remove(path.conversation_id)
          return { deleted: true }
        }),
      )
      .handle("branch", ({ path, payload: { id, message_id: messageId, title } }) =>
        Effect.gen(function* () {
          const conversations = yield* of(Caller.ports)
          return yield* conversations.branch(path.conversation_id, { messageId, id: id ?? undefined, title })
        }),
      )
      .handle("addMessage", ({ path, payload }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.conversation(["write"], path.conversation_id)
          yield* Caller.speaker(payload.role)
          const conversations = Context.get(ports, Conversations.Conversations)
          return yield* conversations.addMessage(path.conversation_id, payload)
        }),
      )
      .handle("messages", ({ path, urlParams }) =>
        Effect.gen(function* () {
          const conversations = yield* of(Caller.conversation(["read"], path.conversation_id))
          const page = yield* conversations.messages(path.conversation_id, urlParams)
          return yield* ListRows.respond(Message, page, identity, ({ id }) => id, urlParams)
        }),
      )
      .handle("conversationRun", ({ path }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.run("read", path.run_id)
          const { projectId } = yield* CurrentPrincipal
          yield* places.check(projectId, path.conversation_id, path.run_id)
          return yield* Context.get(ports, Runs.Runs).get(path.run_id)
        }),
      )
      .handle("append", ({ headers, path, payload }) =>
        Effect.gen(function* () {
          const program = yield* Caller.program(path)
          const ports = program?.ports ?? (yield* Caller.keyOrWorker)
          const { projectId } = yield* CurrentPrincipal
          yield* places.check(projectId, path.conversation_id, path.run_id)
          const appended =
            program === undefined
              ? Workers.append(ports, path.run_id, payload, yield* Caller.fence(ports, path.run_id, headers))
              : Workers.appendBeside(program, payload)
          return { ...(yield* appended), run: yield* Context.get(ports, Runs.Runs).get(path.run_id) }
        }),
      )
      .handleRaw("stream", ({ headers, path }) =>
        Effect.gen(function* () {
          const ports = yield* Caller.run("read", path.run_id)
          const run = yield* Context.get(ports, Runs.Runs).get(path.run_id)
          if (run.conversationId !== path.conversation_id) {
            return yield* new Run.RunNotFound({ runId: path.run_id })
          }
          return yield* ReachedRun.stream(ports, run, headers[lastEventIdHeader])
        }),
      )
  }),
)
