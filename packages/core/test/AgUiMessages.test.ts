import { MessageSchema } from "@ag-ui/core/schemas"
import { describe, expect, it } from "@effect/vitest"
import { type RequestSnapshot } from "@runlease/core"
import { AgUiMessages } from "@runlease/core/executor"
import { FastCheck } from "effect"

type Message = AgUiMessages.Message
type SnapshotMessage = RequestSnapshot.SnapshotMessage

const { fromAgUi, toAgUi } = AgUiMessages

/** The violations of AG-UI 1.0 in these messages. */
const problems = (messages: ReadonlyArray<Message>) =>
  messages.flatMap((message) => MessageSchema.safeParse(message).error?.issues ?? [])

const text = FastCheck.oneof(FastCheck.string(), FastCheck.constantFrom("", "Grüße 👋", '{"a":1}', "data:x"))

/** JSON after serialization: no undefined, no -0. */
const json = FastCheck.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown)
const anything = json.filter((value) => value !== null)
const record = FastCheck.dictionary(FastCheck.constantFrom("a", "filename", "runlease", "agUi"), json)
/** Values that look like our own metadata and are not, or no longer are. */
const imitation: FastCheck.Arbitrary<Record<string, unknown>> = FastCheck.letrec((tie) => ({
  fields: FastCheck.dictionary(
    FastCheck.constantFrom("parts", "content", "metadata", "id", "role", "createdAt"),
    FastCheck.oneof({ maxDepth: 3, depthIdentifier: "imitation" }, json, tie("metadata")),
    { maxKeys: 2 },
  ),
  metadata: FastCheck.record({
    runlease: FastCheck.oneof(
      FastCheck.record({ agUi: tie("fields") }),
      FastCheck.record({
        snapshot: FastCheck.record({ count: FastCheck.integer({ min: -1, max: 3 }), fields: tie("fields") }),
      }),
      json,
    ),
  }),
})).metadata as FastCheck.Arbitrary<Record<string, unknown>>

const metadata = FastCheck.oneof(record, imitation)

const optionally = <A>(fields: { [K in keyof A]: FastCheck.Arbitrary<A[K]> }) =>
  FastCheck.record(fields, { requiredKeys: [] })

const merge = (...arbitraries: ReadonlyArray<FastCheck.Arbitrary<object>>) =>
  FastCheck.tuple(...arbitraries).map((records) => Object.assign({}, ...records) as Record<string, unknown>)

const mimeType = FastCheck.constantFrom(
  "image/png",
  "audio/wav",
  "video/mp4",
  "application/pdf",
  "image/*",
  "",
  "a,b",
)

const source = FastCheck.oneof(
  FastCheck.record({ type: FastCheck.constant("data"), value: text, mimeType }),
  merge(
    FastCheck.record({
      type: FastCheck.constant("url"),
      value: FastCheck.oneof(FastCheck.webUrl(), FastCheck.constant("data:image/png;base64,AA==")),
    }),
    optionally({ mimeType }),
  ),
  merge(
    FastCheck.record({ type: FastCheck.constant("file"), value: text }),
    optionally({ provider: text, mimeType }),
  ),
)

const contentPart = merge(
  FastCheck.oneof(
    FastCheck.record({ type: FastCheck.constant("text"), text }),
    FastCheck.record({ type: FastCheck.constantFrom("image", "audio", "video", "document"), source }),
  ),
  optionally({ id: text, metadata: FastCheck.oneof(metadata, anything) }),
)

const content = FastCheck.oneof(text, FastCheck.array(contentPart, { maxLength: 4 }))

const common = merge(
  FastCheck.record({ id: text }),
  optionally({ metadata, encryptedValue: text, subagentRunId: text }),
)
const named = merge(common, optionally({ name: text }))

const toolCall = merge(
  FastCheck.record({
    id: text,
    type: FastCheck.constant("function"),
    function: FastCheck.record({ name: text, arguments: text }),
  }),
  optionally({ encryptedValue: text, metadata }),
)

const role = (name: string) => FastCheck.record({ role: FastCheck.constant(name) })

const message = FastCheck.oneof(
  merge(FastCheck.oneof(role("developer"), role("system")), named, FastCheck.record({ content: text })),
  merge(
    role("assistant"),
    named,
    optionally({ content: text, toolCalls: FastCheck.array(toolCall, { maxLength: 3 }) }),
  ),
  merge(role("user"), named, FastCheck.record({ content })),
  merge(role("tool"), common, FastCheck.record({ content, toolCallId: text }), optionally({ error: text })),
  merge(
    role("activity"),
    FastCheck.record({ id: text, activityType: text, content: record }),
    optionally({ metadata, subagentRunId: text }),
  ),
  merge(role("reasoning"), common, FastCheck.record({ content: text })),
) as FastCheck.Arbitrary<Message>

