/** Groups of endpoints that a face adds to the API. */
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import type { Example } from "./Examples.js"

/** `after`: the group of the API that they come after where it is described; all when absent. `examples`: by `group.endpoint`. */
export interface Addition {
  readonly groups: ReadonlyArray<HttpApiGroup.HttpApiGroup.Any>
  readonly after?: string
  readonly examples: Readonly<Record<string, Example>>
}
