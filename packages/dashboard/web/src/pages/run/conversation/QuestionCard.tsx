/** A question of the run in its conversation: answered, or with a link to its form. */
import { CirclePause } from "lucide-react"
import { labelOf } from "../../../form/schema"
import { Button } from "../../../ui/Button"
import { AboutParts } from "../question/AboutParts"
import { saidIn, verdictOf } from "../question/verdict"
import { ForkButton } from "../actions/ForkFrom"
import { aboutOf } from "../model/about"
import { ofAnswer } from "../model/forkOrigin"
import type { Answer } from "../model/questions"
import type { QuestionPart } from "../model/parts"
import { ConversationRow } from "./ConversationRow"

export const questionAnchor = (id: string): string => `question-${id}`

/** Moves to the form of a question. */
export const goToQuestion = (id: string): void => {
  const form = document.getElementById(questionAnchor(id))
  form?.scrollIntoView({ block: "nearest" })
  form?.querySelector<HTMLElement>("input, textarea, button")?.focus({ preventScroll: true })
}

const Answered = ({ answer, part }: { readonly part: QuestionPart; readonly answer: Answer }) => {
  const verdict = verdictOf(part.question, answer)
  const fields = saidIn(answer)
  return (
    <div className="mt-1 text-ink-2">
      <span className="font-medium text-ink">{verdict.charAt(0).toUpperCase() + verdict.slice(1)}</span>
      {fields.length === 0 ? null : (
        <dl className="mt-1 grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-0.5">
          {fields.map(([name, value]) => (
            <div key={name} className="contents">
              <dt className="text-ink-3">{name === "" ? "Answer" : labelOf(name)}</dt>
              <dd className="break-words whitespace-pre-wrap">{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  )
}

export const QuestionCard = ({
  answer,
  isOpen,
  part,
}: {
  readonly part: QuestionPart
  readonly answer: Answer | undefined
  readonly isOpen: boolean
}) => (
  <ConversationRow
    icon={<CirclePause aria-hidden size={14} strokeWidth={2.2} />}
    at={part.at}
    fork={<ForkButton name={part.question.id} origin={ofAnswer(part, answer)} />}
  >
    <div className="rounded-2 border border-line-2 px-3 py-2">
      <p className="text-read">{part.question.message ?? part.question.toolName ?? part.question.id}</p>
      <AboutParts parts={aboutOf(part.question)} isBrief />
      {part.question.toolArguments === undefined ? null : (
        <p className="mt-0.5 line-clamp-3 font-mono text-[12px] leading-[18px] break-all text-ink-2">
          {JSON.stringify(part.question.toolArguments)}
        </p>
      )}
      {answer !== undefined ? (
        <Answered part={part} answer={answer} />
      ) : isOpen ? (
        <p className="mt-1 flex items-center gap-3">
          <span className="font-medium text-waiting">Waits for your answer</span>
          <Button small onClick={() => goToQuestion(part.question.id)}>
            Answer
          </Button>
        </p>
      ) : (
        <p className="mt-1 text-ink-3">Not answered</p>
      )}
    </div>
  </ConversationRow>
)
