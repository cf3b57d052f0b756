/** One part of a conversation. It is drawn again only when it has changed, or while it counts. */
import type * as Json from "@runlease/http/Json"
import { memo } from "react"
import type { Answer } from "../model/questions"
import type { Part } from "../model/parts"
import { QuestionCard } from "./QuestionCard"
import { ChildCard } from "./ChildCard"
import { TakeoverBand } from "./ClaimViews"
import { EndLine, NoteLine, PauseLine, StepLine } from "./LineViews"
import { AgentText, Reasoning, ToldText } from "./TextViews"
import { ToolCall } from "./ToolCall"

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
