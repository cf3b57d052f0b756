/** The steps of a run, with the result of each, and a fork from each. */
import { useState } from "react"
import { clock, duration, exact } from "../../../format/times"
import { Empty } from "../../../ui/Empty"
import { ForkButton } from "../actions/ForkFrom"
import { Chevron } from "../conversation/Disclosure"
import { StepResult } from "../conversation/LineViews"
import { Output } from "../conversation/Output"
import { signOf } from "../conversation/toolIcons"
import { ofStep, ofTool } from "../model/forkOrigin"
import type { RunLog } from "../model/runLog"
import type { StepPart, ToolPart } from "../model/parts"
import { argumentsLine, argumentsOf, resultLine, resultText } from "../model/sentences"
import { resultWords, isFailed, keyWord } from "../model/steps"
import { VirtualRows } from "./VirtualRows"

type Step = StepPart | ToolPart

const kinds = { step: "step", sleep: "sleep", inbox: "messages", child: "child" } as const

const tookOf = (step: Step, now: number): string => {
  if (step.kind === "tool") {
    const from = step.begunAt ?? step.at
    return step.result === null
      ? step.superseded || step.cut
        ? ""
        : duration(now - from)
      : duration(step.result.at - from)
  }
  if (step.step !== "step" || !(step.shown || step.opens)) return ""
  return duration((step.endedAt ?? step.brokenAt ?? now) - step.at)
}

const wordsOf = (step: Step): string => {
  if (step.kind === "step")
    return step.brokenAt === null && step.endedAt === null ? "at work" : resultWords(step)
  if (step.result === null)
    return step.superseded || step.cut ? "broken off" : step.question === null ? "at work" : "waits"
  return step.superseded ? "done again by the next attempt" : resultLine(step.result.content)
}

const Row = ({
  isOpen,
  now,
  onToggle,
  step,
}: {
  readonly step: Step
  readonly now: number
  readonly isOpen: boolean
  readonly onToggle: () => void
}) => {
  const origin = step.kind === "tool" ? ofTool(step) : ofStep(step)
  const Sign = step.kind === "tool" ? signOf(step.name) : undefined
  return (
    <>
      <div className="flex min-h-9 items-center gap-2 pr-4 max-desk:pr-3">
        <button
          type="button"
          aria-expanded={isOpen}
          className="grid min-h-9 min-w-0 grow grid-cols-[14px_14px_minmax(0,1fr)_minmax(0,34%)_68px_64px] items-center gap-x-3 pl-4 text-left hover:bg-hover max-desk:min-h-11 max-desk:grid-cols-[14px_14px_minmax(0,1fr)] max-desk:py-1 max-desk:pl-3"
          onClick={onToggle}
        >
          <Chevron isOpen={isOpen} />
          <span className="text-ink-3">{Sign === undefined ? null : <Sign aria-hidden size={14} />}</span>
          <span className="truncate">
            <span className="font-medium">{step.name}</span>{" "}
            <span className="text-ink-2">
              {step.kind === "tool"
                ? argumentsLine(argumentsOf(step))
                : [kinds[step.step], keyWord(step.stepKey)]
                    .filter((word) => word !== "" && word !== "step")
                    .join(" ")}
            </span>
          </span>
          <span className={`truncate max-desk:col-start-3 ${isFailed(step) ? "text-failed" : "text-ink-2"}`}>
            {wordsOf(step)}
          </span>
          <span className="text-right text-ink-2 max-desk:hidden">{tookOf(step, now)}</span>
          <time title={exact(step.at)} className="text-right text-small text-ink-3 max-desk:hidden">
            {clock(step.at)}
          </time>
        </button>
        {origin === undefined ? (
          <span className="w-[26px] max-desk:hidden" />
        ) : (
          <ForkButton name={step.name} origin={origin} />
        )}
      </div>
      {isOpen ? (
        <div className="px-4 pb-2 pl-11 max-desk:px-3">
          {step.kind === "step" ? <StepResult part={step} /> : null}
          {step.kind === "tool" && step.args !== "" ? (
            <Output label={`Arguments of ${step.name}`} text={argumentsOf(step)} wrap />
          ) : null}
          {step.kind === "tool" && step.result !== null ? (
            <Output label={`Result of ${step.name}`} text={resultText(step.result.content)} />
          ) : null}
        </div>
      ) : null}
    </>
  )
}

export const StepsTab = ({ log, now }: { readonly log: RunLog; readonly now: number }) => {
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set())
  const toggle = (key: string) => {
    const next = new Set(opened)
    if (!next.delete(key)) next.add(key)
    setOpened(next)
  }
  return (
    <>
      {log.steps.length === 0 ? (
        <div className="pt-2">
          <Empty>
            No step yet. A step is a piece of work whose result is in the log, so a later attempt does not do
            it again.
          </Empty>
        </div>
      ) : (
        <VirtualRows label="Steps" rows={log.steps} size={37} keyOf={({ key }) => key}>
          {(step) => (
            <Row step={step} now={now} isOpen={opened.has(step.key)} onToggle={() => toggle(step.key)} />
          )}
        </VirtualRows>
      )}
    </>
  )
}
