/** Hostile requests to every operation of the description of the API, from a seed. */
import { OpenApi } from "@effect/platform"
import { FastCheck as fc } from "effect"
import { Api } from "../../src/Api.js"
import { request, type Sent } from "../socket.js"
import { type JsonSchema, ofSchema, type Schemas, texts } from "./HostileValues.js"

/** What is right in a request: names of things that exist, and credentials. */
export interface World {
  readonly names: Readonly<Record<string, string>>
  /** A worker whose tokens a request may revoke. */
  readonly spareWorker: string
  readonly key: string
  readonly workerToken: string
  /** A token for a browser, of the conversation. */
  readonly pageToken: string
}

/** A request, as bytes on a connection of its own. */
export interface Hostile {
  readonly operation: string
  readonly bytes: Uint8Array
  /** It has no end that a server could see, so it needs no answer. */
  readonly broken: boolean
}

interface Parameter {
  readonly name: string
  readonly in: string
  readonly schema: JsonSchema
}

interface Operation {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly parameters: ReadonlyArray<Parameter>
  readonly body: JsonSchema | undefined
}

const methods = ["get", "post", "put", "delete", "patch"] as const

const operationsOf = (document: OpenApi.OpenAPISpec): ReadonlyArray<Operation> =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const found = item[method]
      if (found === undefined) return []
      const content = found.requestBody?.content["application/json"]
      return [
        {
          name: found.operationId,
          method: method.toUpperCase(),
          path,
          parameters: found.parameters as ReadonlyArray<Parameter>,
          body: content?.schema as JsonSchema | undefined,
        },
      ]
    }),
  )

/** A part of an address, with what would end it or end the request line escaped; now and then with a wrong escape. */
const part: fc.Arbitrary<string> = fc.oneof(
  { weight: 9, arbitrary: texts.map((text) => encodeURIComponent(text.toWellFormed()).slice(0, 6000)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "%",
      "%ZZ",
      "%00",
      "%E0%A4%A",
      "%ED%A0%80",
      "..",
      ".",
      "%2e%2e",
      "a;b",
      "a|b",
      "[]",
    ),
  },
)

/** One time in so many. */
const rarely = <A>(times: number, arbitrary: fc.Arbitrary<A>): fc.Arbitrary<A | undefined> =>
  fc.oneof({ weight: times - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })

const queryOf = (schemas: Schemas, parameters: ReadonlyArray<Parameter>): fc.Arbitrary<string> => {
  const declared = parameters.filter((one) => one.in === "query")
  const pairs = declared.map(({ name, schema }) => {
    // A wait is a delay, not a fault.
    const right = name === "wait_seconds" ? fc.constant(0) : ofSchema(schemas, schema, 0)
    const value = fc.oneof(
      { weight: 2, arbitrary: right.map((one) => encodeURIComponent(String(one).toWellFormed())) },
      { weight: 1, arbitrary: part },
    )
    return fc.option(
      fc
        .array(value, { minLength: 1, maxLength: 3 })
        .map((all) => all.map((one) => `${name}=${one}`).join("&")),
      { nil: undefined, freq: 1 },
    )
  })
  const stray = rarely(
    6,
    fc.oneof(
      fc.tuple(part, part).map((pair) => pair.join("=")),
      fc.constantFrom("&&==", "?", "#"),
    ),
  )
  return fc
    .tuple(stray, ...pairs)
    .map((all) => all.filter((one) => one !== undefined).join("&"))
    .map((query) => (query === "" ? "" : `?${query}`))
}

type Header = readonly [name: string, value: string]

/** A header's value, without what would end it. */
const headerText = texts.map((text) => text.replaceAll(/[\r\n]/g, " ").slice(0, 4000))

const credentialOf = ({ key, pageToken, workerToken }: World): fc.Arbitrary<ReadonlyArray<Header>> =>
  fc.oneof(
    { weight: 160, arbitrary: fc.constant([["Authorization", `Bearer ${key}`] as const]) },
    { weight: 30, arbitrary: fc.constant([["Authorization", `Bearer ${workerToken}`] as const]) },
    { weight: 20, arbitrary: fc.constant([["Authorization", `Bearer ${pageToken}`] as const]) },
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 4, arbitrary: headerText.map((text): ReadonlyArray<Header> => [["Authorization", text]]) },
    { weight: 1, arbitrary: headerText.map((text): ReadonlyArray<Header> => [["X-API-Key", text]]) },
    {
      weight: 1,
      arbitrary: headerText.map((text): ReadonlyArray<Header> => [["Cookie", `runlease_session=${text}`]]),
    },
  )

const contentType = fc.oneof(
  { weight: 30, arbitrary: fc.constant("application/json") },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/json; charset=utf-16",
      "application/problem+json",
      "",
      ";",
    ),
  },
)

const flood = rarely(
  100,
  fc
    .integer({ min: 50, max: 1500 })
    .map((count): ReadonlyArray<Header> =>
      Array.from({ length: count }, (_, index) => [`X-Flood-${index}`, "a"]),
    ),
)

const headersOf = (
  schemas: Schemas,
  parameters: ReadonlyArray<Parameter>,
): fc.Arbitrary<ReadonlyArray<Header>> => {
  const declared = parameters
    .filter((one) => one.in === "header")
    .map(({ name, schema }) =>
      rarely(
        2,
        fc
          .oneof(ofSchema(schemas, schema, 0).map(String), headerText)
          .map((value): Header => [name, value.replaceAll(/[\r\n]/g, " ")]),
      ),
    )
  return fc
    .tuple(flood, ...declared)
    .map(([many = [], ...one]) => [
      ...one.filter((header): header is Header => header !== undefined),
      ...many,
    ])
}

