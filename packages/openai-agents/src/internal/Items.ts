/** The items of a model's answer, as they are recorded and shown. */
import type { AgentOutputItem, AssistantMessageItem, StreamEvent } from "@openai/agents-core"
import type { FrameworkSteps } from "@runlease/core/executor"
import { Encoding, Predicate } from "effect"

/** A value as JSON has it. Bytes are base64. */
const toJson = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Encoding.encodeBase64(value)
  if (value instanceof Date || value instanceof URL) return value.toJSON()
  if (Array.isArray(value)) return value.map(toJson)
  return Predicate.isRecord(value)
    ? Object.fromEntries(
        Object.entries(value).flatMap(([name, inner]) =>
          inner === undefined ? [] : [[name, toJson(inner)] as const],
        ),
      )
    : value
}

/** The items as JSON, with the ids that their calls have in this run. */
export const recorded = <Item extends AgentOutputItem>(
  items: ReadonlyArray<Item>,
  callId: (modelId: string) => string,
): Array<Item> =>
  items.map((item) => {
    const json = toJson(item)
    if (!Predicate.isRecord(json)) return item
    const { callId: own, caller } = json
    const made: unknown = {
      ...json,
      ...(Predicate.isString(own) ? { callId: callId(own) } : {}),
      ...(Predicate.isRecord(caller) && Predicate.isString(caller["callerId"])
        ? { caller: { ...caller, callerId: callId(caller["callerId"]) } }
        : {}),
    }
    return made as Item
  })

/** The text of a message of an answer, or of its refusal. */
const textOf = (item: AssistantMessageItem): string =>
  item.content
    .map((part) => (part.type === "output_text" ? part.text : part.type === "refusal" ? part.refusal : ""))
    .join("")

/** A piece of reasoning in an event of a provider, by the protocol of OpenAI's responses or of its chat completions. */
const reasoningOf = (event: unknown): readonly [id: string, delta: string] | undefined => {
  if (!Predicate.isRecord(event)) return undefined
  const { choices, delta, item_id, type } = event
  if (type === "response.reasoning_summary_text.delta" || type === "response.reasoning_text.delta") {
    return Predicate.isString(delta) ? [String(item_id), delta] : undefined
  }
  const [choice]: ReadonlyArray<unknown> = Array.isArray(choices) ? choices : []
  const piece = Predicate.isRecord(choice) && Predicate.isRecord(choice["delta"]) ? choice["delta"] : {}
  const text = piece["reasoning"] ?? piece["reasoning_content"]
  return Predicate.isString(text) ? ["", text] : undefined
}

/** The name of the model in an event of a provider, or in its response. */
export const modelOf = (value: unknown): string | undefined => {
  if (!Predicate.isRecord(value)) return undefined
  const { model, response } = value
  if (Predicate.isString(model) && model !== "") return model
  return response === value ? undefined : modelOf(response)
}

/** Shows an answer as it comes. */
export const shower = (answer: FrameworkSteps.Answer) => {
  let hasText = false
  let reasoning: string | undefined
  const endReasoning = async (): Promise<void> => {
    if (reasoning !== undefined) await answer.end("reasoning", reasoning)
    reasoning = undefined
  }
  const extendText = async (id: string, delta: string): Promise<void> => {
    await endReasoning()
    hasText = true
    await answer.extend("text", id, delta)
  }
  const showItem = async (item: AgentOutputItem): Promise<void> => {
    if (item.type === "function_call") {
      await answer.startCall(item.callId, item.name)
      await answer.extendCall(item.callId, item.arguments)
      await answer.endCall(item.callId)
    }
    // A model without deltas has its text here alone.
    else if ("role" in item && item.role === "assistant" && !hasText) {
      await answer.extend("text", item.id ?? "", textOf(item))
    }
  }
  return {
    event: async (event: StreamEvent): Promise<void> => {
      if (event.type === "output_text_delta") return extendText(event.itemId ?? "", event.delta)
      const piece = event.type === "model" ? reasoningOf(event.event) : undefined
      if (piece === undefined) return
      const [id, delta] = piece
      if (reasoning !== id) await endReasoning()
      reasoning = id
      await answer.extend("reasoning", id, delta)
    },
    /** The whole answer, whose calls are shown at its end. */
    done: async (items: ReadonlyArray<AgentOutputItem>): Promise<void> => {
      await endReasoning()
      for (const item of items) await showItem(item)
    },
  }
}
