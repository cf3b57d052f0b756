/** Where a step is called in the source of the user, for a crash test. A run without one reads an absent property for each step. */
import { GlobalValue } from "effect"

/** `read`: the place of the call that is on the stack now, such as `/home/me/refunds.ts:12:23`. A crash test sets it. */
export interface CallSites {
  read: (() => string | undefined) | undefined
}

/** One for all copies of this package in a process: a module that a program loads may have its own. */
export const callSites: CallSites = GlobalValue.globalValue(
  Symbol.for("@runlease/core/CallSites"),
  (): CallSites => ({ read: undefined }),
)
