/**
 * The conversation of a run, read once and cached: only a run that was pruned makes room for another of
 * its id elsewhere.
 */
import { type Ids, Run, Runs } from "@runlease/core"
import { Cache, Context, Data, Duration, Effect, Exit } from "effect"
import { ProjectPortsCache } from "./ProjectPorts.js"

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
