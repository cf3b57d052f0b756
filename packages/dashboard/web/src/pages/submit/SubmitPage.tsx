/** The page on which runs are submitted by hand. */
import type * as Json from "@runlease/http/Json"
import { useMutation, useQuery } from "@tanstack/react-query"
import { getRouteApi, useNavigate } from "@tanstack/react-router"
import { type FormEvent, type KeyboardEvent, useState } from "react"
import { send } from "../../api/client"
import { agentsQuery } from "../../api/project"
import { useProject } from "../../api/session"
import { areaClass, FormFields, Labelled, lineClass } from "../../form/FormFields"
import { SelectBox } from "../../form/SelectBox"
import type { Problems } from "../../form/payload"
import { plural } from "../../format/numbers"
import { Page } from "../../shell/Page"
import { wholeRun } from "../../shell/links"
import { Button } from "../../ui/Button"
import { Copy } from "../../ui/Copy"
import { Skeleton, Trouble } from "../../ui/Loading"
import { Chevron } from "../run/conversation/Disclosure"
import { limitFields, limitNames } from "../run/question/budgetLimits"
import { useInput } from "./agentInput"
import { type Filled, type FilledProblems, nothingFilled, submissionOf } from "./submission"

const other = " other"

const wordOf = ({ agent_id, workers }: Json.Agent): string =>
  `${agent_id}, ${workers === 0 ? "no worker now" : plural(workers, "worker")}`

/** Which agent the run is for: one that workers have, or another by its id. */
const AgentField = ({
  agent,
  agents,
  onChange,
  problem,
}: {
  readonly agent: string
  readonly agents: ReadonlyArray<Json.Agent>
  readonly problem: string | undefined
  readonly onChange: (agent: string) => void
}) => {
  const listed = agents.find(({ agent_id }) => agent_id === agent)
  const [isOther, setOther] = useState(agent !== "" && listed === undefined)
  const isTyped = isOther || agents.length === 0
  return (
    <>
      {agents.length === 0 ? null : (
        <Labelled
          label="Agent"
          problem={isTyped ? undefined : problem}
          help={
            listed?.workers === 0 && !isTyped
              ? "No worker has this agent now. The run waits in the queue until one does."
              : undefined
          }
        >
          {({ describedBy, id }) => (
            <SelectBox
              id={id}
              describedBy={describedBy}
              placeholder="Choose an agent"
              value={isTyped ? other : agent}
              options={[
                ...agents.map((one) => ({ value: one.agent_id, label: wordOf(one) })),
                { value: other, label: "Another agent, by its id" },
              ]}
              onChange={(chosen) => {
                setOther(chosen === other)
                onChange(chosen === other ? "" : chosen)
              }}
            />
          )}
        </Labelled>
      )}
      {isTyped ? (
        <Labelled
          label={agents.length === 0 ? "Agent" : "Id of the agent"}
          problem={problem}
          help="The run waits in the queue until a worker of this agent claims it."
        >
          {({ describedBy, id }) => (
            <input
              id={id}
              aria-describedby={describedBy}
              value={agent}
              autoCapitalize="off"
              spellCheck={false}
              onChange={(event) => onChange(event.target.value)}
              className={lineClass}
            />
          )}
        </Labelled>
      ) : null}
    </>
  )
}

const fields = [
  ["priority", "Priority", "-1000 to 1000, higher first. 0 when empty.", "numeric"],
  ["delay", "Not before", "Such as 30 s, 5 m, 2 h or 1 d from now. At once when empty.", "text"],
  ["maxAttempts", "Attempts", "1 to 100. 3 when empty.", "numeric"],
  ["ttl", "Start within", "Cancelled if no worker claims it by then, such as 10 m.", "text"],
  ["timeout", "Timeout", "Fails when it has worked for so long, such as 1 h. Waits do not count.", "text"],
  ["key", "Concurrency key", "Runs with one key do not overlap.", "text"],
] as const

