/** A delay that begins again with each submission of a key, so that many changes become one run. */
import { Schema } from "effect"
import * as Ids from "./Ids.js"
import { Seconds } from "./TimeLimits.js"

/**
 * `key`: submissions of one key, project and agent become one run, until a worker claims it. `seconds`: how long the run waits for the
 * next submission. `maxSeconds`: how long it waits in all, from the first one on; absent is for ever.
 *
 * Source: docs/decisions/0104-debounce.md
 */
export const Debounce = Schema.Struct({
  key: Ids.visibleText(256),
  seconds: Seconds,
  maxSeconds: Schema.optional(Seconds),
})
export type Debounce = typeof Debounce.Type
