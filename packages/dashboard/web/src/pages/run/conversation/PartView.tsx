/** One part of a conversation. It is drawn again only when it has changed, or while it counts. */
import type * as Json from "@runlease/http/Json"
import { Link } from "@tanstack/react-router"
import { ChevronRight, CornerDownRight } from "lucide-react"
import { memo, useContext, useState } from "react"
import { shortId } from "../../../format/ids"
import { duration } from "../../../format/times"
import { wholeRun } from "../../../shell/links"
import { MiniLane } from "../../../ui/MiniLane"
import { type RunStatus, StateIcon, wordOf } from "../../../ui/State"
import { useSeen } from "../../../ui/useSeen"
import { useLastSentence } from "../data/useRun"
import { lastOf } from "../lanes/segments"
import { ForkButton } from "../actions/ForkFrom"
import { ofTool } from "../model/forkOrigin"
import type { ChildPart, Part, ToolPart } from "../model/parts"
import type { Answer } from "../model/questions"
import { argumentsLine, argumentsOf, parseJson, resultLine, resultText } from "../model/sentences"
import { verdictOf } from "../question/verdict"
import { TakeoverBand } from "./ClaimViews"
import { ConversationRow } from "./ConversationRow"
import { Disclosure } from "./Disclosure"
import { EndLine, NoteLine, PauseLine, StepLine } from "./LineViews"
import { Output } from "./Output"
import { QuestionCard } from "./QuestionCard"
import { AgentText, Reasoning, ToldText } from "./TextViews"
import { OpenedChild } from "./openedChild"
import { signOf } from "./toolIcons"

const deepest = 2

/** The words for a child without a message. */
const silentWords = (status: string): string => {
  if (status === "pending") return "Waits for a worker"
  return status === "running" || status === "waiting" ? "Nothing said yet" : "It said nothing"
}

const isStatus = (status: string): status is RunStatus =>
  ["pending", "running", "waiting", "completed", "failed", "cancelled"].includes(status)

/** A child of the run: its state, its claims, its last sentence. It opens in place, in two depths. */
const ChildCard = ({
  child,
  depth,
  now,
  part,
}: {
  readonly part: ChildPart
  /** Undefined until it is read. */
  readonly child: Json.RunSummary | undefined
  readonly depth: number
  readonly now: number
}) => {
  const [isOpen, setOpen] = useState(false)
  const Opened = useContext(OpenedChild)
  const { isSeen, ref } = useSeen<HTMLDivElement>()
  const sentence = useLastSentence(isSeen ? child : undefined) || (part.outcome?.message ?? "")
  const status = child?.status ?? part.outcome?.status ?? "running"
  const until = child === undefined ? (part.endedAt ?? now) : lastOf(child, now)
  return (
    <ConversationRow
      icon={<CornerDownRight aria-hidden size={14} strokeWidth={2.2} className="text-child" />}
      at={part.at}
    >
      <div ref={ref} className="rounded-2 border border-line-2">
        <div className="flex min-w-0 items-center gap-2.5 px-3 pt-2">
          {isStatus(status) ? (
            <span className="shrink-0">
              <StateIcon status={status} />
              <span className="sr-only">{wordOf(status)}</span>
            </span>
          ) : null}
          <Link
            to="/runs/$runId"
            params={{ runId: part.runId }}
            search={wholeRun}
            className="min-w-0 grow truncate font-medium hover:underline max-desk:whitespace-normal"
          >
            {child?.title ?? `${part.name} ${shortId(part.runId)}`}
          </Link>
          {child === undefined ? null : <MiniLane run={child} width={56} />}
          <span className="shrink-0 whitespace-nowrap text-ink-3 max-desk:hidden">
            {child?.agent_id ?? part.name}, {duration(until - part.at)}
          </span>
          {depth < deepest && Opened !== undefined ? (
            <button
              type="button"
              aria-expanded={isOpen}
              aria-label={`What ${child?.agent_id ?? part.name} did`}
              className="-mr-1.5 grid size-6 shrink-0 place-items-center rounded-1 text-ink-3 hover:bg-hover hover:text-ink max-desk:size-11"
              onClick={() => setOpen(!isOpen)}
            >
              <ChevronRight
                aria-hidden
                size={14}
                className={`transition-transform duration-[120ms] ${isOpen ? "rotate-90" : ""}`}
              />
            </button>
          ) : null}
        </div>
        <p className="truncate px-3 pt-0.5 pb-2 text-ink-2 max-desk:line-clamp-2 max-desk:whitespace-normal">
          {sentence === "" ? silentWords(status) : sentence}
        </p>
        {isOpen && Opened !== undefined ? (
          <div className="border-t border-line px-3 py-1">
            <Opened runId={part.runId} depth={depth + 1} now={now} />
          </div>
        ) : null}
      </div>
    </ConversationRow>
  )
}

