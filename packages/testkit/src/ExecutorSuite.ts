/**
 * The contract of every executor: it passes its peer's output on unchanged, stops when interrupted, applies
 * back-pressure, refuses invalid output, and releases what it acquired.
 */
import { describe } from "@effect/vitest"
import * as Cleanup from "./executor/Cleanup.js"
import * as Output from "./executor/Output.js"
import * as Attempts from "./executor/Attempts.js"
import type { Make } from "./executor/Subject.js"

export {
  type Behaviour,
  Floods,
  Huge,
  type Make,
  Malformed,
  ofAgent,
  Says,
  SaysThenCrashes,
  SaysThenHangs,
  type Subject,
} from "./executor/Subject.js"

export type { Resources } from "./executor/Cleanup.js"

/**
 * Declares the tests of an executor, by the real clock. Each test makes one subject with `make`; its runs come from a
 * control plane in memory that belongs to the test. `resources` counts what else a run must release, such as open
 * descriptors or temporary folders.
 */
export const suite = (name: string, make: Make, resources: Cleanup.Resources = {}): void => {
  describe(`Executor (${name})`, () => {
    Output.tests(make)
    Attempts.tests(make)
    Cleanup.tests(make, resources)
  })
}
