/** The questions of the run, with the form of each answer, and what happens without one. */
import type * as Json from "@runlease/http/Json"
import { CirclePause } from "lucide-react"
import { useState } from "react"
import { Labelled, lineClass } from "../../../form/FormFields"
import { labelOf } from "../../../form/schema"
import { countdown, exact, when } from "../../../format/times"
import { CliMenu } from "../actions/CliMenu"
import { questionAnchor } from "../conversation/QuestionCard"
import { aboutOf, besideOf } from "../model/about"
import * as cli from "../model/cli"
import type { ToolPart } from "../model/parts"
import { openQuestions, type Question } from "../model/questions"
import { endedChildren, type RunLog } from "../model/runLog"
import { parseJson } from "../model/sentences"
import { listed, reasonsOf } from "../model/waits"
import { AboutParts } from "./AboutParts"
import { amount, type Budget, limitFields, type LimitName, limitNames, limitsFrom } from "./budgetLimits"
import { AnswerForm, ApprovalForm, Buttons, JsonForm, SchemaForm, TextForm } from "./forms"
import { type Mode, modeOf, sampleOf } from "./mode"
import { type Sent, useAnswer } from "./useAnswer"

const box = "overflow-x-auto rounded-2 bg-sunken px-2.5 py-2 font-mono text-[12px] leading-[18px] text-ink-2"

const lineOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value))

const Member = ({ name, value }: { readonly name: string; readonly value: unknown }) => {
  const lines = Array.isArray(value) ? value.map(lineOf) : lineOf(value).split("\n")
  return (
    <div className={lines.length > 1 ? "" : "flex gap-2"}>
      <dt className="text-ink-3">{labelOf(name)}</dt>
      <dd className="min-w-0">
        {lines.map((line, index) => (
          <div key={index} className="whitespace-pre">
            {line}
          </div>
        ))}
      </dd>
    </div>
  )
}

/** What a question is about: the arguments of the call, and the other metadata of the agent. */
const About = ({ question, call }: { readonly question: Question; readonly call: ToolPart | undefined }) => {
  const logged = call === undefined || call.args === "" ? undefined : (parseJson(call.args) ?? call.args)
  const args = question.toolArguments ?? logged
  const members = besideOf(question)
  return (
    <>
      <AboutParts parts={aboutOf(question)} isBrief={false} />
      {args === undefined ? null : (
        <pre
          tabIndex={0}
          role="region"
          aria-label={`Arguments of ${question.toolName ?? call?.name}`}
          className={`${box} max-h-60 overflow-y-auto`}
        >
          {typeof args === "string" ? args : JSON.stringify(args, null, 2)}
        </pre>
      )}
      {members.length === 0 ? null : (
        <dl tabIndex={0} aria-label="Metadata of the question" className={`${box} grid gap-1`}>
          {members.map(([name, value]) => (
            <Member key={name} name={name} value={value} />
          ))}
        </dl>
      )}
    </>
  )
}

/** The answer to a budget that is spent: higher limits, or the end of the run. */
const BudgetForm = ({
  budget,
  isBusy,
  onSend,
}: {
  readonly budget: Budget | undefined
  readonly isBusy: boolean
  readonly onSend: (sent: Sent) => void
}) => {
  const [texts, setTexts] = useState<Partial<Record<LimitName, string>>>({})
  const [problems, setProblems] = useState<Partial<Record<LimitName, string>>>({})
  const names =
    budget === undefined ? limitNames : limitNames.filter((name) => budget.limits[name] !== undefined)
  const [isEmpty, setEmpty] = useState(false)
  const submit = () => {
    const read = limitsFrom(texts, budget?.spent)
    setProblems(read.problems)
    const isGiven = Object.keys(read.limits).length > 0
    setEmpty(!isGiven && Object.keys(read.problems).length === 0)
    if (isGiven && Object.keys(read.problems).length === 0)
      onSend({ status: "resolved", payload: read.limits })
  }
  return (
    <AnswerForm onSubmit={submit}>
      {names.map((name) => {
        const limit = budget?.limits[name]
        const spent = budget?.spent[name]
        return (
          <Labelled
            key={name}
            label={limitFields[name]}
            help={
              limit === undefined
                ? undefined
                : `${amount(name, spent ?? 0)} of ${amount(name, limit)} is spent`
            }
            problem={problems[name]}
          >
            {({ describedBy, id }) => (
              <input
                id={id}
                aria-describedby={describedBy}
                inputMode="decimal"
                placeholder="New limit, or empty to leave it"
                value={texts[name] ?? ""}
                onChange={(event) => setTexts({ ...texts, [name]: event.target.value })}
                className={lineClass}
              />
            )}
          </Labelled>
        )
      })}
      {isEmpty ? (
        <p role="alert" className="text-small text-failed">
          Give one limit at least.
        </p>
      ) : null}
      <Buttons
        isBusy={isBusy}
        send="Raise the budget"
        refuse="End the run"
        onRefuse={() => onSend({ status: "cancelled" })}
      />
    </AnswerForm>
  )
}

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
      return <TextForm isSecret={mode.isSecret} {...props} />
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
