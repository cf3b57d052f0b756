/** Conversations: their messages, and their runs with what these say. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Ids, Run } from "@runlease/core"
import { Schema } from "effect"
import { JsonBody } from "../contract/Body.js"
import { Authorization } from "../contract/Principal.js"
import * as Refusal from "../contract/Refusal.js"
import { strict } from "../contract/Strict.js"
import { Deleted, pageParams, nullish, orEmpty, pageOf, Timestamp } from "../Wire.js"
import {
  Conversation,
  ConversationChange,
  Message,
  NewBranch,
  NewConversation,
  NewMessage,
} from "../Wire/Conversation.js"
import { ConversationRun } from "../Wire/Run.js"
import { Events } from "../Wire/LogEntry.js"
import { EventStreamText, StreamHeaders } from "./EventStream.js"
import { Fence } from "./Fence.js"
import * as RunFilter from "./RunFilter.js"

const conversationPath = Schema.Struct({ conversation_id: Ids.ConversationId })
const runPath = Schema.Struct({ conversation_id: Ids.ConversationId, run_id: Ids.RunId })

/** Which conversations a list has. Server/MetadataQuery.ts reads the conditions on metadata. */
const listParams = Schema.Struct({
  ...pageParams,
  text: RunFilter.searchText,
  agent_id: RunFilter.repeated(Ids.AgentId),
  updated_after: Schema.optional(Timestamp),
  updated_before: Schema.optional(Timestamp),
})

export const Append = Schema.Struct({
  events: Events,
  expected_previous_event_id: nullish(Run.EventId),
  expected_previous_external_event_sequence: nullish(Run.Sequence),
})

export const Appended = Schema.Struct({
  latest_event_id: Run.EventId,
  latest_external_event_sequence: Run.Sequence,
  appended_count: Schema.NonNegativeInt,
  inbox: Schema.optional(Schema.NonNegativeInt).annotations({
    description: "(ours) How many messages the run has; absent for none",
  }),
  run: ConversationRun,
})

export const group = HttpApiGroup.make("conversations")
  .add(
    HttpApiEndpoint.post("create", "/conversations")
      .setPayload(strict(orEmpty(NewConversation, {})))
      .addSuccess(Conversation, { status: 201 })
      .annotateContext(
        OpenApi.annotations({
          summary: "Create a conversation",
          description: "An id that exists in the project returns the conversation that is there.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("list", "/conversations")
      .setUrlParams(listParams)
      .addSuccess(pageOf(Conversation))
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "List the conversations of a project",
          description:
            "(ours) The one that was updated last first: `updated_at` is when it was created or changed, got a message, or was named by the submission of a run. A conversation that a run has made for itself is not in the list until it gets a title, metadata or a message, or another submission names it. `text` is in the title. `agent_id` is the agent of one of the 100 newest runs of the conversation, and `metadata.customer.plan` a value in its metadata; both may be there several times: the conversations have one of the values. `updated_after` and `updated_before` bound `updated_at`, the second is not in it. A page with conditions on the title, the agent or metadata looks at 5,000 conversations at most, so it may be short or empty while there is a next one. 422 `invalid_filter` where the name of a condition is none.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("conversation", "/conversations/:conversation_id")
      .setPath(conversationPath)
      .addSuccess(Conversation)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read a conversation",
          description: "Its messages are at …/messages.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.patch("change", "/conversations/:conversation_id")
      .setPath(conversationPath)
      .setPayload(strict(ConversationChange))
      .addSuccess(Conversation)
      .annotateContext(
        OpenApi.annotations({
          summary: "Change a conversation",
          description: "Absent fields stay, null removes. New `metadata` takes the place of all of it.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.del("remove", "/conversations/:conversation_id")
      .setPath(conversationPath)
      .addSuccess(Deleted)
      .addError(Refusal.Conflict)
      .annotateContext(
        OpenApi.annotations({
          summary: "Delete a conversation",
          description:
            "(ours) With its messages, its runs and their logs, many at a time. 409 `conversation_in_use` names a run that has not ended, or whose parent or child has not: cancel it first. A call that was cut off is continued by the next one.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("branch", "/conversations/:conversation_id/branches")
      .setPath(conversationPath)
      .setPayload(strict(NewBranch))
      .addSuccess(Conversation, { status: 201 })
      .addError(Refusal.Unprocessable)
      .annotateContext(
        OpenApi.annotations({
          summary: "Branch a conversation at a message",
          description:
            "(ours) A new conversation with copies of the messages up to `message_id`, and no runs. An `id` that exists in the project returns the conversation that is there. 422 `branch_no_message` where the conversation has no such message, `branch_too_large` beyond 1,000 messages or 4 MiB of them.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("addMessage", "/conversations/:conversation_id/messages")
      .setPath(conversationPath)
      .setPayload(strict(NewMessage))
      .addSuccess(Message, { status: 201 })
      .annotateContext(
        OpenApi.annotations({
          summary: "Add a message",
          description: "Adding again with the same `idempotency_key` returns the first message.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("messages", "/conversations/:conversation_id/messages")
      .setPath(conversationPath)
      .setUrlParams(Schema.Struct(pageParams))
      .addSuccess(pageOf(Message))
      .annotateContext(
        OpenApi.annotations({ summary: "List the messages of a conversation", description: "Oldest first." }),
      ),
  )
  .add(
    HttpApiEndpoint.get("conversationRun", "/conversations/:conversation_id/runs/:run_id")
      .setPath(runPath)
      .addSuccess(ConversationRun)
      .annotateContext(
        OpenApi.annotations({
          summary: "Read a run of a conversation",
          description: "Readable at once after it was submitted.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.post("append", "/conversations/:conversation_id/runs/:run_id/events")
      .setPath(runPath)
      .setHeaders(Fence)
      .setPayload(Append)
      .addSuccess(Appended)
      .annotateContext(
        OpenApi.annotations({
          summary: "Append events to a run",
          description:
            "All or nothing. Safe to repeat with a cursor: what is there already is not appended twice. What comes with the token of a run is next to the events of its worker: it gets no external sequence and has no cursor, and events that only the worker or the control plane writes are refused (`event_reserved`). So are CUSTOM events of an API key whose name begins with `runlease.`.",
        }),
      ),
  )
  .add(
    HttpApiEndpoint.get("stream", "/conversations/:conversation_id/runs/:run_id/stream")
      .setPath(runPath)
      .setHeaders(StreamHeaders)
      .addSuccess(EventStreamText)
      .annotateContext(
        OpenApi.annotations({
          summary: "Follow the AG-UI events of a run",
          description:
            "Valid AG-UI 1.0, whatever the log holds. Resumes after `Last-Event-ID`, and ends after the terminal event.",
        }),
      ),
  )
  .addError(Refusal.Forbidden)
  .addError(Refusal.NotFound)
  .middleware(JsonBody)
  .middleware(Authorization)
  .annotateContext(
    OpenApi.annotations({ title: "Conversations", description: "Messages, and the events of runs." }),
  )
