/** What else a submission may say, folded away. */
import { useState } from "react"
import { Labelled, lineClass } from "../../form/FormFields"
import { limitFields, limitNames } from "../run/question/budgetLimits"
import { Chevron } from "../run/conversation/Disclosure"
import type { Filled, FilledProblems } from "./submission"

const fields = [
  ["priority", "Priority", "-1000 to 1000, higher first. 0 when empty.", "numeric"],
  ["delay", "Not before", "Such as 30 s, 5 m, 2 h or 1 d from now. At once when empty.", "text"],
  ["maxAttempts", "Attempts", "1 to 100. 3 when empty.", "numeric"],
  ["ttl", "Start within", "Cancelled if no worker claims it by then, such as 10 m.", "text"],
  ["timeout", "Timeout", "Fails when it has worked for so long, such as 1 h. Waits do not count.", "text"],
  ["key", "Concurrency key", "Runs with one key do not overlap.", "text"],
] as const

export const SubmitOptions = ({
  filled,
  onChange,
  problems,
}: {
  readonly filled: Filled
  readonly problems: FilledProblems
  readonly onChange: (filled: Filled) => void
}) => {
  const [isOpen, setOpen] = useState(false)
  const isShown =
    isOpen ||
    fields.some(([name]) => name !== "key" && problems[name] !== undefined) ||
    limitNames.some((name) => problems[name] !== undefined)
  return (
    <div className="border-t border-line pt-2">
      <button
        type="button"
        aria-expanded={isShown}
        className="-mx-1 flex min-h-8 items-center gap-1.5 rounded-1 px-1 font-medium text-ink-2 hover:text-ink max-desk:min-h-11"
        onClick={() => setOpen(!isShown)}
      >
        <Chevron isOpen={isShown} />
        Options
      </button>
      {isShown ? (
        <div className="grid gap-4 pt-2">
          <div className="grid grid-cols-2 gap-x-4 gap-y-3 max-desk:grid-cols-1">
            {fields.map(([name, label, help, mode]) => (
              <Labelled
                key={name}
                label={label}
                help={help}
                problem={name === "key" ? undefined : problems[name]}
              >
                {({ describedBy, id }) => (
                  <input
                    id={id}
                    aria-describedby={describedBy}
                    inputMode={mode}
                    value={filled[name]}
                    onChange={(event) => onChange({ ...filled, [name]: event.target.value })}
                    className={lineClass}
                  />
                )}
              </Labelled>
            ))}
          </div>
          <fieldset>
            <legend className="mb-2 font-medium">
              Budget <span className="font-normal text-ink-3">of the run and all below it</span>
            </legend>
            <div className="grid grid-cols-5 gap-3 max-desk:grid-cols-2">
              {limitNames.map((name) => (
                <Labelled key={name} label={limitFields[name]} problem={problems[name]}>
                  {({ describedBy, id }) => (
                    <input
                      id={id}
                      aria-describedby={describedBy}
                      inputMode="decimal"
                      placeholder="No limit"
                      value={filled.budget[name] ?? ""}
                      onChange={(event) =>
                        onChange({ ...filled, budget: { ...filled.budget, [name]: event.target.value } })
                      }
                      className={`${lineClass} placeholder:text-ink-3`}
                    />
                  )}
                </Labelled>
              ))}
            </div>
          </fieldset>
        </div>
      ) : null}
    </div>
  )
}
