import { BaseChatModel } from "@langchain/core/language_models/chat_models"
import { AIMessage, type BaseMessage, ToolMessage } from "@langchain/core/messages"
import type { ChatResult } from "@langchain/core/outputs"
import { type StructuredToolInterface, tool } from "@langchain/core/tools"
import { Command, END, interrupt, MessagesAnnotation, START, StateGraph } from "@langchain/langgraph"
import { ToolNode } from "@langchain/langgraph/prebuilt"
import { z } from "zod"
import * as Shop from "../../src/shop.js"

/** The stand-in for a model, by LangChain's own interface. */
class StandIn extends BaseChatModel {
  _llmType() {
    return "stand-in"
  }
  async _generate(messages: Array<BaseMessage>): Promise<ChatResult> {
    const turn = await Shop.answer(messages.filter((message) => ToolMessage.isInstance(message)).length)
    const message =
      "text" in turn
        ? new AIMessage(turn.text)
        : new AIMessage({
            content: "",
            tool_calls: [{ type: "tool_call", id: turn.callId, name: turn.tool, args: { ...turn.input } }],
          })
    return { generations: [{ text: message.text, message }] }
  }
}

const model = new StandIn({})

/** Asks the model: `model.bindTools(tools).invoke(messages)` with a model that takes tools. */
export const callModel = (messages: Array<BaseMessage>): Promise<AIMessage> => model.invoke(messages)

export const tools: ReadonlyArray<StructuredToolInterface> = [
  tool(Shop.findOrder, {
    name: "find_order",
    description: "Finds an order.",
    schema: z.object({ id: z.string() }),
  }),
  tool(Shop.refund, {
    name: "refund",
    description: "Pays an order back.",
    schema: z.object({ id: z.string(), euros: z.number() }),
  }),
]

const needApproval = new Set(["refund"])

/** A question that the graph is interrupted with. Its answer is whether each of the calls is approved, and why not, by their ids. */
export interface Question {
  readonly calls: ReadonlyArray<{ readonly id: string; readonly name: string; readonly args: unknown }>
}

const callsOf = (messages: Array<BaseMessage>) => {
  const last = messages.at(-1)
  return AIMessage.isInstance(last) ? (last.tool_calls ?? []) : []
}

interface Decision {
  readonly approved: boolean
  readonly reason?: string
}

type State = typeof MessagesAnnotation.State

/** Goes on to the tools, or back to the model with what was declined. */
const approval = ({ messages }: State) => {
  const calls = callsOf(messages).flatMap(({ args, id = "", name }) =>
    needApproval.has(name) ? [{ id, name, args }] : [],
  )
  const answers: Record<string, Decision> =
    calls.length === 0 ? {} : interrupt<Question, Record<string, Decision>>({ calls })
  const declined = calls.filter(({ id }) => answers[id]?.approved !== true)
  return declined.length === 0
    ? new Command({ goto: "tools" })
    : new Command({
        goto: "model",
        update: {
          messages: callsOf(messages).map(
            ({ id = "" }) =>
              new ToolMessage({
                tool_call_id: id,
                content: ["This call was not approved.", answers[id]?.reason ?? ""].join(" ").trim(),
              }),
          ),
        },
      })
}

type Tools = ConstructorParameters<typeof ToolNode>[0]

/** A graph as you have it, with the model and the tools that it uses: nothing in it is Runlease's. */
export const graphOf = (call: typeof callModel, tools: Tools) =>
  new StateGraph(MessagesAnnotation)
    .addNode("model", async ({ messages }) => ({ messages: [await call(messages)] }))
    .addNode("approval", approval, { ends: ["model", "tools"] })
    .addNode("tools", new ToolNode(tools))
    .addEdge(START, "model")
    .addConditionalEdges("model", ({ messages }) => (callsOf(messages).length === 0 ? END : "approval"), [
      "approval",
      END,
    ])
    .addEdge("tools", "model")
