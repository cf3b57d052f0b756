/** How a run shares the queue with the runs of other keys. */
import { Schema } from "effect"
import { visibleText } from "./Ids.js"

/** A fairness key: up to 128 characters. */
export const FairnessKey = visibleText(128)

export const minWeight = 0.1
export const maxWeight = 100

/** The weight of a fairness key: of two keys that wait, one of weight 3 starts three runs for each of one of weight 1. */
export const FairnessWeight = Schema.Number.pipe(Schema.between(minWeight, maxWeight))

/** The key of a run, and its weight. */
export interface Fairness {
  readonly key: string
  readonly weight: number
}

export interface FairnessFields {
  readonly fairnessKey?: string | undefined
  readonly fairnessWeight?: number | undefined
}

/** The fairness among these fields; null for none. */
export const fairnessOf = ({ fairnessKey, fairnessWeight = 1 }: FairnessFields): Fairness | null =>
  fairnessKey === undefined ? null : { key: fairnessKey, weight: fairnessWeight }

/** The fields of it; none for null. */
export const fieldsOf = (fairness: Fairness | null): FairnessFields =>
  fairness === null ? {} : { fairnessKey: fairness.key, fairnessWeight: fairness.weight }
