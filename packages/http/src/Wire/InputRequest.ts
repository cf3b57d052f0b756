/**
 * Questions of runs as requests for input: fields that a person fills in. The public API has these; the questions are those of interrupts.
 *
 * Source: https://docs.ag-ui.com/concepts/interrupts, docs/decisions/0150-input-requests.md
 */
import { type Interrupt as Core, Ids, ResumeRules, type Run } from "@runlease/core"
import { uuidOf } from "@runlease/core/Digest"
import * as SealedParts from "@runlease/core/SealedParts"
import * as ToolArguments from "@runlease/core/ToolArguments"
import { Option, Predicate, Schema } from "effect"
import { absent, JsonObject, orNull, Timestamp } from "../Wire.js"

/** What a person fills in. `json` is (ours): a value that no other type shows, as JSON. */
export const InputField = Schema.Struct({
  name: Schema.String,
  type: Schema.Literal(
    "text",
    "textarea",
    "email",
    "url",
    "number",
    "checkbox",
    "select",
    "password",
    "json",
  ),
  label: Schema.String,
  description: absent(Schema.String),
  required: Schema.Boolean,
  options: absent(Schema.Array(Schema.Unknown)),
  default: Schema.optional(Schema.Unknown),
}).annotations({ identifier: "InputField" })
type InputField = typeof InputField.Type

export const Status = Schema.Literal("open", "submitted", "cancelled")

export const InputResponse = Schema.Struct({
  response_id: Schema.UUID,
  values: JsonObject,
  redacted_fields: absent(Schema.Array(Schema.String)),
}).annotations({ identifier: "InputResponse" })

export const InputRequest = Schema.Struct({
  input_request_id: Schema.UUID,
  run_id: Ids.RunId,
  project_id: Ids.ProjectId,
  conversation_id: Ids.ConversationId,
  title: Schema.String,
  description: absent(Schema.String),
  fields: Schema.Array(InputField),
  requested_responder_type: Schema.Literal("human"),
  status: Status,
  expires_at: orNull(Timestamp),
  response: orNull(InputResponse),
  tool_call_id: absent(Schema.String),
  metadata: absent(JsonObject),
}).annotations({ identifier: "InputRequest" })
export type InputRequest = typeof InputRequest.Type

/** The id of the request that an interrupt of a run is. */
export const idOf = (runId: string, interruptId: string): string => uuidOf(`input ${runId}\n${interruptId}`)

type JsonSchema = Readonly<Record<string, unknown>>

const asSchema = (value: unknown): JsonSchema => (Predicate.isRecord(value) ? value : {})

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

const typeOf = (schema: JsonSchema): InputField["type"] => {
  if (ToolArguments.isSecret(schema)) return "password"
  if (Array.isArray(schema["enum"])) return "select"
  switch (schema["type"]) {
    case "boolean":
      return "checkbox"
    case "number":
    case "integer":
      return "number"
    case "string": {
      const { format } = schema
      return format === "email"
        ? "email"
        : format === "uri"
          ? "url"
          : format === "textarea"
            ? "textarea"
            : "text"
    }
    default:
      return "json"
  }
}

const fieldOf = (name: string, schema: JsonSchema, required: boolean): InputField => ({
  name,
  type: typeOf(schema),
  label: text(schema["title"]) ?? name,
  description: text(schema["description"]),
  required,
  options: Array.isArray(schema["enum"]) ? schema["enum"] : undefined,
  ...("default" in schema ? { default: schema["default"] } : {}),
})

/** The name of the field of a question whose answer is no object with fields. */
const whole = "answer"

/** The properties of an answer that is an object; none for another one. */
const propertiesOf = (schema: JsonSchema): Option.Option<JsonSchema> =>
  schema["type"] === "object" && Predicate.isRecord(schema["properties"])
    ? Option.some(schema["properties"])
    : Option.none()

const fieldsOf = (schema: JsonSchema): ReadonlyArray<InputField> =>
  Option.match(propertiesOf(schema), {
    onNone: () => [fieldOf(whole, schema, true)],
    onSome: (properties) => {
      const required = Array.isArray(schema["required"]) ? schema["required"] : []
      return Object.entries(properties).map(([name, of]) =>
        fieldOf(name, asSchema(of), required.includes(name)),
      )
    },
  })

/** The payload of an answer that has these values. */
export const payloadOf = ({ responseSchema }: Core.Interrupt, values: JsonSchema): unknown =>
  Option.isSome(propertiesOf(asSchema(responseSchema))) ? values : values[whole]

/** The answer as a store keeps it, which has its secrets sealed. */
export const withoutSecrets = ({ responseSchema }: Core.Interrupt, answer: Core.Answer): Core.Answer => {
  const secrets = SealedParts.secretsIn(responseSchema, answer.payload)
  return secrets.length === 0
    ? answer
    : {
        ...answer,
        payload: SealedParts.replaced(
          answer.payload,
          secrets.map(({ path }) => ({ path, value: SealedParts.prefix })),
        ),
      }
}

const responseOf = (runId: string, { interruptId, payload }: Core.Answer) => {
  const values = Predicate.isRecord(payload) ? payload : { [whole]: payload ?? null }
  const sealed = SealedParts.sealedIn(values)
  return {
    response_id: uuidOf(`response ${runId}\n${interruptId}`),
    values: SealedParts.replaced(
      values,
      sealed.map(({ path }) => ({ path, value: ToolArguments.hidden })),
    ) as JsonSchema,
    redacted_fields: sealed.length === 0 ? undefined : sealed.map(({ path }) => path.join(".")),
  }
}

/** The request that an interrupt of a run is, with its answer if it has one. */
export const make = (
  run: Run.Run,
  interrupt: Core.Interrupt,
  answer: Core.Answer | undefined,
): InputRequest => ({
  input_request_id: idOf(run.runId, interrupt.id),
  run_id: run.runId,
  project_id: run.projectId,
  conversation_id: run.conversationId,
  title: interrupt.message ?? interrupt.id,
  fields: fieldsOf(asSchema(interrupt.responseSchema)),
  requested_responder_type: "human",
  status: answer === undefined ? "open" : answer.status === "cancelled" ? "cancelled" : "submitted",
  expires_at: interrupt.expiresAt ?? null,
  response: answer === undefined || answer.status === "cancelled" ? null : responseOf(run.runId, answer),
  tool_call_id: interrupt.toolCallId,
  metadata: interrupt.metadata,
})

/** The questions of a run that a person answers, with their answers so far. What its client does is none of them. */
export const ofRun = (
  run: Run.Run,
): ReadonlyArray<{ readonly interrupt: Core.Interrupt; readonly answer: Core.Answer | undefined }> =>
  (run.waiting?.interrupts ?? [])
    .filter(({ clientTool }) => clientTool !== true)
    .map((interrupt) => ({
      interrupt,
      answer: run.waiting?.answers.find(
        ({ interruptId }) => ResumeRules.named([interrupt], interruptId) !== undefined,
      ),
    }))
