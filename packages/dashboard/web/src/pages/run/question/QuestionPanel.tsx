/** The questions of the run, with the form of each answer, and what happens without one. */
import type * as Json from "@runlease/http/Json"
import { CirclePause } from "lucide-react"
import { countdown, exact, when } from "../../../format/times"
import { CliMenu } from "../actions/CliMenu"
import { questionAnchor } from "../conversation/QuestionCard"
import * as cli from "../model/cli"
import { type Question, openQuestions } from "../model/questions"
import { endedChildren, type RunLog } from "../model/runLog"
import { listed, reasonsOf } from "../model/waits"
import { About } from "./About"
import { BudgetForm } from "./BudgetForm"
import type { Budget } from "./budgetLimits"
import { ApprovalForm, JsonForm, SchemaForm, TextForm } from "./forms"
import { type Mode, modeOf, sampleOf } from "./mode"
import { useAnswer } from "./useAnswer"

const textOf = (question: Question): string =>
  question.message ??
  (question.toolName === undefined
    ? question.id
    : question.clientTool
      ? `Result of ${question.toolName}`
      : `May ${question.toolName} be called?`)

const Form = ({
  question,
  budget,
  runId,
}: {
  readonly question: Question
  readonly runId: string
  readonly budget: Budget | undefined
}) => {
  const answer = useAnswer(runId, question)
  const mode = modeOf(question)
  const props = { isBusy: answer.isPending || answer.isSuccess, onSend: answer.mutate }
  return (
    <>
      <ModeForm mode={mode} budget={budget} {...props} />
      {answer.error === null ? null : (
        <p role="alert" className="text-small text-failed">
          {answer.error.message}.
        </p>
      )}
    </>
  )
}

const ModeForm = ({
  budget,
  mode,
  ...props
}: {
  readonly mode: Mode
  readonly budget: Budget | undefined
  readonly isBusy: boolean
  readonly onSend: ReturnType<typeof useAnswer>["mutate"]
}) => {
  switch (mode.kind) {
    case "approval":
      return <ApprovalForm mode={mode} {...props} />
    case "form":
      return <SchemaForm mode={mode} {...props} />
    case "text":
      return <TextForm {...props} />
    case "json":
      return <JsonForm initial={mode.initial} isResult={false} {...props} />
    case "result":
      return <JsonForm initial="" isResult {...props} />
    case "budget":
      return <BudgetForm budget={budget} {...props} />
  }
}

/** `Without an answer by 03:54:17 the run fails with wait_expired. It also waits for a child.` */
const Without = ({
  question,
  ended,
  now,
  waiting,
}: {
  readonly question: Question
  readonly ended: ReadonlySet<number>
  readonly waiting: Json.RunSummary["waiting"]
  readonly now: number
}) => {
  const others = reasonsOf(waiting, ended, now).filter(
    (reason) => reason !== "you" && reason !== "its client",
  )
  const also =
    others.length === 0 ? "" : ` It also waits for ${listed(others)}, which needs nothing from you.`
  const open = openQuestions(waiting).length
  const rest = open > 1 ? " The run continues when all of them are answered." : ""
  return (
    <p className="text-small text-ink-3">
      {question.expiresAt === null ? (
        question.reason === "budget" ? (
          <>
            It waits until it is answered, and the runs below it wait with it. Ended, it fails with{" "}
            <span className="font-mono">budget_spent</span>.
          </>
        ) : (
          "It waits until it is answered."
        )
      ) : (
        <>
          Without an answer by <time title={exact(question.expiresAt)}>{when(question.expiresAt, now)}</time>{" "}
          the run fails with <span className="font-mono">wait_expired</span>.
        </>
      )}
      {also}
      {rest}
    </p>
  )
}

const titleOf = (questions: ReadonlyArray<Question>): string => {
  if (questions.every(({ clientTool }) => clientTool)) return "Waits for its client"
  if (questions.length > 1) return `Waits for ${questions.length} answers`
  return questions[0]?.reason === "budget" ? "The budget is spent" : "Waits for your answer"
}

export const QuestionPanel = ({
  questions,
  budget,
  log,
  now,
  summary,
}: {
  readonly questions: ReadonlyArray<Question>
  readonly summary: Json.RunSummary
  readonly log: RunLog
  readonly budget: Budget | undefined
  readonly now: number
}) => {
  const expires = questions.flatMap(({ expiresAt }) => (expiresAt === null ? [] : [expiresAt]))
  const first = expires.length === 0 ? null : Math.min(...expires)
  return (
    <section aria-labelledby="question-title" className="rounded-3 border border-waiting bg-surface">
      <header className="flex min-h-10 items-center gap-2 rounded-t-[7px] bg-waiting-bg pr-2 pl-4 text-waiting max-desk:pl-3">
        <CirclePause aria-hidden size={16} strokeWidth={1.9} />
        <h2 id="question-title" className="font-semibold text-ink">
          {titleOf(questions)}
        </h2>
        <span className="ml-auto font-medium" title={first === null ? undefined : exact(first)}>
          {first === null ? null : `${countdown(first - now)} left`}
        </span>
        <CliMenu
          label="Commands for the answer"
          lines={questions.map((question) => ({
            label: textOf(question),
            command: cli.resume(summary.run_id, {
              id: question.id,
              isOne: questions.length === 1,
              payload: sampleOf(modeOf(question)),
            }),
          }))}
        />
      </header>
      {questions.map((question) => (
        <div
          key={question.id}
          id={questionAnchor(question.id)}
          className="grid grid-cols-[minmax(0,1fr)] gap-3 px-4 pt-3 pb-4 not-first:border-t not-first:border-line"
        >
          <p className="text-read leading-5 font-medium break-words">{textOf(question)}</p>
          <About
            question={question}
            call={question.toolCallId === undefined ? undefined : log.calls.get(question.toolCallId)}
          />
          <Form question={question} runId={summary.run_id} budget={budget} />
          <Without question={question} ended={endedChildren(log)} waiting={summary.waiting} now={now} />
        </div>
      ))}
    </section>
  )
}
