/** What is written for an agent: the fields of its form, JSON, or a text. */
import type * as Json from "@runlease/http/Json"
import { useState } from "react"
import { parsed, payloadOf } from "../../form/payload"
import { type Field, fieldsOf, initialOf, isText, type Schema, type Values } from "../../form/schema"
import { isRecord } from "../run/model/questions"

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

/** What an agent gets by now. */
export interface InputBefore {
  readonly agent: string
  readonly value: unknown
}

const textOf = (value: unknown): string =>
  value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value, null, 2)

/** The payload of an agent: the fields of its form, else JSON; or a text for an agent without a form. */
export const useInput = (agents: ReadonlyArray<Json.Agent>, agent: string, before?: InputBefore) => {
  const [text, setText] = useState(before === undefined ? "" : textOf(before.value))
  const [edited, setEdited] = useState<Readonly<Record<string, Values>>>(
    before !== undefined && isRecord(before.value) ? { [before.agent]: before.value } : {},
  )
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