const pretty = (args: string): string => {
  const value = parseJson(args)
  return value === undefined ? args : JSON.stringify(value, null, 2)
}

/** `40 of 40 passed, 1 m 31 s`, `waits for your answer` */
const Outcome = ({
  answer,
  now,
  part,
}: {
  readonly part: ToolPart
  readonly answer: Answer | undefined
  readonly now: number
}) => {
  const { question, result } = part
  if (result === null && question !== null) {
    return answer === undefined ? (
      <span className="font-medium text-waiting">
        {question.clientTool ? "waits for its client" : "waits for your answer"}
      </span>
    ) : (
      <>{verdictOf(question, answer)}</>
    )
  }
  if (result === null) {
    if (part.cut || part.superseded) return <span className="text-ink-3">broken off</span>
    return <>{part.begunAt === null ? "" : `${duration(now - part.begunAt)} so far`}</>
  }
  const took = part.begunAt === null || question !== null ? "" : duration(result.at - part.begunAt)
  const summary = resultLine(result.content)
  return (
    <span className={result.isError ? "text-failed" : ""}>
      {result.isError && summary === "" ? "failed" : summary}
      {summary !== "" && took !== "" ? ", " : ""}
      {took}
    </span>
  )
}

/** A call of a tool: one line, which opens to its arguments and its result. */
const ToolCall = ({
  answer,
  now,
  part,
}: {
  readonly part: ToolPart
  readonly answer: Answer | undefined
  readonly now: number
}) => {
  const Sign = signOf(part.name)
  const args = argumentsOf(part)
  const isFailed = part.result?.isError === true
  return (
    <Disclosure
      key={isFailed ? "failed" : "other"}
      at={part.at}
      fork={<ForkButton name={part.name} origin={ofTool(part)} />}
      isInitiallyOpen={isFailed && !part.superseded}
      icon={<Sign aria-hidden size={14} strokeWidth={2.2} />}
      line={
        <>
          <span className="shrink-0 font-mono text-[12px] leading-5 font-medium tracking-[-0.02em]">
            {part.name}
          </span>
          <span className="min-w-0 truncate font-mono text-[12px] leading-5 text-ink-2 max-desk:order-3 max-desk:basis-full">
            {argumentsLine(args)}
          </span>
          {part.superseded && part.result !== null ? (
            <span className="shrink-0 text-small text-ink-3">called again by the next attempt</span>
          ) : null}
          {part.uncertain ? (
            <span className="shrink-0 text-small text-failed">may have been made before</span>
          ) : null}
        </>
      }
      aside={
        <span className="block max-w-[36ch] truncate">
          <Outcome part={part} answer={answer} now={now} />
        </span>
      }
    >
      {() => (
        <>
          {args === "" || args === "{}" ? null : (
            <Output label={`Arguments of ${part.name}`} text={pretty(args)} wrap />
          )}
          {part.result === null ? null : (
            <Output label={`Result of ${part.name}`} text={resultText(part.result.content)} />
          )}
        </>
      )}
    </Disclosure>
  )
}

export interface PartProps {
  readonly part: Part
  readonly version: number
  readonly answer: Answer | undefined
  readonly isOpen: boolean
  readonly child: Json.RunSummary | undefined
  readonly names: ReadonlyMap<string, string>
  readonly maxAttempts: number
  readonly depth: number
  readonly now: number
}

const counts = (part: Part): boolean => {
  switch (part.kind) {
    case "reasoning":
      return part.open
    case "tool":
      return part.result === null
    case "step":
      return part.endedAt === null && part.brokenAt === null
    case "child":
      return part.endedAt === null
    default:
      return false
  }
}

const View = ({ answer, child, depth, isOpen, maxAttempts, names, now, part }: PartProps) => {
  switch (part.kind) {
    case "text":
      return <AgentText part={part} />
    case "reasoning":
      return <Reasoning part={part} now={now} />
    case "tool":
      return <ToolCall part={part} answer={answer} now={now} />
    case "step":
      return <StepLine part={part} now={now} />
    case "child":
      return <ChildCard part={part} child={child} depth={depth} now={now} />
    case "told":
      return <ToldText part={part} />
    case "question":
      return <QuestionCard part={part} answer={answer} isOpen={isOpen} />
    case "pause":
      return <PauseLine part={part} />
    case "takeover":
      return <TakeoverBand part={part} names={names} maxAttempts={maxAttempts} after={null} />
    case "end":
      return <EndLine part={part} />
    case "note":
      return <NoteLine part={part} />
  }
}

export const PartView = memo(
  View,
  (before, after) =>
    before.part === after.part &&
    before.version === after.version &&
    before.answer === after.answer &&
    before.isOpen === after.isOpen &&
    before.child === after.child &&
    before.depth === after.depth &&
    before.names === after.names &&
    (before.now === after.now || !counts(after.part)),
)
