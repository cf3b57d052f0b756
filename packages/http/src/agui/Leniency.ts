/**
 * The input of a client that is older or newer than AG-UI 1.0, as 1.0 has it: what only another version knows is left out,
 * and the run is served.
 */
import { omitOptionalNulls } from "@ag-ui/core"
import { AgUiMembers } from "@runlease/core/executor"
import { Predicate } from "effect"

/** The input, and sentences for our log about parts that are left out or not recognised. */
export interface Lenient {
  readonly input: unknown
  readonly warnings: ReadonlyArray<string>
}

const kindOf = (mimeType: string): string => /^(image|audio|video)\//.exec(mimeType)?.[1] ?? "document"

/** The `binary` part of clients older than 1.0. */
const ofBinary = (part: unknown): unknown => {
  if (!Predicate.isRecord(part) || part["type"] !== "binary") return part
  const { data, filename, id, mimeType, url } = part
  if (typeof mimeType !== "string") return part
  const sources = [
    { type: "data", value: data },
    { type: "url", value: url },
    { type: "file", value: id },
  ]
  const source = sources.find(({ value }) => typeof value === "string")
  if (source === undefined) return part
  return {
    type: kindOf(mimeType),
    source: { ...source, mimeType },
    ...(typeof filename === "string" ? { metadata: { filename } } : {}),
  }
}

/** How many places a warning names at most. */
const maxPlaces = 10

const excerpt = (text: string): string => (text.length > 20 ? `${text.slice(0, 20)}…` : text)

/** An optional field that is null is absent, as older clients write it. */
export const of = (received: unknown): Lenient => {
  const input = omitOptionalNulls(received, "RunAgentInput") as unknown
  if (!Predicate.isRecord(input)) return { input, warnings: [] }
  const reader = AgUiMembers.make(ofBinary)
  const messages = reader.messages(input["messages"], "messages")
  const { dropped } = reader
  const { protocolVersion: version } = input
  return {
    input: { ...input, messages },
    warnings: [
      ...(typeof version === "string" && !AgUiMembers.isKnownVersion(version)
        ? [
            `the client speaks version ${JSON.stringify(excerpt(version))} of AG-UI, of which this server may not know all`,
          ]
        : []),
      ...(dropped.length === 0
        ? []
        : [
            `the client sent ${dropped.length} messages or parts that AG-UI 1.0 does not have, which are left out: ` +
              `${dropped.slice(0, maxPlaces).join(", ")}${dropped.length > maxPlaces ? ", …" : ""}`,
          ]),
    ],
  }
}
