/** The texts of the user and of the agent, and messages to the run. */
import { MessageSquareReply, Quote, UserRound } from "lucide-react"
import { lazy, Suspense } from "react"
import { duration } from "../../../format/times"
import { ForkButton } from "../actions/ForkFrom"
import { ofMessage, ofText } from "../model/forkOrigin"
import type { TextPart, ToldPart } from "../model/parts"
import { ConversationRow } from "./ConversationRow"
import { Disclosure } from "./Disclosure"

const Markdown = lazy(() => import("./Markdown"))

export const Rich = ({
  isFinished = true,
  text,
}: {
  readonly text: string
  readonly isFinished?: boolean
}) => (
  <Suspense fallback={<p className="whitespace-pre-wrap">{text}</p>}>
    <Markdown text={text} isFinished={isFinished} />
  </Suspense>
)

const icon = { "aria-hidden": true, size: 14, strokeWidth: 2.2 } as const

/** `edited`: the text as it was written, which a fork may edit. */
export const UserText = ({
  at,
  edited,
  text,
}: {
  readonly text: string
  readonly edited: string | undefined
  readonly at?: number | undefined
}) => (
  <ConversationRow
    icon={<UserRound {...icon} />}
    at={at}
    fork={<ForkButton name="message" origin={edited === undefined ? undefined : ofMessage(edited)} />}
  >
    <span className="sr-only">User:</span>
    <div className="text-read">
      <Rich text={text} />
    </div>
  </ConversationRow>
)

/** What is marked of a text whose attempt died. */
const Mark = ({ part }: { readonly part: TextPart }) =>
  part.cut ? (
    <span className="text-ink-3">… broken off</span>
  ) : part.superseded ? (
    <span className="text-small text-ink-3">Said again by the next attempt</span>
  ) : null

export const AgentText = ({ part }: { readonly part: TextPart }) => (
  <ConversationRow
    icon={<Quote {...icon} />}
    at={part.at}
    isDim={part.superseded && !part.cut}
    fork={<ForkButton name="text" origin={ofText(part)} />}
  >
    <span className="sr-only">Agent:</span>
    <div className={`text-read ${part.cut ? "[&_.markdown]:inline [&_.markdown_p:last-child]:inline" : ""}`}>
      <Rich text={part.text} isFinished={!part.open} />
      <Mark part={part} />
    </div>
  </ConversationRow>
)

export const Reasoning = ({ now, part }: { readonly part: TextPart; readonly now: number }) => {
  const millis = (part.endedAt ?? now) - part.at
  const took = millis < 1000 ? "a moment" : duration(millis)
  const line = part.open
    ? `Thinking for ${took}`
    : part.cut
      ? `Thought for ${took}, broken off`
      : `Thought for ${took}`
  return (
    <Disclosure at={part.at} line={<span className="text-ink-2">{line}</span>}>
      {() => (
        <div className="border-l-2 border-line pt-1 pl-3 text-ink-2">
          <Rich text={part.text} isFinished={!part.open} />
        </div>
      )}
    </Disclosure>
  )
}

export const ToldText = ({ part }: { readonly part: ToldPart }) => (
  <ConversationRow icon={<MessageSquareReply {...icon} />} at={part.at}>
    <span className="text-small text-ink-3">Told to the run{part.isRead ? ", and read by it" : ""}</span>
    <div className="text-read">
      <Rich text={part.text} />
    </div>
  </ConversationRow>
)