/** The bytes of a body, now and then not those of JSON. */
const bodyOf = (schemas: Schemas, schema: JsonSchema | undefined): fc.Arbitrary<Uint8Array | undefined> => {
  const right = fc.oneof(
    { weight: 6, arbitrary: ofSchema(schemas, schema ?? {}, 8) },
    { weight: 3, arbitrary: ofSchema(schemas, schema ?? {}, 30) },
    { weight: 3, arbitrary: ofSchema(schemas, schema ?? {}, 0) },
  )
  const text = right.map((value) => Buffer.from(JSON.stringify(value) ?? "null"))
  const spoilt = fc
    .tuple(text, fc.nat(), fc.constantFrom("cut", "garbage", "bytes", "bom", "twice", "tail"))
    .map(([bytes, at, how]) => {
      const index = at % (bytes.length + 1)
      switch (how) {
        case "cut":
          return bytes.subarray(0, index)
        case "garbage":
          return Buffer.concat([bytes, Buffer.from("}]\u0000")])
        case "bytes":
          return Buffer.concat([
            bytes.subarray(0, index),
            Buffer.of(0xff, 0xfe, 0xc0, 0x80),
            bytes.subarray(index),
          ])
        case "bom":
          return Buffer.concat([Buffer.from("\ufeff"), bytes])
        case "twice":
          return Buffer.from(`{"a":1,"a":${bytes.toString("utf8")},"__proto__":1}`)
        default:
          return Buffer.concat([bytes, bytes])
      }
    })
  const sent = fc.oneof({ weight: 8, arbitrary: text }, { weight: 1, arbitrary: spoilt })
  return schema === undefined ? rarely(2, sent) : sent
}

type Framing = "length" | "chunked" | "badChunk" | "short" | "long"

const framing: fc.Arbitrary<Framing> = fc.oneof(
  { weight: 90, arbitrary: fc.constant("length" as const) },
  { weight: 8, arbitrary: fc.constant("chunked" as const) },
  { weight: 2, arbitrary: fc.constantFrom("badChunk" as const, "short" as const, "long" as const) },
)

const chunksOf = (body: Uint8Array): Buffer => {
  const size = Math.max(1, Math.ceil(body.length / 7))
  const chunks = Array.from({ length: Math.ceil(body.length / size) }, (_, index) =>
    body.subarray(index * size, (index + 1) * size),
  )
  return Buffer.concat([
    ...chunks.flatMap((chunk) => [
      Buffer.from(`${chunk.length.toString(16)}\r\n`),
      chunk,
      Buffer.from("\r\n"),
    ]),
    Buffer.from("0\r\n\r\n"),
  ])
}

/** The bytes of a request whose body is framed in that way. */
const frame = (sent: Sent, body: Uint8Array, how: Framing): Pick<Hostile, "bytes" | "broken"> => {
  const headers = sent.headers ?? []
  switch (how) {
    case "length":
      return { bytes: request({ ...sent, body }), broken: false }
    case "chunked":
    case "badChunk": {
      const head = request({ ...sent, headers: [...headers, ["Transfer-Encoding", "chunked"]] })
      const tail = how === "chunked" ? chunksOf(body) : Buffer.from("zz\r\nnone\r\n")
      return { bytes: Buffer.concat([head, tail]), broken: how === "badChunk" }
    }
    case "short":
      return { bytes: request({ ...sent, body, length: body.length + 10 }), broken: true }
    case "long":
      return { bytes: request({ ...sent, body, length: Math.max(0, body.length - 10) }), broken: true }
  }
}

const addressOf = ({ name, path }: Operation, { names, spareWorker }: World): fc.Arbitrary<string> => {
  const parts = Array.from(path.matchAll(/\{(\w+)\}/g), ([, one]) => one!)
  const known = name === "workers.revokeTokens" ? { ...names, worker_id: spareWorker } : names
  return fc
    .tuple(
      ...parts.map((one) =>
        fc.oneof(
          { weight: 5, arbitrary: fc.constant(known[one] ?? "missing") },
          { weight: 1, arbitrary: part },
        ),
      ),
    )
    .map((found) => parts.reduce((all, one, index) => all.replace(`{${one}}`, () => found[index]!), path))
}

const methodOf = ({ method }: Operation): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 40, arbitrary: fc.constant(method) },
    {
      weight: 1,
      arbitrary: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PROPFIND"),
    },
  )

/** Requests to every operation, in any order. */
export const make = (world: World): fc.Arbitrary<Hostile> => {
  const document = OpenApi.fromApi(Api)
  const schemas = document.components.schemas as unknown as Schemas
  return fc.oneof(
    ...operationsOf(document).map((operation) =>
      fc
        .record({
          method: methodOf(operation),
          address: addressOf(operation, world),
          query: queryOf(schemas, operation.parameters),
          credential: credentialOf(world),
          headers: headersOf(schemas, operation.parameters),
          type: contentType,
          body: bodyOf(schemas, operation.body),
          how: framing,
        })
        .map(({ address, body, credential, headers, how, method, query, type }): Hostile => {
          const sent = {
            method,
            path: `${address}${query}`,
            headers: [...credential, ["Content-Type", type] as const, ...headers],
          }
          return {
            operation: operation.name,
            ...(body === undefined ? { bytes: request(sent), broken: false } : frame(sent, body, how)),
          }
        }),
    ),
  )
}
