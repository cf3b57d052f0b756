/**
 * Reads runs from the server. Other servers show less on /runs, and the rest in the conversation.
 *
 * @since 0.1.0
 */
import { type ControlPlaneError, Ids, Run } from "@runlease/core"
import { Context, Effect, Option, Schema } from "effect"
import * as CanonicalRun from "../Wire/CanonicalRun.js"
import { ConversationRun } from "../Wire/ConversationRun.js"
import * as MetadataOutcome from "../Wire/MetadataOutcome.js"
import { Extensions } from "./Extensions.js"
import { path, Transport } from "./Transport.js"

type Failure = Run.RunNotFound | ControlPlaneError.ControlPlaneError

export class RunLookup extends Context.Tag("@runlease/http/client/RunLookup")<
  RunLookup,
  {
    readonly get: (runId: Ids.RunId) => Effect.Effect<Run.Run, Failure>
    readonly toRun: (canonical: CanonicalRun.CanonicalRun) => Effect.Effect<Run.Run, Failure>

    /** The conversation of a run, read once and cached. */
    readonly conversationOf: (runId: Ids.RunId) => Effect.Effect<Ids.ConversationId, Failure>
    readonly learn: (runId: Ids.RunId, conversationId: Ids.ConversationId) => void

    /** Drops the run from the cache: it was pruned, and another run may have its id. */
    readonly forget: (runId: Ids.RunId) => Effect.Effect<void>
  }
>() {}

const capacity = 10_000

const decodeConversationId = Schema.decodeUnknownOption(Ids.ConversationId)

export const make: Effect.Effect<Context.Tag.Service<RunLookup>, never, Extensions | Transport> = Effect.gen(
  function* () {
    const transport = yield* Transport
    const extensions = yield* Extensions

    const canonical = (runId: Ids.RunId) =>
      transport.call(
        {
          operation: "Runs.get",
          method: "GET",
          path: path`/runs/${runId}`,
          success: CanonicalRun.CanonicalRun,
        },
        ["RunNotFound"],
        { runId },
      )

    const conversationIn = (
      run: CanonicalRun.CanonicalRun,
    ): Effect.Effect<Ids.ConversationId, Run.RunNotFound> =>
      Option.match(run.owner.kind === "conversation" ? decodeConversationId(run.owner.id) : Option.none(), {
        onNone: () => Effect.fail(new Run.RunNotFound({ runId: run.run_id })),
        onSome: Effect.succeed,
      })

    // The conversation of each run that is claimed is written here, so it is a plain Map. The oldest one goes first.
    const conversations = new Map<Ids.RunId, Ids.ConversationId>()
    const learn = (runId: Ids.RunId, conversationId: Ids.ConversationId): void => {
      conversations.set(runId, conversationId)
      if (conversations.size <= capacity) return
      for (const oldest of conversations.keys()) return void conversations.delete(oldest)
    }

    const inConversation = Effect.fnUntraced(function* (run: CanonicalRun.CanonicalRun) {
      const conversationId = yield* conversationIn(run)
      return yield* transport.call(
        {
          operation: "Runs.get",
          method: "GET",
          path: path`/conversations/${conversationId}/runs/${run.run_id}`,
          success: ConversationRun,
        },
        ["RunNotFound"],
        { runId: run.run_id },
      )
    })

    const toRun = (run: CanonicalRun.CanonicalRun) =>
      CanonicalRun.toRun(run).pipe(
        Option.match({ onNone: () => inConversation(run), onSome: Effect.succeed }),
        Effect.map((found) =>
          extensions
            ? found
            : MetadataOutcome.fromPublic({ ...found, metadata: found.metadata ?? run.metadata ?? null }),
        ),
        Effect.tap(({ conversationId, runId }) => Effect.sync(() => learn(runId, conversationId))),
      )

    return {
      toRun,
      get: (runId: Ids.RunId) => Effect.flatMap(canonical(runId), toRun),
      conversationOf: (runId) =>
        Effect.suspend(() => {
          const cached = conversations.get(runId)
          if (cached !== undefined) return Effect.succeed(cached)
          return Effect.tap(Effect.flatMap(canonical(runId), conversationIn), (conversationId) =>
            Effect.sync(() => learn(runId, conversationId)),
          )
        }),
      learn,
      forget: (runId) => Effect.sync(() => conversations.delete(runId)),
    }
  },
)
