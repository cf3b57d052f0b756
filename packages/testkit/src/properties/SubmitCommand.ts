/** Submissions that fast-check generates. */
import type { Multitask } from "@runlease/core/Runs"
import { FastCheck as fc } from "effect"
import type { Submit } from "./Request.js"

export const runs = 4

export const rarely = fc.integer({ min: 0, max: 5 }).map((value) => value === 5)

const any: fc.Arbitrary<Submit> = fc.record({
  _tag: fc.constant<"Submit">("Submit"),
  run: fc.nat(runs - 1),
  lane: fc.constantFrom(null, "a", "b"),
  limit: fc.constantFrom<Submit["limit"]>(
    null,
    null,
    null,
    { key: "m", most: 1 },
    { key: "m", most: 2 },
    { key: "n", most: 1 },
  ),
  priority: fc.nat(1),
  maxAttempts: fc.constantFrom(2, 1, 3),
  availableAt: fc.constantFrom(null, null, null, 20_000),
  ttl: fc.constantFrom(null, null, null, 10_000),
  timeout: fc.constantFrom(null, null, null, 15_000),
  driven: rarely,
  ofClient: fc.boolean(),
  tokens: fc.constantFrom(null, null, 20),
  multitask: fc.constantFrom<Multitask>(
    "enqueue",
    "enqueue",
    "enqueue",
    "steer",
    "interrupt",
    "latest",
    "latest",
    "reject",
  ),
  debounce: fc.constantFrom<Submit["debounce"]>(
    null,
    null,
    null,
    { key: "x", wait: 10_000, most: null },
    { key: "x", wait: 10_000, most: 30_000 },
    { key: "y", wait: 20_000, most: 20_000 },
  ),
})

/** What is limited or debounced has nothing that it cannot go with. */
export const submit = any.map((request): Submit => {
  if (request.limit !== null) {
    return { ...request, lane: null, driven: false, multitask: "enqueue", debounce: null }
  }
  return request.debounce === null
    ? request
    : { ...request, availableAt: null, driven: false, multitask: "enqueue" }
})
