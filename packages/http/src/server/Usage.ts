import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Usage } from "@runlease/core"
import { Effect } from "effect"
import { Api } from "../Api.js"
import * as Verdicts from "../contract/Verdicts.js"
import * as Caller from "./Caller.js"

export const layer = HttpApiBuilder.group(Api, "usage", (handlers) =>
  handlers.handle("usage", ({ path, urlParams }) =>
    Effect.flatMap(Caller.ports, (ports) =>
      Effect.provide(urlParams.tree === true ? Usage.ofTree(path.run_id) : Usage.ofRun(path.run_id), ports),
    ).pipe(Effect.mapError(Verdicts.encode)),
  ),
)
