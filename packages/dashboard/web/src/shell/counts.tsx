/** The count next to a page's name: what a person has to act on. */
import { useQuery } from "@tanstack/react-query"
import { CirclePause, Unplug, type LucideIcon } from "lucide-react"
import { attentionQuery, workersQuery } from "../api/project"
import { useSession } from "../api/session"
import { useNow } from "../ui/now"
import { isSilent } from "../ui/workers"
import type { PagePath } from "./pages"

interface Count {
  readonly Icon: LucideIcon
  readonly colour: string
  readonly count: number
  readonly words: string
}

export const useCounts = (): Partial<Record<PagePath, Count>> => {
  const { slug } = useSession().project
  const waits = useQuery(attentionQuery(slug)).data?.waits.length ?? 0
  const workers = useQuery(workersQuery(slug)).data ?? []
  const now = useNow()
  const silent = workers.filter((worker) => isSilent(worker, now)).length
  return {
    ...(waits === 0
      ? {}
      : {
          "/runs": {
            Icon: CirclePause,
            colour: "text-waiting",
            count: waits,
            words: waits === 1 ? "waits for an answer" : "wait for an answer",
          },
        }),
    ...(silent === 0
      ? {}
      : {
          "/workers": {
            Icon: Unplug,
            colour: "text-failed",
            count: silent,
            words: silent === 1 ? "is silent" : "are silent",
          },
        }),
  }
}

export const CountMark = ({
  count: { colour, count, Icon, words },
  iconOnly = "",
}: {
  readonly count: Count
  /** The class that hides the number where there is no room for it. */
  readonly iconOnly?: string
}) => (
  <span className={`inline-flex items-center gap-1 text-small font-medium ${colour}`}>
    <Icon aria-hidden size={12} strokeWidth={2.2} />
    <span className={iconOnly}>{count}</span>
    <span className="sr-only"> {words}</span>
  </span>
)
