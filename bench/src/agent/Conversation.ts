/** What an agent does between two answers of its model, the same for every contender. */

export interface Message {
  readonly role: "user" | "assistant" | "tool"
  readonly content: string
}

/** The call of a tool that an answer ends with. `arguments` is JSON. */
export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
}

/** An answer of the model. The one without a call is the last. */
export interface Answer {
  readonly text: string
  readonly call: ToolCall | null
}

/** The conversation that each agent is submitted with. */
export const opening: ReadonlyArray<Message> = [
  { role: "user", content: "We are three and take the train to Portugal. What may we take along?" },
  { role: "assistant", content: "Two pieces of luggage each. A bicycle needs a ticket of its own." },
  { role: "user", content: "What is the weather in Lisbon, and should I take a coat?" },
]

/** The result of the step after an answer. */
export interface Note {
  readonly characters: number
}

export const noteOf = ({ text }: Answer): Note => ({ characters: text.length })

/** The tool. */
export const weather = (call: ToolCall, note: Note): string =>
  JSON.stringify({ city: JSON.parse(call.arguments).city, celsius: 17, after: note.characters })

/** The conversation of the next request. */
export const continued = (
  messages: ReadonlyArray<Message>,
  { text }: Answer,
  result: string,
): ReadonlyArray<Message> => [
  ...messages,
  { role: "assistant", content: text },
  { role: "tool", content: result },
]
