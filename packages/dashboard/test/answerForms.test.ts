import type * as Json from "@runlease/http/Json"
import { JSONSchema, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { payloadOf } from "../web/src/form/payload"
import { fieldsOf, initialOf, isText, labelOf } from "../web/src/form/schema"
import { budgetOf, limitsFrom } from "../web/src/pages/run/question/budgetLimits"
import { approving, declining, modeOf, sampleOf } from "../web/src/pages/run/question/mode"
import { questionOf } from "../web/src/pages/run/model/questions"
import { nothingFilled, secondsOf, submissionOf } from "../web/src/pages/submit/submission"

const schema = {
  type: "object",
  required: ["base_branch", "rounds"],
  properties: {
    base_branch: { type: "string", default: "main" },
    rounds: { type: "integer", minimum: 1, maximum: 100 },
    draft: { type: "boolean" },
    size: { enum: ["small", "large"] },
    paths: { type: "array", items: { type: "string" } },
    target: {
      type: "object",
      required: ["host"],
      properties: { host: { type: ["string", "null"] }, port: { type: "number" } },
    },
    more: { type: "array", items: { type: "object" } },
  },
}

describe("fields of a schema", () => {
  it("are text, numbers, choices, lists, objects of these, and JSON for the rest", () => {
    const fields = fieldsOf(schema)!
    expect(fields.map(({ kind, name, required }) => [name, kind, required])).toEqual([
      ["base_branch", "text", true],
      ["rounds", "number", true],
      ["draft", "boolean", false],
      ["size", "choice", false],
      ["paths", "list", false],
      ["target", "object", false],
      ["more", "json", false],
    ])
    expect(initialOf(schema)).toEqual({ base_branch: "main" })
  })

  it("hide what is secret as it is typed, whatever its name is", () => {
    const properties = {
      message: { type: "string", format: "password" },
      pin: { type: "string", writeOnly: true },
    }
    expect(fieldsOf({ type: "object", properties })).toMatchObject([
      { kind: "text", long: false, format: "password" },
      { kind: "text", long: false, format: "password" },
    ])
  })

  it("are none where a schema is no object, or says more than its properties", () => {
    expect(fieldsOf({ type: "string" })).toBeUndefined()
    expect(fieldsOf({ ...schema, oneOf: [] })).toBeUndefined()
    expect(fieldsOf(undefined)).toBeUndefined()
  })

  it("are those of the definitions that a schema of Effect refers to", () => {
    const payload = Schema.Struct({
      repository: Schema.String,
      pull: Schema.Int.pipe(Schema.positive()),
      note: Schema.NullOr(Schema.NonEmptyString),
      labels: Schema.Array(Schema.NonEmptyString).annotations({ title: "Which labels" }),
    }).annotations({ identifier: "Review" })
    const form = { ...JSONSchema.make(payload) } as Record<string, unknown>
    const fields = fieldsOf(form)!
    expect(fields.map(({ kind, label, name, required }) => [name, kind, required, label])).toEqual([
      ["repository", "text", true, "Repository"],
      ["pull", "number", true, "Pull"],
      ["note", "text", false, "Note"],
      ["labels", "list", true, "Which labels"],
    ])
    expect(payloadOf(fields, { repository: "runlease", pull: "12", labels: "a\nb" })).toEqual({
      problems: {},
      value: { repository: "runlease", pull: 12, note: null, labels: ["a", "b"] },
    })
    expect(isText({ ...JSONSchema.make(Schema.NonEmptyString) })).toBe(true)
    expect(fieldsOf({ $ref: "#/$defs/Self", $defs: { Self: { $ref: "#/$defs/Self" } } })).toBeUndefined()
  })

  it("are named as people write", () => {
    expect(labelOf("base_branch")).toBe("Base branch")
    expect(labelOf("maxRounds")).toBe("Max rounds")
  })
})

describe("the value of a form", () => {
  const fields = fieldsOf(schema)!

  it("is what the schema wants", () => {
    const { problems, value } = payloadOf(fields, {
      base_branch: "main",
      rounds: "40",
      size: "large",
      paths: "src\n\n test ",
      target: { host: "a", port: "80" },
      more: '[{"a":1}]',
    })
    expect(problems).toEqual({})
    expect(value).toEqual({
      base_branch: "main",
      rounds: 40,
      draft: false,
      size: "large",
      paths: ["src", "test"],
      target: { host: "a", port: 80 },
      more: [{ a: 1 }],
    })
  })

  it("leaves out what is empty", () => {
    expect(payloadOf(fields, { base_branch: "x", rounds: 1 }).value).toEqual({
      base_branch: "x",
      rounds: 1,
      draft: false,
    })
  })

  it("tells what is wrong, by the path of the field", () => {
    const { problems } = payloadOf(fields, { rounds: "101", target: { port: "no" }, more: "{" })
    expect(Object.keys(problems)).toEqual(["base_branch", "rounds", "target.port", "more"])
    expect(problems["rounds"]).toBe("At most 100")
  })
})

describe("the form of a question", () => {
  const mode = (question: object) => modeOf(questionOf({ id: "q", reason: "input_required", ...question })!)
  const approval = {
    type: "object",
    properties: { approved: { type: "boolean" }, note: { type: "string" } },
    required: ["approved"],
  }

  it("is yes or no where the answer has a member for it", () => {
    const found = mode({ reason: "tool_call", toolCallId: "c", responseSchema: approval })
    expect(found).toMatchObject({ kind: "approval", member: true, fields: [{ name: "note" }] })
    if (found.kind !== "approval") return
    expect(approving(found, { note: "x" })).toEqual({
      status: "resolved",
      payload: { note: "x", approved: true },
    })
    expect(declining(found, {})).toEqual({ status: "resolved", payload: { approved: false } })
  })

  it("has what may be edited as the question shows it, and sends it with a yes alone", () => {
    const found = mode({
      reason: "tool_call",
      toolCallId: "c",
      toolArguments: { euros: 40 },
      responseSchema: {
        ...approval,
        properties: {
          ...approval.properties,
          editedArgs: { type: "object", properties: { euros: { type: "number" } } },
        },
      },
    })
    expect(found).toMatchObject({
      kind: "approval",
      fields: [{ name: "note" }],
      edits: { kind: "object", fields: [{ name: "euros" }] },
      initial: { editedArgs: { euros: 40 } },
    })
    if (found.kind !== "approval") return
    const { value } = payloadOf([...found.fields, found.edits!], { editedArgs: { euros: "30" } })
    expect(approving(found, value).payload).toEqual({ approved: true, editedArgs: { euros: 30 } })
    expect(declining(found, value).payload).toEqual({ approved: false })
    expect(sampleOf(found)).toEqual({ approved: true })
  })

  it("is declined where a confirmation has no member for it", () => {
    const found = mode({
      reason: "confirmation",
      response_schema: { type: "object", properties: { base: { type: "string" } } },
    })
    expect(found).toMatchObject({ kind: "approval", member: false })
    if (found.kind !== "approval") return
    expect(approving(found, { base: "main" })).toEqual({ status: "resolved", payload: { base: "main" } })
    expect(declining(found, {})).toEqual({ status: "cancelled" })
  })

  it("is a text, a form, JSON, a result or a budget", () => {
    expect(mode({}).kind).toBe("text")
    expect(mode({ responseSchema: { type: "string" } }).kind).toBe("text")
    expect(mode({ responseSchema: schema }).kind).toBe("form")
    const secret = { type: "string", format: "password", writeOnly: true }
    expect(mode({ responseSchema: secret })).toEqual({ kind: "text", isSecret: true })
    const named = { $ref: "#/$defs/Token", $defs: { Token: secret } }
    expect(mode({ responseSchema: named })).toEqual({ kind: "text", isSecret: true })
    expect(mode({ responseSchema: { type: "string" } })).toEqual({ kind: "text", isSecret: false })
    expect(mode({ responseSchema: { type: "array" } }).kind).toBe("json")
    expect(mode({ reason: "tool_call", client_tool: true, tool_call_id: "c" }).kind).toBe("result")
    expect(mode({ reason: "budget", response_schema: schema }).kind).toBe("budget")
    expect(mode({ reason: "confirmation" }).kind).toBe("approval")
  })
})

describe("a budget", () => {
  it("is read from the run", () => {
    const run = {
      config: { budget: { limits: { tokens: 500 }, spent: { tokens: 20, other: 1 } } },
    } as unknown as Json.CanonicalRun
    expect(budgetOf(run)).toEqual({ limits: { tokens: 500 }, spent: { tokens: 20 } })
    expect(budgetOf({ config: {} } as unknown as Json.CanonicalRun)).toBeUndefined()
  })

  it("is raised above what is spent, a cost in dollars", () => {
    expect(limitsFrom({ tokens: "1,000,000", cost: "$2.50", steps: "" }, { tokens: 500 })).toEqual({
      limits: { tokens: 1_000_000, cost: 2_500_000 },
      problems: {},
    })
    expect(limitsFrom({ tokens: "400", runs: "many" }, { tokens: 500 }).problems).toEqual({
      tokens: "500 is spent already",
      runs: "A number above 0",
    })
  })
})

describe("a submission", () => {
  it("has what was filled in, and nothing else", () => {
    const { body, command, problems } = submissionOf({ ...nothingFilled, agent: "coder", text: "Fix it" })
    expect(problems).toEqual({})
    expect(body(0)).toEqual({
      kind: "agent",
      request: {
        agent_id: "coder",
        request_snapshot: {
          messages: [{ id: "message-1", role: "user", parts: [{ type: "text", text: "Fix it" }] }],
          tools: [],
          context: [],
        },
      },
    })
    expect(command).toBe("runlease submit --agent coder 'Fix it'")
  })

  it("has the payload of an agent with a form in the place of a text", () => {
    const { body, command, problems } = submissionOf({
      ...nothingFilled,
      agent: "review",
      text: "",
      input: { value: { pull: 12 } },
    })
    expect(problems).toEqual({})
    expect(body(0)).toEqual({ kind: "agent", request: { agent_id: "review", input: { pull: 12 } } })
    expect(command).toBe(`runlease submit --agent review --input '{"pull":12}'`)
  })

  it("counts a delay from now, and has a command where there is a flag for all", () => {
    const filled = {
      ...nothingFilled,
      agent: "a",
      text: "t",
      delay: "5 m",
      priority: "-3",
      maxAttempts: "2",
      ttl: "10 m",
      timeout: "1 h",
      budget: { tokens: "1000" },
    }
    const { body, command } = submissionOf(filled)
    expect(body(0)).toMatchObject({
      request: {
        priority: -3,
        max_attempts: 2,
        ttl_seconds: 600,
        timeout_seconds: 3600,
        available_at: "1970-01-01T00:05:00.000Z",
        budget: { tokens: 1000 },
      },
    })
    expect(command).toBe(
      "runlease submit --agent a --priority -3 --max-attempts 2 --available-in 300s --ttl 600s --timeout 3600s --budget tokens=1000 t",
    )
    expect(submissionOf({ ...filled, key: "lane" }).command).toBeNull()
  })

  it("tells what is wrong", () => {
    const { problems } = submissionOf({
      ...nothingFilled,
      agent: " ",
      text: "",
      delay: "soon",
      priority: "1.5",
      maxAttempts: "0",
    })
    expect(Object.keys(problems).toSorted()).toEqual(["agent", "delay", "maxAttempts", "priority", "text"])
    expect(secondsOf("1.5 hours")).toBe(5400)
  })
})
