/** The baseline on SQLite behind `node:http`. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import * as Child from "./Child.js"
import * as Network from "./hand/Network.js"
import * as Sqlite from "./hand/Sqlite.js"
import type { SqliteOptions } from "./Stores.js"

Sqlite.open(Child.options<SqliteOptions>()).pipe(
  Effect.flatMap(Network.serve),
  Effect.flatMap((url) => Child.serve(url, {})),
  Effect.scoped,
  NodeRuntime.runMain,
)
