/** A call of a tool: one line, which opens to its arguments and its result. */
import { duration } from "../../../format/times"
import type { Answer } from "../model/questions"
import type { ToolPart } from "../model/parts"
import { argumentsLine, argumentsOf, parseJson, resultLine, resultText } from "../model/sentences"
import { verdictOf } from "../question/verdict"
import { Disclosure } from "./Disclosure"
import { Output } from "./Output"
import { signOf } from "./toolIcons"

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

export const ToolCall = ({
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