const snapshotPart = FastCheck.oneof(
  merge(FastCheck.record({ type: FastCheck.constant("text"), text }), optionally({ state: text, metadata })),
  merge(
    FastCheck.record({ type: FastCheck.constant("tool_call"), toolCallId: text, toolName: text }),
    optionally({ args: FastCheck.oneof(text, json), metadata, encryptedValue: FastCheck.oneof(text, json) }),
  ),
  merge(
    FastCheck.record({
      type: FastCheck.constant("tool_result"),
      toolCallId: text,
      result: FastCheck.oneof(content, json),
    }),
    optionally({ isError: FastCheck.boolean(), error: json, toolName: text }),
  ),
  merge(
    FastCheck.record({ type: FastCheck.constant("file") }),
    optionally({
      url: FastCheck.oneof(FastCheck.webUrl(), FastCheck.constant("data:image/png;base64,AA=="), json),
      fileId: text,
      mediaType: FastCheck.oneof(mimeType, json),
      filename: FastCheck.oneof(text, json),
      provider: FastCheck.oneof(text, json),
      kind: FastCheck.oneof(text, json),
      size: FastCheck.nat(),
      metadata: FastCheck.oneof(metadata, json),
    }),
  ),
  merge(FastCheck.record({ type: FastCheck.constant("reasoning"), text })),
  FastCheck.record({ type: FastCheck.constant("activity"), activityType: text, content: record }),
  merge(
    FastCheck.record({
      type: FastCheck.oneof(
        FastCheck.string({ minLength: 1 }),
        FastCheck.constantFrom(
          "text",
          "tool_call",
          "tool_result",
          "reasoning",
          "activity",
          "image",
          "__proto__",
        ),
      ),
    }),
    FastCheck.dictionary(FastCheck.constantFrom("text", "toolCallId", "source", "x"), json),
  ),
)

const snapshotMessageWith = (metadata: FastCheck.Arbitrary<unknown>) =>
  merge(
    FastCheck.record({
      id: text,
      role: FastCheck.oneof(
        FastCheck.constantFrom("user", "assistant", "tool", "system", "developer", "reasoning", "activity"),
        text,
      ),
      parts: FastCheck.array(snapshotPart, { maxLength: 6 }),
    }),
    optionally({ createdAt: text, metadata }),
  ) as FastCheck.Arbitrary<SnapshotMessage>

const assistant = (...parts: SnapshotMessage["parts"]): SnapshotMessage => ({
  id: "m",
  role: "assistant",
  parts,
})

