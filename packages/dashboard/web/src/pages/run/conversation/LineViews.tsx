/** Steps, waits, ends and notes: a line each. */
import {
  Ban,
  CircleCheck,
  Footprints,
  Hourglass,
  MessageSquareText,
  Moon,
  OctagonX,
  StickyNote,
} from "lucide-react"
import { duration, when } from "../../../format/times"
import { ForkButton } from "../actions/ForkFrom"
import { ofStep } from "../model/forkOrigin"
import type { EndPart, NotePart, PausePart, StepPart } from "../model/parts"
import { cut, parseJson } from "../model/sentences"
import { isFailed, keyWord, outcomeOf } from "../model/steps"
import { listed } from "../model/waits"
import { ConversationRow } from "./ConversationRow"
import { Disclosure } from "./Disclosure"
import { Output } from "./Output"

const icon = { "aria-hidden": true, size: 14, strokeWidth: 2.2 } as const

const signs = {
  step: <Footprints {...icon} />,
  sleep: <Moon {...icon} />,
  inbox: <MessageSquareText {...icon} />,
  child: <Footprints {...icon} />,
}

const sleepWord = (detail: string): string => {
  const millis = Number(detail)
  return Number.isNaN(millis) ? `until ${when(Date.parse(detail), Date.now())}` : `for ${duration(millis)}`
}

export const StepLine = ({ now, part }: { readonly part: StepPart; readonly now: number }) => {
  const key = keyWord(part.stepKey)
  const detail = part.detail === null ? "" : part.step === "sleep" ? sleepWord(part.detail) : part.detail
  return (
    <Disclosure
      at={part.at}
      fork={<ForkButton name={part.name} origin={ofStep(part)} />}
      icon={isFailed(part) ? <OctagonX {...icon} className="text-failed" /> : signs[part.step]}
      line={
        <span className={`min-w-0 truncate ${part.brokenAt === null ? "" : "text-ink-3"}`}>
          <span className="font-medium">{part.step === "sleep" ? "Sleeps" : part.name}</span>{" "}
          <span className="text-ink-2">{[key, detail].filter((text) => text !== "").join(", ")}</span>
        </span>
      }
      aside={
        <span className={`block max-w-[36ch] truncate ${isFailed(part) ? "text-failed" : ""}`}>
          {outcomeOf(part, now)}
        </span>
      }
    >
      {() => <StepResult part={part} />}
    </Disclosure>
  )
}

export const StepResult = ({ part }: { readonly part: StepPart }) => {
  const text = part.failure ?? part.result
  if (part.codec !== undefined) {
    return (
      <p className="py-1 text-small text-ink-3">
        Its result is sealed by the codec {part.codec} of the program.
      </p>
    )
  }
  if (text === undefined) {
    return (
      <>
        {part.error?.message === undefined ? null : (
          <Output label={`Error of step ${part.name}`} text={part.error.message} wrap />
        )}
        <p className="py-1 text-small text-ink-3">
          {part.recorded === null ? "It has no record: a later attempt does it again." : "It has no result."}
        </p>
      </>
    )
  }
  const value = parseJson(text)
  return (
    <Output
      label={`Result of step ${part.name}`}
      text={typeof value === "string" ? value : value === undefined ? text : JSON.stringify(value, null, 2)}
    />
  )
}

export const PauseLine = ({ part }: { readonly part: PausePart }) => {
  const others = part.reasons.filter((reason) => reason !== "its time")
  const until = part.until === null ? "" : `until ${when(part.until, part.at)}`
  const words =
    others.length === 0
      ? `Slept ${until}`
      : `Waited for ${listed(others)}${until === "" ? "" : `, or ${until}`}`
  return (
    <ConversationRow icon={<Hourglass {...icon} />} at={part.at}>
      <span className="text-ink-2">{words}. No worker was held.</span>
    </ConversationRow>
  )
}

const ends = {
  completed: [CircleCheck, "text-completed", "Completed"],
  failed: [OctagonX, "text-failed", "Failed"],
  cancelled: [Ban, "text-cancelled", "Cancelled"],
} as const

export const EndLine = ({ part }: { readonly part: EndPart }) => {
  const [Sign, colour, word] = ends[part.status]
  const result = part.result === undefined || part.result === null ? undefined : part.result
  return (
    <ConversationRow icon={<Sign {...icon} className={colour} />} at={part.at}>
      <span className={`font-medium ${colour}`}>{word}</span>
      {part.by === null ? null : <span className="text-ink-2"> by {part.by}</span>}
      {part.message === null ? null : (
        <span className="text-ink-2">
          . {part.message}{" "}
          {part.code === null ? null : <code className="font-mono text-small">{part.code}</code>}
        </span>
      )}
      {result === undefined ? null : (
        <Output
          label="Result of the run"
          wrap
          text={typeof result === "string" ? result : JSON.stringify(result, null, 2)}
        />
      )}
    </ConversationRow>
  )
}

export const NoteLine = ({ part }: { readonly part: NotePart }) => (
  <Disclosure
    at={part.at}
    icon={<StickyNote {...icon} />}
    line={
      <span className="min-w-0 truncate text-ink-2">
        <span className="font-medium text-ink">{part.label}</span> {cut(part.text, 200)}
      </span>
    }
  >
    {() => (
      <Output
        label={part.label}
        wrap
        text={typeof part.value === "string" ? part.value : JSON.stringify(part.value, null, 2)}
      />
    )}
  </Disclosure>
)
