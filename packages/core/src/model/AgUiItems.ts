/**
 * The events of AG-UI that open, continue and close an item: a message, a tool call, a step, reasoning, or a subagent. Imports no
 * module, so that pages may use it.
 *
 * Source: https://docs.ag-ui.com/concepts/events
 */

/** An event of any type: the parts of `LogEvent` that a page has too. */
interface Event {
  readonly type: string
  readonly [key: string]: unknown
}

/** What may be open. */
export type Kind = "message" | "tool" | "reasoning" | "reasoningMessage" | "step" | "subagent"

/** The field that identifies an item in each of its events. */
export type Field = "messageId" | "toolCallId" | "stepName" | "subagentRunId"

/**
 * One kind of item and its events. `chunk`: one event that replaces all of them. `owned`: the namespace in which its id has an owner, an
 * agent. `defaults`: the required fields of an opening event that is inserted.
 */
export interface Item {
  readonly kind: Kind
  readonly noun: string
  readonly field: Field
  readonly opens: string
  readonly continues?: string
  readonly closes: ReadonlyArray<string>
  readonly chunk?: string
  readonly owned?: "message" | "toolCall" | "reasoning"
  readonly defaults: Readonly<Record<string, unknown>>
}

/** Every kind of item. */
export const items: Readonly<Record<Kind, Item>> = {
  message: {
    kind: "message",
    noun: "message",
    field: "messageId",
    opens: "TEXT_MESSAGE_START",
    continues: "TEXT_MESSAGE_CONTENT",
    closes: ["TEXT_MESSAGE_END"],
    chunk: "TEXT_MESSAGE_CHUNK",
    owned: "message",
    defaults: { role: "assistant" },
  },
  tool: {
    kind: "tool",
    noun: "tool call",
    field: "toolCallId",
    opens: "TOOL_CALL_START",
    continues: "TOOL_CALL_ARGS",
    closes: ["TOOL_CALL_END"],
    chunk: "TOOL_CALL_CHUNK",
    owned: "toolCall",
    defaults: { toolCallName: "unknown" },
  },
  reasoning: {
    kind: "reasoning",
    noun: "reasoning",
    field: "messageId",
    opens: "REASONING_START",
    closes: ["REASONING_END"],
    owned: "reasoning",
    defaults: {},
  },
  reasoningMessage: {
    kind: "reasoningMessage",
    noun: "reasoning message",
    field: "messageId",
    opens: "REASONING_MESSAGE_START",
    continues: "REASONING_MESSAGE_CONTENT",
    closes: ["REASONING_MESSAGE_END"],
    chunk: "REASONING_MESSAGE_CHUNK",
    owned: "reasoning",
    defaults: { role: "reasoning" },
  },
  step: {
    kind: "step",
    noun: "step",
    field: "stepName",
    opens: "STEP_STARTED",
    closes: ["STEP_FINISHED"],
    defaults: {},
  },
  subagent: {
    kind: "subagent",
    noun: "subagent",
    field: "subagentRunId",
    opens: "SUBAGENT_STARTED",
    closes: ["SUBAGENT_FINISHED", "SUBAGENT_ERROR"],
    defaults: {},
  },
}

/** What an event of one type does with an item. */
export interface Use {
  readonly item: Item
  readonly action: "opens" | "continues" | "closes" | "chunk"
}

const usesOf = (item: Item): ReadonlyArray<readonly [string | undefined, Use]> => [
  [item.opens, { item, action: "opens" }],
  [item.continues, { item, action: "continues" }],
  [item.chunk, { item, action: "chunk" }],
  ...item.closes.map((type) => [type, { item, action: "closes" }] as const),
]

const uses: ReadonlyMap<string | undefined, Use> = new Map(Object.values(items).flatMap(usesOf))

/** What an event of this type does with an item. Undefined for any other event. */
export const useOf = (type: string): Use | undefined => uses.get(type)

/** The message or tool call that an event begins: it opens it, or it is a chunk of it. Reasoning counts as a message. */
export const beginningOf = (
  event: Event,
): { readonly field: "messageId" | "toolCallId"; readonly id: string } | undefined => {
  const use = uses.get(event.type)
  if (use === undefined || (use.action !== "opens" && use.action !== "chunk")) return undefined
  const { field } = use.item
  const id = event[field]
  return typeof id === "string" && (field === "messageId" || field === "toolCallId")
    ? { field, id }
    : undefined
}

/** The event that opens the item which an event continues. Undefined for any other event. */
export const openingOf = (event: Event): Event | undefined => {
  const use = uses.get(event.type)
  if (use?.action !== "continues") return undefined
  const { defaults, field, opens } = use.item
  return { ...defaults, type: opens, [field]: event[field] }
}
