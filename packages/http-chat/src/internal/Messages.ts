/**
 * The messages of a chat, for a page that comes back: those of the last request, and the answer once that has ended.
 *
 * An answer is made by the AI SDK of the chunks that its stream has, so a page has the same message from both.
 *
 * Source: docs/decisions/0162-a-page-that-comes-back.md
 */
import { AgentEvent, Json, type RequestSnapshot, Run, Runs } from "@runlease/core"
import * as Refusal from "@runlease/http/Refusal"
import type { Ports } from "@runlease/http/face/Caller"
import { maxBytes } from "@runlease/http/face/Endpoint"
import type * as Face from "@runlease/http/face/Face"
import * as Log from "@runlease/http/face/Log"
import * as Thread from "@runlease/http/face/Thread"
import * as Turns from "@runlease/http/face/Turns"
import { Context, Effect } from "effect"
import * as ChatView from "./ChatView.js"
import type { Chunk } from "./Chunk.js"
import { chatOf, reader, type Request } from "./Endpoints.js"
import { type ChatMessages, maxShown, sdkHeader } from "./Group.js"
import * as Input from "./Input.js"
import * as OlderSdk from "./OlderSdk.js"
import * as Part from "./Part.js"
import * as Restated from "./Restated.js"
import * as Sdk from "./Sdk.js"
import * as Stated from "./Stated.js"
import * as UiMessages from "./UiMessages.js"

type UiMessage = UiMessages.UiMessage

/** The run whose messages are those of the chat: the one that has its turn, or else the newest of the agent. */
const newest = Effect.fnUntraced(function* (
  ports: Ports,
  thread: Thread.Thread,
  agentId: Run.Run["agentId"],
) {
  const { current } = yield* Thread.unfinished(ports, thread)
  return current?.agentId === agentId
    ? current
    : (yield* Thread.runs(ports, thread, { agentId, limit: 1 }))[0]
})

/** Chunks that say nothing of a message, or end its stream. */
const isOfMessage = ({ transient, type }: Chunk): boolean =>
  transient !== true && !["abort", "error", "finish", "[DONE]"].includes(type)

/** The chunks of an answer that has ended; undefined where they are more than a page can post. */
const chunksOf = Effect.fnUntraced(function* (
  ports: Ports,
  run: Run.Run,
  snapshot: RequestSnapshot.RequestSnapshot,
  version: OlderSdk.Version | undefined,
) {
  const { runId } = run
  const { answered, passed } = yield* Part.standing(ports, run)
  const continuedIn = UiMessages.continuedIn(snapshot.messages)
  const fold = ChatView.fold({
    runId,
    messageId: continuedIn?.id ?? Input.answerId(runId),
    goesOn: false,
    answered,
    version,
    ...(continuedIn === undefined ? {} : { restated: Restated.chunksOf(continuedIn.parts) }),
  })
  const chunks: Array<Chunk> = []
  let bytes = 0
  // An input that the run has accepted since has what was before it.
  const after = Run.EventId.make(snapshot.asOf ?? 0)
  yield* Log.fold(ports, { runId, after }, ({ event, eventId, sequence }) => {
    const isEnd = sequence === null && eventId > passed && AgentEvent.endsRun(event)
    for (const chunk of fold.next(event, isEnd).filter(isOfMessage)) {
      bytes += Json.lengthOf(chunk)
      if (bytes <= maxBytes) chunks.push(chunk)
    }
  })
  return bytes > maxBytes ? undefined : chunks
})

/** A message before the answer, as the request has it. */
const ofStated = (
  { id, metadata, role, steps }: Stated.Stated,
  version: OlderSdk.Version | undefined = "7",
): Effect.Effect<UiMessage> => {
  const own = metadata === undefined ? {} : { metadata }
  if (role !== "assistant") return Effect.succeed({ id, role, parts: steps.flat(), ...own })
  const start = {
    type: "start",
    messageId: id,
    ...(metadata === undefined ? {} : { messageMetadata: metadata }),
  }
  const chunks = [start, ...Restated.chunksOf(steps)]
  return Sdk.messageOf(version === "7" ? chunks : chunks.flatMap((chunk) => OlderSdk.of(version, chunk)))
}

/** The answer, and before it the newest messages, as many as a page takes; and how many that leaves out. */
const bounded = Effect.fnUntraced(function* (
  stated: ReadonlyArray<Stated.Stated>,
  answer: ReadonlyArray<UiMessage>,
  version: OlderSdk.Version | undefined,
) {
  const turn = yield* Turns.turns
  const before: Array<UiMessage> = []
  let bytes = Json.lengthOf(answer)
  for (const one of stated.slice(-(maxShown - answer.length)).toReversed()) {
    const message = yield* ofStated(one, version)
    bytes += Json.lengthOf(message)
    if (bytes > maxBytes) break
    before.push(message)
    yield* turn
  }
  return { messages: [...before.toReversed(), ...answer], omitted: stated.length - before.length }
})

const read = Effect.fnUntraced(function* (ports: Ports, run: Run.Run, version: OlderSdk.Version | undefined) {
  const snapshot = yield* Context.get(ports, Runs.Runs).snapshot(run.runId)
  const continued = UiMessages.continuedIn(snapshot.messages)?.id
  const stated = Stated.ofSnapshot(snapshot.messages)
  const before = continued === undefined ? stated : stated.filter(({ id }) => id !== continued)
  if (!Run.isTerminal(run.status)) return yield* bounded(before, [], version)
  const chunks = yield* chunksOf(ports, run, snapshot, version)
  // Without its end, a page would take what is before it for the whole.
  if (chunks === undefined) return { messages: [], omitted: before.length + 1 }
  const answer = chunks.length === 0 ? [] : [yield* Sdk.messageOf(chunks)]
  const shown = answer.filter(({ parts }) => parts.length > 0)
  return yield* bounded(before, shown, version)
})

export const messages = ({
  headers,
  path,
}: Request<"messages">): Effect.Effect<typeof ChatMessages.Type, Face.Failure, Face.Requirements> =>
  Effect.gen(function* () {
    const { ports, thread } = yield* reader(chatOf(path))
    const run = yield* newest(ports, thread, path.agent_id)
    if (run === undefined) {
      return yield* Refusal.make(
        404,
        "chat_not_found",
        `Chat ${path.chat_id} has no message to agent ${path.agent_id}: send the first one to POST /chat/${path.agent_id}`,
        { field: "chat_id" },
      )
    }
    const { inTurn } = yield* Turns.Rebuilds
    return yield* inTurn(read(ports, run, headers[sdkHeader]))
  })
