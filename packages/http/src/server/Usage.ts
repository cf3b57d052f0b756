import { Usage } from "@runlease/core"
import { Effect } from "effect"
import * as Caller from "./Caller.js"
import { group } from "./Group.js"

export const layer = group("usage", (handlers) =>
  handlers.handle("usage", ({ path, urlParams }) =>
    Effect.flatMap(Caller.ports, (ports) =>
      Effect.provide(urlParams.tree === true ? Usage.ofTree(path.run_id) : Usage.ofRun(path.run_id), ports),
    ),
  ),
)
