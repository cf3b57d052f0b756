/**
 * An agent of DBOS: a workflow, in an app that starts it for a request. Each answer of its model is a step that writes its deltas to a
 * stream of the workflow. A worker that starts recovers the workflows of the one before, which has the same executor's id.
 *
 * Source: https://docs.dbos.dev/ai/streaming, https://docs.dbos.dev/typescript/tutorials/workflow-communication,
 * https://docs.dbos.dev/production/workflow-recovery
 */
import { DBOS } from "@dbos-inc/dbos-sdk"
import { Effect } from "effect"
import { createServer, type IncomingMessage } from "node:http"
import * as Conversation from "../src/agent/Conversation.js"
import * as Model from "../src/agent/Model.js"
import type { Item } from "../src/agent/Viewing.js"
import { main } from "../src/contenders/Contender.js"
import { configOf, stream, type Submission } from "./DbosApp.js"

export interface Options {
  readonly database: string
  /** The URL of the model. */
  readonly model: string
  /** The port of the app. */
  readonly port: number
}

type Messages = Submission["messages"]

const publish = (item: Item): Promise<void> => DBOS.writeStream(stream, item)

const answer = async (model: string, messages: Messages, number: number): Promise<Conversation.Answer> => {
  await publish({ type: "answer", number })
  const asked = Model.ask(model, messages)
  for await (const text of asked.deltas) await publish({ type: "delta", text })
  return asked.answer()
}

const weather = async (call: Conversation.ToolCall, note: Conversation.Note): Promise<string> => {
  const result = Conversation.weather(call, note)
  await publish({ type: "tool", name: "weather", result })
  return result
}

const agent =
  (model: string) =>
  async (opening: Messages): Promise<void> => {
    let messages = opening
    for (let number = 0; ; number += 1) {
      const said = await DBOS.runStep(() => answer(model, messages, number), { name: "answer" })
      const { call } = said
      if (call === null) break
      const note = await DBOS.runStep(async () => Conversation.noteOf(said), { name: "note" })
      const result = await DBOS.runStep(() => weather(call, note), { name: "weather" })
      messages = Conversation.continued(messages, said, result)
    }
    await publish({ type: "end" })
  }

const readBody = async (request: IncomingMessage): Promise<Submission> => {
  let text = ""
  for await (const chunk of request.setEncoding("utf8")) text += chunk
  return JSON.parse(text)
}

main<Options>(({ database, model, port }) =>
  Effect.gen(function* () {
    const workflow = DBOS.registerWorkflow(agent(model), { name: "agent" })
    DBOS.setConfig(configOf("agents", database))
    yield* Effect.promise(() => DBOS.launch())
    const start = async (request: IncomingMessage): Promise<void> => {
      const { id, messages } = await readBody(request)
      await DBOS.startWorkflow(workflow, { workflowID: id })(messages)
    }
    yield* Effect.async<void>((resume) => {
      createServer((request, response) => {
        start(request).then(
          () => response.end(),
          (error) => response.writeHead(500).end(String(error)),
        )
      }).listen(port, "127.0.0.1", () => resume(Effect.void))
    })
    return {}
  }),
)
