import type * as Json from "@runlease/http/Json"

/** The labels of a run, each as a list is filtered by it: `name:value`. */
export const labelTexts = ({ labels }: Pick<Json.RunSummary, "labels">): ReadonlyArray<string> =>
  Object.entries(labels).map(([name, value]) => `${name}:${value}`)
