import { describe, expect, it } from "vitest"
import * as SealedSecrets from "../src/rules/SealedSecrets.js"
import * as WebhookRules from "../src/rules/WebhookRules.js"
import { uuid } from "./runSpec.js"

const day = 24 * 60 * 60 * 1000

const endpoint: WebhookRules.EndpointRecord = {
  id: uuid(8),
  projectId: uuid(2),
  url: "https://example.com/",
  events: ["run.completed"],
  agentIds: null,
  labels: {},
  description: null,
  status: "enabled",
  disabledReason: null,
  failingSince: null,
  createdBy: null,
  createdAt: 0,
  updatedAt: 0,
  secrets: [{ sealed: "one", expiresAt: null }],
}

const failed = { _tag: "Failed", status: 500, error: "it answered 500", retryMillis: 1 } as const
const delivered = { _tag: "Delivered", status: 200 } as const

describe("an endpoint", () => {
  it("without a success for five days is disabled", () => {
    const failing = WebhookRules.afterAttempt(endpoint, failed, 1000)
    expect(failing.failingSince).toBe(1000)
    expect(WebhookRules.afterAttempt(failing, failed, 1000 + 5 * day - 1)).toBe(failing)
    const after = WebhookRules.afterAttempt(failing, failed, 1000 + 5 * day)
    expect([after.status, after.disabledReason]).toEqual([
      "disabled",
      "each attempt of the last 5 days has failed",
    ])
    const enabled = WebhookRules.changeEndpoint(after, { enabled: true }, 9 * day)
    expect(enabled._tag === "Right" && enabled.right.failingSince).toBe(null)
  })

  it("with a success begins the five days anew", () => {
    const failing = WebhookRules.afterAttempt(endpoint, failed, 1000)
    const well = WebhookRules.afterAttempt(failing, delivered, 4 * day)
    expect(well.failingSince).toBe(null)
    expect(WebhookRules.afterAttempt(well, delivered, 4 * day)).toBe(well)
    expect(WebhookRules.afterAttempt(well, failed, 6 * day).status).toBe("enabled")
  })

  it("has three secrets at most, of which the older ones expire", () => {
    const names = (record: WebhookRules.EndpointRecord, now: number) =>
      SealedSecrets.valid(record, now).map(({ sealed }) => sealed)
    const second = SealedSecrets.rotate(endpoint, "two", 100, 0)
    const third = SealedSecrets.rotate(second, "three", 1000, 50_000)
    expect(names(third, 50_000)).toEqual(["three", "two", "one"])
    // A later rotation does not let an older secret live longer.
    expect(names(third, 100_000)).toEqual(["three", "two"])
    expect(names(third, 1_050_000)).toEqual(["three"])
    expect(names(SealedSecrets.rotate(third, "four", 1000, 50_000), 50_000)).toEqual(["four", "three", "two"])
    expect(names(SealedSecrets.rotate(endpoint, "two", 0, 5), 5)).toEqual(["two"])
  })
})
