/**
 * What the agents of all four frameworks work for: a shop with two tools, and a stand-in for a model. Each call of them is counted at
 * SHOP_URL, outside of the worker, since it would cost something.
 */

const count = async (what: string): Promise<void> => {
  await fetch(`${process.env["SHOP_URL"]}/${what}`, { method: "POST" })
}

export const findOrder = async ({ id }: { id: string }): Promise<string> => {
  await count("find_order")
  return `Order ${id} of Ada, 400 EUR`
}

export const refund = async ({ euros, id }: { id: string; euros: number }): Promise<string> => {
  await count("refund")
  return `Order ${id} is refunded: ${euros} EUR`
}

/** What the model answers: a call of a tool, or text. */
export type Turn =
  | { readonly callId: string; readonly tool: string; readonly input: Readonly<Record<string, unknown>> }
  | { readonly text: string }

/** The answer of the stand-in for a model, whose request has the results of so many calls. */
export const answer = async (results: number): Promise<Turn> => {
  await count(`model-${results + 1}`)
  if (results === 0) return { callId: "call-1", tool: "find_order", input: { id: "1041" } }
  if (results === 1) return { callId: "call-2", tool: "refund", input: { id: "1041", euros: 400 } }
  return { text: "Is there anything else?" }
}
