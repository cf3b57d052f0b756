/** A run to be submitted. */
import { useMutation } from "@tanstack/react-query"
import { useNavigate } from "@tanstack/react-router"
import type * as Json from "@runlease/http/Json"
import { type FormEvent, type KeyboardEvent, useState } from "react"
import { send } from "../../api/client"
import { areaClass, FormFields, Labelled } from "../../form/FormFields"
import { parsed, payloadOf, type Problems } from "../../form/payload"
import { type Field, fieldsOf, initialOf, isText, type Schema, type Values } from "../../form/schema"
import { Button } from "../../ui/Button"
import { Copy } from "../../ui/Copy"
import { isRecord } from "../run/model/questions"
import { AgentField } from "./AgentField"
import { SubmitOptions } from "./SubmitOptions"
import { type Filled, nothingFilled, submissionOf } from "./submission"
import { wholeRun } from "../../shell/links"

const schemaOf = (agents: ReadonlyArray<Json.Agent>, agent: string): Schema | undefined => {
  const form = agents.find(({ agent_id }) => agent_id === agent)?.form
  return isRecord(form) ? form : undefined
}

type Input = { readonly value: unknown } | undefined

/** What is written for an agent without fields: text as it is, and anything else as JSON. */
const writtenOf = (schema: Schema, text: string): { readonly input: Input; readonly problem?: string } => {
  if (isText(schema)) return { input: { value: text } }
  if (text.trim() === "") return { input: { value: undefined }, problem: "Fill this in" }
  const read = parsed(text)
  return "problem" in read ? { input: { value: undefined }, problem: read.problem } : { input: read }
}

/** The payload of an agent: the fields of its form, else JSON; or a text for an agent without a form. */
const useInput = (agents: ReadonlyArray<Json.Agent>, agent: string) => {
  const [text, setText] = useState("")
  const [edited, setEdited] = useState<Readonly<Record<string, Values>>>({})
  const schema = schemaOf(agents, agent)
  const fields: ReadonlyArray<Field> | undefined = fieldsOf(schema)
  const values = edited[agent] ?? initialOf(schema)
  const payload = fields === undefined ? undefined : payloadOf(fields, values)
  const written = schema === undefined || fields !== undefined ? undefined : writtenOf(schema, text)
  return {
    fields,
    values,
    setValues: (next: Values) => setEdited({ ...edited, [agent]: next }),
    isJson: written !== undefined && !isText(schema),
    text,
    setText,
    textProblem: written?.problem,
    input: (payload === undefined ? written?.input : { value: payload.value }) satisfies Input,
    problems: payload?.problems ?? {},
  }
}

const useSubmit = () => {
  const navigate = useNavigate()
  return useMutation({
    mutationFn: async (body: unknown): Promise<string> => (await send("submit", { body })).run.run_id,
    onSuccess: (runId) => navigate({ to: "/runs/$runId", params: { runId }, search: wholeRun }),
  })
}

export const SubmitForm = ({
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
