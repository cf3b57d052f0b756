/**
 * What every executor must do, whatever its peer does: say what the peer says and no more, be interrupted, be held back,
 * refuse what no run can have, and leave nothing.
 *
 * @since 0.1.0
 */
import { describe } from "@effect/vitest"
import * as Leaving from "./executor/Leaving.js"
import * as Refusing from "./executor/Refusing.js"
import * as Speaking from "./executor/Speaking.js"
import * as Stopping from "./executor/Stopping.js"
import type { Make } from "./executor/Subject.js"
import * as Working from "./executor/Working.js"

export {
  type Behaviour,
  Floods,
  Huge,
  type Make,
  Malformed,
  Says,
  SaysThenCrashes,
  SaysThenHangs,
  type Subject,
} from "./executor/Subject.js"
export type { Resources } from "./executor/Leaving.js"

/**
 * Declares the tests of an executor, by the real clock. `make` is asked for a subject by each test, whose runs are those
 * of a control plane in memory that the test has for itself. `resources` counts what else runs must give back, such
 * as open descriptors or temporary folders.
 *
 * @since 0.1.0
 * @category suites
 */
export const suite = (name: string, make: Make, resources: Leaving.Resources = {}): void => {
  describe(`Executor (${name})`, () => {
    Speaking.tests(make)
    Stopping.tests(make)
    Refusing.tests(make)
    Leaving.tests(make, resources)
    Working.tests(make)
  })
}