describe("AgUiMessages", () => {
  it("converts every AG-UI message to a snapshot and back unchanged", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(message, { maxLength: 5 }), (messages) => {
        expect(problems(messages)).toEqual([])
        const snapshot = fromAgUi(messages)
        expect(snapshot).toHaveLength(messages.length)
        expect(toAgUi(snapshot)).toEqual(messages)
      }),
      { numRuns: 1000 },
    )
  })

  it("converts every snapshot message to AG-UI and back unchanged", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.array(snapshotMessageWith(FastCheck.oneof(metadata, json)), { maxLength: 3 }),
        (messages) => {
          expect(fromAgUi(toAgUi(messages))).toEqual(messages)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it("reads a message a few times, however many its metadata says were made of one", () => {
    let looks = 0
    const messages = Array.from({ length: 100 }, (_, index) => ({
      id: `m${index}`,
      role: "user",
      get content() {
        looks += 1
        return "x"
      },
      metadata: { runlease: { snapshot: { count: 1e9, fields: {} } } },
    }))
    expect(toAgUi(fromAgUi(messages))).toHaveLength(messages.length)
    expect(looks).toBeLessThan(30 * messages.length)
  })

  it("makes valid AG-UI of any parts", () => {
    const foreign = FastCheck.oneof(json, FastCheck.dictionary(FastCheck.constantFrom("a", "filename"), json))
    FastCheck.assert(
      FastCheck.property(snapshotMessageWith(foreign), (message) => {
        expect(problems(toAgUi([message]))).toEqual([])
      }),
      { numRuns: 1000 },
    )
  })

  it("converts plain messages without extra metadata", () => {
    expect(
      fromAgUi([
        { id: "1", role: "system", content: "Be brief" },
        { id: "2", role: "user", content: "Hello", metadata: { lang: "en" } },
        {
          id: "3",
          role: "assistant",
          content: "Looking",
          toolCalls: [{ id: "c", type: "function", function: { name: "look", arguments: '{"at":1}' } }],
        },
        { id: "4", role: "tool", toolCallId: "c", content: "nothing", error: "blind" },
        { id: "5", role: "reasoning", content: "hm" },
        { id: "6", role: "activity", activityType: "PLAN", content: { steps: [] } },
      ]),
    ).toEqual([
      { id: "1", role: "system", parts: [{ type: "text", text: "Be brief" }] },
      { id: "2", role: "user", parts: [{ type: "text", text: "Hello" }], metadata: { lang: "en" } },
      {
        id: "3",
        role: "assistant",
        parts: [
          { type: "text", text: "Looking" },
          { type: "tool_call", toolCallId: "c", toolName: "look", args: '{"at":1}' },
        ],
      },
      {
        id: "4",
        role: "tool",
        parts: [{ type: "tool_result", toolCallId: "c", result: "nothing", isError: true, error: "blind" }],
      },
      { id: "5", role: "reasoning", parts: [{ type: "reasoning", text: "hm" }] },
      {
        id: "6",
        role: "activity",
        parts: [{ type: "activity", activityType: "PLAN", content: { steps: [] } }],
      },
    ])
  })

  it("converts files of every form to file parts", () => {
    const [message] = fromAgUi([
      {
        id: "1",
        role: "user",
        content: [
          { type: "text", text: "See" },
          { type: "image", source: { type: "data", value: "AA==", mimeType: "image/png" } },
          {
            type: "document",
            source: { type: "url", value: "https://a.test/b.pdf", mimeType: "application/pdf" },
            metadata: { filename: "b.pdf" },
          },
          { type: "audio", source: { type: "file", value: "file-1", provider: "openai" } },
        ],
      },
    ])
    expect(message?.parts).toEqual([
      { type: "text", text: "See" },
      { type: "file", mediaType: "image/png", url: "data:image/png;base64,AA==" },
      { type: "file", mediaType: "application/pdf", url: "https://a.test/b.pdf", filename: "b.pdf" },
      { type: "file", fileId: "file-1", provider: "openai", mediaType: "audio/*" },
    ])
    expect(message?.metadata).toBeUndefined()
  })

  it("splits a message with tool results in the middle into several", () => {
    const message = assistant(
      { type: "step-start" },
      { type: "reasoning", text: "hm" },
      { type: "text", text: "Looking" },
      { type: "tool_call", toolCallId: "c", toolName: "look", args: "{}" },
      { type: "tool_result", toolCallId: "c", result: { found: 1 } },
      { type: "text", text: "Found one" },
    )
    const messages = toAgUi([message])
    expect(problems(messages)).toEqual([])
    expect(messages.map((message) => ({ ...message, metadata: undefined }))).toEqual([
      { id: "m", role: "reasoning", content: "hm" },
      {
        id: "m.1",
        role: "assistant",
        content: "Looking",
        toolCalls: [{ id: "c", type: "function", function: { name: "look", arguments: "{}" } }],
      },
      { id: "m.2", role: "tool", toolCallId: "c", content: '{"found":1}' },
      { id: "m.3", role: "assistant", content: "Found one" },
    ])
    expect(fromAgUi(messages)).toEqual([message])
    // Without one message of the group, the others are converted each by itself.
    const cut = fromAgUi(messages.slice(0, -1))
    expect(cut.map(({ role }) => role)).toEqual(["reasoning", "assistant", "tool"])
    expect(toAgUi(cut)).toEqual(messages.slice(0, -1))
  })

  it("preserves fields that AG-UI 1.0 does not have", () => {
    const written: ReadonlyArray<SnapshotMessage> = [
      { id: "1", role: "user", parts: [{ type: "text", text: "Hi" }], createdAt: "2026-01-01T00:00:00Z" },
      { id: "2", role: "critic", parts: [{ type: "text", text: "No" }], metadata: "of a kind of its own" },
      { id: "3", role: "tool", parts: [{ type: "tool_result", toolCallId: "c", result: { ok: true } }] },
    ]
    const messages = toAgUi(written)
    expect(problems(messages)).toEqual([])
    expect(messages.map(({ content, role }) => [role, content])).toEqual([
      ["user", "Hi"],
      ["user", "No"],
      ["tool", '{"ok":true}'],
    ])
    expect(fromAgUi(messages)).toEqual(written)
    const legacy = [{ id: "1", role: "assistant", content: null }]
    expect(toAgUi(fromAgUi(legacy))).toEqual(legacy)
  })

  it("preserves metadata that only looks like ours, at any depth", () => {
    let metadata: unknown = {}
    for (let depth = 0; depth < 200; depth++) {
      metadata = { runlease: { snapshot: { count: 1, fields: { metadata } } } }
    }
    const forged = [{ id: "1", role: "user", content: "Hi", metadata }]
    expect(toAgUi(fromAgUi(forged))).toEqual(forged)
  })
})
