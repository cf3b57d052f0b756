/**
 * Submits agents to an app of DBOS, and views their streams as an app of its own that shares the system's database. An app is
 * notified of new items, while a `DBOSClient` polls for them, once a second by default. A process of the same app would take part
 * in the recovery of its workflows.
 *
 * Source: https://docs.dbos.dev/ai/streaming, https://docs.dbos.dev/typescript/reference/methods,
 * https://docs.dbos.dev/explanations/sharing-a-system-database
 */
import { DBOS } from "@dbos-inc/dbos-sdk"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { main } from "../src/agent/Viewers.js"
import * as Viewing from "../src/agent/Viewing.js"
import type { Options as AgentOptions } from "./DbosAgent.js"
import { configOf, stream, type Submission } from "./DbosApp.js"

export type Options = Pick<AgentOptions, "database" | "port">

main<Options>(({ database, port }) =>
  Effect.gen(function* () {
    DBOS.setConfig(configOf("viewers", database))
    yield* Effect.promise(() => DBOS.launch())
    return {
      submit: async (messages) => {
        const id = randomUUID()
        const response = await fetch(`http://127.0.0.1:${port}`, {
          method: "POST",
          body: JSON.stringify({ id, messages } satisfies Submission),
        })
        if (!response.ok) throw new Error(`The app answers ${response.status}: ${await response.text()}`)
        return id
      },
      view: async (id, viewing) => {
        const take = Viewing.items(viewing)
        for await (const item of DBOS.readStream<Viewing.Item>(id, stream)) take(item)
      },
      isCompleted: async (id) => (await DBOS.getWorkflowStatus(id))?.status === "SUCCESS",
    }
  }),
)
