/** The headers by which a caller says which claim of a run it acts for. */
import { Ids } from "@runlease/core"
import { Schema } from "effect"
import { integerText } from "../Wire.js"

export const epochHeader = "x-runlease-epoch"
export const workerHeader = "x-runlease-worker"

/** (ours) With `x-runlease-worker` an API key acts for that worker, else for the worker that holds the run. */
export const Fence = Schema.Struct({
  [epochHeader]: Schema.optional(integerText(0, Number.MAX_SAFE_INTEGER)),
  [workerHeader]: Schema.optional(Ids.WorkerId),
})
export type Fence = typeof Fence.Type
