/** The request of the runs of a schedule, from its form. */
import type * as Json from "@runlease/http/Json"
import type { Field } from "../../form/schema"
import { isRecord } from "../run/model/questions"

type Config = Json.Schedule["config"]

interface Filled {
  /** Whether the schedule had this agent before. */
  readonly isSameAgent: boolean
  readonly prompt: string
  readonly fields: ReadonlyArray<Field> | undefined
  /** The payload that is filled in. */
  readonly input: { readonly value: unknown } | undefined
  /** Whether the form has a payload. One that it does not show stays as it is. */
  readonly hasPayload: boolean
}

/** The members of a payload that no field of the form shows. */
const hidden = (input: unknown, fields: ReadonlyArray<Field>): Readonly<Record<string, unknown>> =>
  isRecord(input)
    ? Object.fromEntries(
        Object.entries(input).filter(([name]) => fields.every((field) => field.name !== name)),
      )
    : {}

const isEmpty = (value: unknown): boolean => isRecord(value) && Object.keys(value).length === 0

/** An empty payload is none, so that the runs get the times of their ticks as before. What the form does not show stays. */
export const configOf = (
  { input: inputBefore, prompt: _prompt, ...before }: Config,
  { fields, hasPayload, input, isSameAgent, prompt }: Filled,
): Config => {
  const others = isSameAgent && fields !== undefined ? hidden(inputBefore, fields) : {}
  const value = isRecord(input?.value) ? { ...others, ...input.value } : input?.value
  const next = hasPayload ? value : isSameAgent ? inputBefore : undefined
  return {
    ...before,
    ...(prompt.trim() === "" ? {} : { prompt }),
    ...(next === undefined || (isEmpty(next) && !isEmpty(inputBefore)) ? {} : { input: next }),
  }
}
