/** Conversations, as the runs that are loaded show them. */
import type * as Json from "@runlease/http/Json"
import type { RunStatus } from "../../ui/State"

export interface ConversationGroup {
  readonly id: string
  /** The title of its newest run that has one. */
  readonly title: string | null
  /** The state of its newest run. */
  readonly status: RunStatus
  readonly agents: ReadonlyArray<string>
  /** How many of its runs are loaded. */
  readonly runs: number
  /** When the last of them changed. */
  readonly activeAt: string
}

/** `runs`: the newest first. The conversations are in the order of their newest runs. */
export const groupsOf = (runs: ReadonlyArray<Json.RunSummary>): ReadonlyArray<ConversationGroup> => {
  const groups = new Map<string, ConversationGroup>()
  for (const run of runs) {
    const id = run.conversation_id
    const group = groups.get(id)
    if (group === undefined) {
      groups.set(id, {
        id,
        title: run.title,
        status: run.status,
        agents: [run.agent_id],
        runs: 1,
        activeAt: run.updated_at,
      })
    } else {
      groups.set(id, {
        ...group,
        title: group.title ?? run.title,
        agents: group.agents.includes(run.agent_id) ? group.agents : [...group.agents, run.agent_id],
        runs: group.runs + 1,
        activeAt: run.updated_at > group.activeAt ? run.updated_at : group.activeAt,
      })
    }
  }
  return [...groups.values()]
}
