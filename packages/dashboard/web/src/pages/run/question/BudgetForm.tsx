/** The answer to a budget that is spent: higher limits, or the end of the run. */
import { useState } from "react"
import { Labelled, lineClass } from "../../../form/FormFields"
import { amount, type Budget, limitFields, type LimitName, limitNames, limitsFrom } from "./budgetLimits"
import { AnswerForm, Buttons } from "./forms"
import type { Sent } from "./useAnswer"

export const BudgetForm = ({
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
