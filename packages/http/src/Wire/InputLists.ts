/** The lists of an AG-UI input, whose length the protocol leaves open. */
import { Predicate } from "effect"
import { maxMessages, maxParts, maxTools } from "./Submission.js"

/** A place of an input, and what it must be. */
export interface Problem {
  readonly path: ReadonlyArray<PropertyKey>
  readonly says: string
}

type Lengths = Readonly<Record<string, number>>

type Properties = Readonly<Record<string, unknown>>

/** The most items of each list of an input. */
const ofInput: Lengths = { messages: maxMessages, tools: maxTools, context: maxTools, resume: maxMessages }

/** The most items of each list of a message. */
const ofMessage: Lengths = { toolCalls: maxParts, content: maxParts }

const lengths: Lengths = { ...ofInput, ...ofMessage }

const eachOf = (node: Properties, change: (value: unknown, name: string) => unknown): Properties =>
  Object.fromEntries(Object.entries(node).map(([name, value]) => [name, change(value, name)]))

/** The JSON Schema of an input, with the length of each list. `list` is the name of the property that the schema is for. */
export const withLengths = (schema: Properties, list = ""): Properties => {
  const inner = eachOf(schema, (value, name) => {
    if (name === "properties" && Predicate.isRecord(value)) {
      return eachOf(value, (property, key) =>
        Predicate.isRecord(property) ? withLengths(property, key) : property,
      )
    }
    if (Array.isArray(value)) {
      return value.map((each) => (Predicate.isRecord(each) ? withLengths(each, list) : each))
    }
    return Predicate.isRecord(value) ? withLengths(value, list) : value
  })
  const maxItems = lengths[list]
  return inner["type"] === "array" && maxItems !== undefined ? { ...inner, maxItems } : inner
}

const within = (holder: unknown, most: Lengths, path: ReadonlyArray<PropertyKey>): Problem | undefined => {
  if (!Predicate.isRecord(holder)) return undefined
  for (const [name, max] of Object.entries(most)) {
    const list = holder[name]
    if (Array.isArray(list) && list.length > max) {
      return { path: [...path, name], says: `must hold at most ${max} items` }
    }
  }
  return undefined
}

/** The first list of an input that is too long. */
export const tooLong = (input: unknown): Problem | undefined => {
  const problem = within(input, ofInput, [])
  if (problem !== undefined || !Predicate.isRecord(input) || !Array.isArray(input["messages"])) return problem
  for (const [index, message] of input["messages"].entries()) {
    const inMessage = within(message, ofMessage, ["messages", index])
    if (inMessage !== undefined) return inMessage
  }
  return undefined
}
