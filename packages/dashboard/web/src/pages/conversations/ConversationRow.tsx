import { Link } from "@tanstack/react-router"
import { memo } from "react"
import { shortId } from "../../format/ids"
import { integer } from "../../format/numbers"
import { ago, exact } from "../../format/times"
import { useNow } from "../../ui/now"
import { State, StateIcon, wordOf } from "../../ui/State"
import type { ConversationGroup } from "./groups"

const Active = ({ at }: { readonly at: string }) => {
  const instant = Date.parse(at)
  return (
    <time dateTime={at} title={exact(instant)}>
      {ago(instant, useNow())}
    </time>
  )
}

const titleOf = ({ id, title }: ConversationGroup): string => title ?? `Conversation ${shortId(id)}`

interface Props {
  readonly group: ConversationGroup
  readonly isCursor: boolean
}

export const ConversationRow = memo(({ group, isCursor }: Props) => {
  const cell = "h-9 border-b border-line px-2 whitespace-nowrap"
  return (
    <tr id={`conversation-${group.id}`} className="relative hover:bg-hover">
      <td
        className={`${cell} pl-4 [&>span]:align-middle ${isCursor ? "shadow-[inset_2px_0_0_var(--accent)]" : ""}`}
      >
        <State status={group.status} />
      </td>
      <td className={`${cell} truncate`}>
        <Link
          to="/conversations/$conversationId"
          params={{ conversationId: group.id }}
          preload={false}
          title={group.title ?? undefined}
          className="font-medium after:absolute after:inset-0"
        >
          {titleOf(group)}
        </Link>
      </td>
      <td className={`${cell} truncate text-ink-2`}>{group.agents.join(", ")}</td>
      <td className={`${cell} text-right text-ink-2`}>{integer(group.runs)}</td>
      <td className={`${cell} pr-4 text-right text-ink-2`}>
        <Active at={group.activeAt} />
      </td>
    </tr>
  )
})

/** The same in two lines, for a phone. */
export const ConversationItem = memo(({ group }: { readonly group: ConversationGroup }) => (
  <li className="border-b border-line last:border-b-0">
    <Link
      to="/conversations/$conversationId"
      params={{ conversationId: group.id }}
      preload={false}
      className="grid grid-cols-[18px_minmax(0,1fr)_auto] grid-rows-[23px_20px] gap-x-2.5 px-3 py-2.5 focus-visible:-outline-offset-2"
    >
      <span className="pt-[3px]">
        <StateIcon status={group.status} />
        <span className="sr-only">{wordOf(group.status)}</span>
      </span>
      <span className="truncate font-medium">{titleOf(group)}</span>
      <span className="text-right text-small leading-5 text-ink-3">
        <Active at={group.activeAt} />
      </span>
      <span className="col-start-2 truncate text-small leading-[18px] text-ink-3">
        {group.agents.join(", ")}
      </span>
      <span className="text-right text-small leading-5 text-ink-3">
        {group.runs === 1 ? "1 run" : `${integer(group.runs)} runs`}
      </span>
    </Link>
  </li>
))
