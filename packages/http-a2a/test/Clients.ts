/**
 * The client of A2A as on npm, over each of its bindings, against a server of the contract.
 */
import {
  type Client,
  ClientFactory,
  ClientFactoryOptions,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from "@a2a-js/sdk/client"
import { type Message, type Part, Role, type SendMessageRequest, type StreamResponse } from "@a2a-js/sdk"
import { Effect, Stream } from "effect"
import { Served } from "../../http/test/serving.js"

export type Binding = "JSONRPC" | "HTTP+JSON"

export const bindings: ReadonlyArray<Binding> = ["JSONRPC", "HTTP+JSON"]

/** A client that has found the agent by its card. */
export const connectTo = (
  { key, url }: Served["Type"],
  binding: Binding,
  agentId = "agent",
): Promise<Client> => {
  const fetchImpl: typeof fetch = (input, init) =>
    fetch(input, {
      ...init,
      headers: { ...(init?.headers as Record<string, string>), authorization: `Bearer ${key}` },
    })
  const factory = new ClientFactory(
    ClientFactoryOptions.createFrom(ClientFactoryOptions.default, {
      cardResolver: new DefaultAgentCardResolver(),
      preferredTransports: [binding],
      transports: [new JsonRpcTransportFactory({ fetchImpl }), new RestTransportFactory({ fetchImpl })],
    }),
  )
  return factory.createFromUrl(`${url}/a2a/${agentId}/`)
}

export const connect = (binding: Binding, agentId?: string) =>
  Effect.flatMap(Served, (served) => Effect.promise(() => connectTo(served, binding, agentId)))

export const text = (value: string): Part => ({
  content: { $case: "text", value },
  metadata: undefined,
  filename: "",
  mediaType: "",
})

export const data = (value: unknown): Part => ({ ...text(""), content: { $case: "data", value } })

export const message = (parts: ReadonlyArray<Part>, more: Partial<Message> = {}): Message => ({
  messageId: crypto.randomUUID(),
  contextId: "",
  taskId: "",
  role: Role.ROLE_USER,
  parts: [...parts],
  metadata: undefined,
  extensions: [],
  referenceTaskIds: [],
  ...more,
})

export const request = (said: Message, returnImmediately = false): SendMessageRequest => ({
  tenant: "",
  message: said,
  configuration: {
    acceptedOutputModes: [],
    taskPushNotificationConfig: undefined,
    returnImmediately,
  },
  metadata: undefined,
})

export const streamOf = (
  of: () => AsyncGenerator<StreamResponse, void, undefined>,
): Stream.Stream<StreamResponse, unknown> =>
  Stream.fromAsyncIterable({ [Symbol.asyncIterator]: of }, (e) => e)

/** What an artifact or a message says. */
export const said = (parts: ReadonlyArray<Part> = []): string =>
  parts.flatMap(({ content }) => (content?.$case === "text" ? [content.value] : [])).join("")
