/** The endpoints of the API, and requests to them as a principal sends them. */
import { HttpApi } from "@effect/platform"
import { Effect } from "effect"
import * as Api from "@runlease/http/Api"
import { faces } from "../faces.js"
import { Served } from "../../../../http/test/serving.js"
import type { Sender } from "./principals.js"
import type { Names, Request } from "./requests.js"

export interface Endpoint {
  /** `group.endpoint` */
  readonly name: string
  readonly method: string
  readonly path: string
}

export const endpoints: ReadonlyArray<Endpoint> = (() => {
  const found: Array<Endpoint> = []
  HttpApi.reflect(Api.withFaces(faces), {
    onGroup: () => {},
    onEndpoint: ({ endpoint: { method, name, path }, group }) => {
      found.push({ name: `${group.identifier}.${name}`, method, path })
    },
  })
  return found
})()

export interface Answer {
  readonly status: number
  readonly type: string | null
  readonly text: string
}

/** Sends a request. A stream is left when it has begun. */
export const send = (
  { method, name, path }: Endpoint,
  names: Names,
  { body, query = "" }: Request,
  { headers, workerId }: Sender,
): Effect.Effect<Answer, never, Served> => {
  const parts: Readonly<Record<string, string>> = {
    project_reference: names.project,
    worker_id: workerId ?? names.worker,
    run_id: names.run,
    response_id: names.run,
    conversation_id: names.conversation,
    key_id: names.key,
    agent_id: names.agent,
    thread_id: names.thread,
    chat_id: names.thread,
    schedule_id: names.schedule,
    bulk_id: names.bulk,
    endpoint_id: names.endpoint,
    delivery_id: names.delivery,
    project_id: names.projectId,
    source_name: names.source,
    input_request_id: names.input,
    limit_name: "gpu",
    operation: "message:send",
    task_id: name === "a2a.taskOperation" ? `${names.run}:cancel` : names.run,
    config_id: "config",
  }
  const address = path.replace(/:([a-z_]+)/g, (_, part: string) => parts[part]!)
  return Effect.flatMap(Served, ({ url }) =>
    Effect.promise(async (signal) => {
      const response = await fetch(`${url}${address}${query}`, {
        method,
        signal,
        headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const { status } = response
      const type = response.headers.get("content-type")
      if (type?.startsWith("text/event-stream") !== true) return { status, type, text: await response.text() }
      await response.body?.cancel()
      return { status, type, text: "" }
    }),
  )
}

// oxlint-disable-next-line typescript/no-explicit-any -- a test looks into whatever came
type Json = any

const verdictOf = (status: number, error: string): string =>
  status === 403 && error === "lease_lost" ? "lost" : String(status)

/** What an answer says, as the matrix has it. */
export const cellOf = (endpoint: Endpoint, { status, text }: Answer): string => {
  const json: Json = text === "" ? {} : JSON.parse(text)
  if (status !== 200) return verdictOf(status, json.error)
  switch (endpoint.name) {
    case "workers.renew":
      return json.run === null ? "lost" : "200"
    case "workers.renewMany":
      return json.leases[0].status === "lost" ? "lost" : "200"
    case "runs.submitMany":
    case "exchange.exchange": {
      const inner = json.answers.map((answer: Json) => verdictOf(answer.status, answer.body.error))
      return Array.from(new Set<string>(inner), (one) => (one === "lost" ? one : `+${one}`)).join("/")
    }
    // The error of a call is in its response.
    case "a2a.rpc":
      return json.error?.code === -32001 ? "404" : "200"
    default:
      return "200"
  }
}
