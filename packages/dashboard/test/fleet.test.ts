import { assert, describe, it } from "@effect/vitest"
import type * as Json from "@runlease/http/Json"
import { isLow, leaseLength, secondsLeft } from "../web/src/format/leases.js"
import { isOlder, median, takenOverAfter } from "../web/src/pages/workers/fleet.js"
import { keepOrder } from "../web/src/ui/steadyOrder.js"
import { byTitle } from "../web/src/shell/keyList.js"
import { findItems, runIdOf } from "../web/src/shell/paletteMatch.js"

describe("the list of workers", () => {
  it("keeps its order, with new workers at the end", () => {
    const idOf = (id: string) => id
    assert.deepStrictEqual(keepOrder(["a", "b", "c", "d"], ["c", "x", "a"], idOf), ["c", "a", "b", "d"])
  })
  it("compares versions as numbers", () => {
    assert.isTrue(isOlder("0.8.9", "0.8.10"))
    assert.isFalse(isOlder("0.8.10", "0.8.9"))
    assert.isFalse(isOlder("1.0.0", "1.0.0"))
    assert.isFalse(isOlder("nightly", "1.0.0"))
  })
  it("knows how long a lost run was without a worker", () => {
    const lost = {
      claim: { expires_at: "2026-11-27T03:00:00.000Z", ended_at: "2026-11-27T03:00:01.000Z" },
      next: { claimed_at: "2026-11-27T03:00:00.400Z" },
    } as unknown as Json.LostLease
    assert.strictEqual(takenOverAfter(lost), 400)
    assert.isUndefined(takenOverAfter({ ...lost, next: null }))
    assert.strictEqual(median([9, 1, 4]), 4)
    assert.isUndefined(median([]))
  })
})

describe("what is left of a lease", () => {
  it("is told in whole seconds, rounded up", () => {
    assert.strictEqual(secondsLeft(11_200), "12 s")
    assert.strictEqual(secondsLeft(-5), "0 s")
    assert.strictEqual(secondsLeft(252_000), "4 m 12 s")
  })
  it("is low below 25 of 60 seconds", () => {
    assert.isTrue(isLow(24.9 / 60))
    assert.isFalse(isLow(25.1 / 60))
  })
  it("is a part of 60 seconds unless leases are seen to be others", () => {
    assert.strictEqual(leaseLength(0, 41_000), 60_000)
    assert.strictEqual(leaseLength(0, 15_000), 15_000)
    assert.strictEqual(leaseLength(0, 300_000), 300_000)
  })
})

describe("the palette", () => {
  const pause = { label: "Pause live updates" }
  const worker = { label: "gpu-01", also: "worker" }
  const items = [pause, { label: "Conversations" }, worker]
  it("finds items by all words, those first that begin with them", () => {
    assert.deepStrictEqual(findItems(items, "live pa"), [pause])
    assert.deepStrictEqual(findItems(items, "worker gpu"), [worker])
    assert.deepStrictEqual(
      findItems([{ label: "a runs" }, { label: "Runs" }], "run").map(({ label }) => label),
      ["Runs", "a runs"],
    )
    assert.lengthOf(findItems(items, ""), 3)
    assert.lengthOf(findItems(items, "", 2), 2)
  })
  it("knows the id of a run", () => {
    assert.strictEqual(
      runIdOf(" 01994A3E-7c1d-7abc-8def-0000000000a1 "),
      "01994a3e-7c1d-7abc-8def-0000000000a1",
    )
    assert.isUndefined(runIdOf("0000000000a1"))
  })
})

describe("the list of keys", () => {
  it("has one line for keys that do the same, and the shell's last", () => {
    const groups = [
      { title: "Everywhere", keys: { "?": { label: "Show all keys" } } },
      { title: "On this page", keys: { j: { label: "Next" }, ArrowDown: { label: "Next" } } },
    ]
    assert.deepStrictEqual(byTitle(groups, "Everywhere"), [
      { title: "On this page", keys: [{ label: "Next", names: ["j", "ArrowDown"] }] },
      { title: "Everywhere", keys: [{ label: "Show all keys", names: ["?"] }] },
    ])
  })
})