/** What else a submission may say, folded away. */
const SubmitOptions = ({
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

const useSubmit = () => {
  const navigate = useNavigate()
  return useMutation({
    mutationFn: async (body: unknown): Promise<string> => (await send("submit", { body })).run.run_id,
    onSuccess: (runId) => navigate({ to: "/runs/$runId", params: { runId }, search: wholeRun }),
  })
}

/** A run to be submitted. */
const SubmitForm = ({
  agents,
  initial,
}: {
  readonly agents: ReadonlyArray<Json.Agent>
  readonly initial: string
}) => {
  const only = agents.filter(({ workers }) => workers > 0)
  const [options, setOptions] = useState({
    ...nothingFilled,
    agent: initial !== "" ? initial : only.length === 1 ? only[0]!.agent_id : "",
    text: "",
  })
  const input = useInput(agents, options.agent)
  const [isTried, setTried] = useState(false)
  const submit = useSubmit()
  const filled: Filled = { ...options, text: input.text, input: input.input }
  const submission = submissionOf(filled)
  const { body, command } = submission
  const problems =
    input.textProblem === undefined
      ? submission.problems
      : { ...submission.problems, text: input.textProblem }
  const shown = isTried ? problems : {}
  const shownFields: Problems = isTried ? input.problems : {}
  const go = () => {
    setTried(true)
    if (submit.isPending || Object.keys(problems).length + Object.keys(input.problems).length > 0) return
    submit.mutate(body(Date.now()))
  }
  return (
    <form
      noValidate
      className="grid max-w-[720px] gap-4 rounded-3 border border-line bg-surface p-4 max-desk:p-3"
      onSubmit={(event: FormEvent) => {
        event.preventDefault()
        go()
      }}
      onKeyDown={(event: KeyboardEvent) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return
        event.preventDefault()
        go()
      }}
    >
      <AgentField
        agents={agents}
        agent={options.agent}
        problem={shown.agent}
        onChange={(agent) => setOptions({ ...options, agent })}
      />
      {input.fields === undefined ? (
        <Labelled label={input.isJson ? "Payload, as JSON" : "What it is to do"} problem={shown.text}>
          {({ describedBy, id }) => (
            <textarea
              id={id}
              aria-describedby={describedBy}
              aria-invalid={shown.text === undefined ? undefined : true}
              value={input.text}
              onChange={(event) => input.setText(event.target.value)}
              className={`${areaClass} min-h-32 text-read`}
            />
          )}
        </Labelled>
      ) : (
        <FormFields
          fields={input.fields}
          values={input.values}
          problems={shownFields}
          onChange={input.setValues}
        />
      )}
      <SubmitOptions
        filled={filled}
        problems={shown}
        onChange={(next) => setOptions({ ...next, text: "" })}
      />
      {submit.error === null ? null : (
        <p role="alert" className="text-failed">
          {submit.error.message}. Nothing was submitted.
        </p>
      )}
      <div className="flex items-center gap-3">
        <Button type="submit" look="solid" disabled={submit.isPending} title="Ctrl Enter submits">
          Submit the run
        </Button>
        {command === null ? null : <Copy text={command}>Copy the command</Copy>}
      </div>
    </form>
  )
}

const route = getRouteApi("/signed-in/submit")

const SubmitPage = () => {
  const project = useProject() ?? ""
  const { agent = "" } = route.useSearch()
  const agents = useQuery(agentsQuery(project))
  return (
    <Page title="Submit a run">
      {agents.data !== undefined ? (
        <SubmitForm key={agent} agents={agents.data} initial={agent} />
      ) : agents.error !== null ? (
        <div className="max-w-[720px] rounded-3 border border-line bg-surface">
          <Trouble error={agents.error} retry={() => void agents.refetch()} />
        </div>
      ) : (
        <Skeleton rows={4} />
      )}
    </Page>
  )
}

export default SubmitPage
