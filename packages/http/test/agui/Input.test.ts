import { describe, expect, it } from "@effect/vitest"
import { Ids } from "@runlease/core"
import * as Input from "../../src/server/agui/Input.js"
import type { RunAgentInput } from "../../src/Wire/RunAgentInput.js"

const routing = {
  agentId: Ids.AgentId.make("agent"),
  implementationKind: undefined,
  workerKey: undefined,
  traceContext: undefined,
}

describe("the input of an AG-UI client", () => {
  it("is read once for all results, which stand behind the last call of that id", () => {
    let looks = 0
    const calling = (id: string) => ({
      id: `m-${id}`,
      role: "assistant" as const,
      get toolCalls() {
        looks += 1
        return [{ id, type: "function" as const, function: { name: "find", arguments: "{}" } }]
      },
    })
    const result = (id: string) => ({ id: `r-${id}`, role: "tool" as const, toolCallId: id, content: id })
    const ids = Array.from({ length: 100 }, (_, index) => `c${index}`)
    const input: RunAgentInput = {
      threadId: "t",
      runId: Ids.RunId.make("r"),
      messages: [...ids.flatMap((id) => [calling(id), result(id)]), calling("c0"), result("other")],
      tools: [],
      context: [],
      warnings: [],
    }
    const { results } = Input.followUpOf(input, routing)
    // The last message calls c0 again, and has no result yet.
    expect(results.map(({ interruptId }) => interruptId)).toEqual([...ids.slice(1), "other"])
    expect(looks).toBeLessThan(20 * ids.length)
  })
})
